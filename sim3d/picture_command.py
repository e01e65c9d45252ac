"""`fieldswarm picture`: draw recorded missions, from above as a PNG and in PyBullet as a GIF."""

from __future__ import annotations

import argparse

from robots.errors import InputError
from sim3d.picture import missions_picture, trajectory_picture
from sim3d.record import Record

FRAME_PERIOD = 0.1
"""Between two frames of a GIF [s]; missions are shown at their own speed."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("record", metavar="RECORD.npz", help="record of a series, from `fieldswarm simulate` or `fieldswarm plant`")
    parser.add_argument("--missions", default="0", metavar="K[,K...]", help="numbers of the missions to draw (default: 0)")
    parser.add_argument("--png", metavar="FILE", help="trajectories from above")
    parser.add_argument("--gif", metavar="FILE", help="the first of the missions, replayed in PyBullet")
    parser.add_argument("--kind", default="omni", help="robot kind whose model the GIF shows (default: omni)")


def run(arguments: argparse.Namespace) -> None:
    """Draw what was asked for."""
    if not (arguments.png or arguments.gif):
        raise InputError("picture needs --png FILE, --gif FILE or both")
    record = Record.load(arguments.record)
    missions = _numbers(arguments.missions, len(record), arguments.record)
    radii = record.capture_radius, record.robot_radius, record.arena_half_size
    if arguments.png and len(missions) == 1:
        only = missions[0]
        trajectory_picture(record.position[only], record.landmarks[only], *radii, arguments.png, f"mission {only} in {record.world}")
    elif arguments.png:
        titles = [f"mission {mission}" for mission in missions]
        missions_picture([record.position[m] for m in missions], [record.landmarks[m] for m in missions], *radii, arguments.png, titles)
    if arguments.gif:
        # Imported here: the PNG of a record needs no PyBullet.
        from sim3d.replay import mission_gif, replay_frames

        stride = max(1, round(FRAME_PERIOD / record.tick_period))
        mission = missions[0]
        frames = replay_frames(
            record.position[mission, ::stride],
            record.landmarks[mission],
            arguments.kind,
            record.arena_half_size,
            record.capture_radius,
            record.heading[mission, ::stride],
        )
        mission_gif(frames, arguments.gif, stride * record.tick_period)
    for path in filter(None, (arguments.png, arguments.gif)):
        print(f"wrote {path}")


def _numbers(text: str, missions: int, place: str) -> list[int]:
    numbers = [int(part) if part.strip().isdigit() else -1 for part in text.split(",")]
    if not all(0 <= number < missions for number in numbers):
        raise InputError(f"--missions: is '{text}'; {place} has missions 0 ... {missions - 1}")
    return numbers
