"""`fieldswarm picture`: draw recorded missions, from above as a PNG and as PyBullet renders them as a GIF."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from robots.errors import InputError
from robots.spec import robot_folder
from sim3d.picture import missions_picture, trajectory_picture
from sim3d.plant.record import Record
from sim3d.team_name import team_name

FRAME_PERIOD = 0.1
"""Between two frames of a GIF, as it is watched [s]."""
UNKNOWN_KIND = "omni"
"""Of robots in records of a time when no other kind was recorded."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("record", metavar="RECORD.npz", help="record of a series, from `fieldswarm simulate` or `fieldswarm plant`")
    parser.add_argument("--missions", default="0", metavar="K[,K...]", help="numbers of the missions to draw (default: 0)")
    parser.add_argument("--png", metavar="FILE", help="trajectories from above")
    parser.add_argument("--gif", metavar="FILE", help="the first of the missions, rendered in PyBullet without a screen")
    parser.add_argument("--speed", type=float, default=1.0, help="of the GIF, in times that of the mission (default: 1)")
    parser.add_argument(
        "--kind", metavar="K[,K...]", help=f"robot kinds, for records that do not say; one, or one a robot (default: {UNKNOWN_KIND})"
    )


def run(arguments: argparse.Namespace) -> None:
    """Draw what was asked for."""
    if not (arguments.png or arguments.gif):
        raise InputError("picture needs --png FILE, --gif FILE or both")
    if not (math.isfinite(arguments.speed) and arguments.speed > 0):
        raise InputError(f"--speed: is {arguments.speed}, must be finite and above 0")
    record = Record.load(arguments.record)
    missions = _numbers(arguments.missions, len(record), arguments.record)
    kinds = _kinds(arguments.kind, record, arguments.record)
    radii = record.capture_radius, record.robot_radius, record.arena_half_size
    if arguments.png and len(missions) == 1:
        only = missions[0]
        trajectory_picture(record.position[only], record.landmarks[only], *radii, arguments.png, f"mission {only} in {record.world}")
    elif arguments.png:
        titles = [f"mission {mission}" for mission in missions]
        missions_picture([record.position[m] for m in missions], [record.landmarks[m] for m in missions], *radii, arguments.png, titles)
    if arguments.gif:
        _render(record, missions[0], kinds, arguments.speed, arguments.gif)
    for path in filter(None, (arguments.png, arguments.gif)):
        print(f"wrote {path}")


def _render(record: Record, mission: int, kinds: tuple[str, ...], speed: float, path: str | Path) -> None:
    # Imported here: the PNG of a record needs no PyBullet.
    from sim3d.render.caption import captioned
    from sim3d.render.replay import mission_gif, replay_frames

    stride = max(1, round(FRAME_PERIOD * speed / record.tick_period))
    landmarks = record.landmarks[mission]
    frames = replay_frames(
        record.position[mission, ::stride],
        landmarks if landmarks.ndim == 2 else landmarks[::stride],
        kinds,
        record.arena_half_size,
        record.capture_radius,
        record.heading[mission, ::stride],
    )
    title = " | ".join(filter(None, (team_name(kinds), record.profile, record.world)))
    pace = "" if speed == 1 else f"x{speed:g}   "
    step = stride * record.tick_period
    shown = [captioned(frame, title, f"{pace}{number * step:.1f} s") for number, frame in enumerate(frames)]
    mission_gif(shown, path, step / speed)


def _numbers(text: str, missions: int, place: str) -> list[int]:
    numbers = [int(part) if part.strip().isdigit() else -1 for part in text.split(",")]
    if not all(0 <= number < missions for number in numbers):
        raise InputError(f"--missions: is '{text}'; {place} has missions 0 ... {missions - 1}")
    return numbers


def _kinds(text: str | None, record: Record, place: str) -> tuple[str, ...]:
    """Of the robots of a record, by agent: its own, or those of the command line where it has none."""
    robots = record.position.shape[2]
    given = tuple((text or UNKNOWN_KIND).split(","))
    kinds = given * robots if len(given) == 1 else given
    if text is not None and record.kinds not in ((), kinds):
        raise InputError(f"--kind: is '{text}'; {place} says {', '.join(record.kinds)}")
    if len(kinds) != robots:
        raise InputError(f"--kind: is '{text}', {len(kinds)} kinds; {place} has {robots} robots")
    for kind in kinds:
        robot_folder(kind)
    return record.kinds or kinds
