"""Draw the logs of robots: paths, distances to the peers, ages of their messages, times, and what the gate changed."""

from __future__ import annotations

import argparse
import io
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from robots.errors import InputError
from runtime.atomic import write_atomically
from runtime.ears import SILENCE
from runtime.log_file import read_log
from runtime.log_lines import Header, Tick
from runtime.safety import REASONS
from sim3d.picture import robot_colour


@dataclass(frozen=True)
class _Course:
    """One robot's ticks."""

    robot: str
    ticks: list[Tick]

    @property
    def time(self) -> np.ndarray:
        """[T], s since the robot began."""
        return np.array([tick.t for tick in self.ticks])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`fieldswarm plot LOG ... --out PNG`."""
    parser.add_argument("logs", type=Path, nargs="+", metavar="LOG", help="logs of robots (`fieldswarm run --log`): .mcap or JSON lines")
    parser.add_argument("--out", type=Path, required=True, metavar="PNG", help="picture to write")
    parser.add_argument("--episode", type=int, help="draw this mission alone (default: all)")


def run(arguments: argparse.Namespace) -> None:
    """Write the picture. Raises InputError."""
    courses = [_read(path, arguments.episode) for path in arguments.logs]
    figure = draw(courses)
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=120)
    write_atomically(arguments.out, data.getvalue())
    print(f"wrote {arguments.out}: {', '.join(f'{course.robot} ({len(course.ticks)} ticks)' for course in courses)}")


def draw(courses: list[_Course]) -> Figure:
    """One picture of all robots."""
    with mpl.rc_context({"font.size": 8, "axes.grid": True, "grid.alpha": 0.3}):
        figure = Figure(figsize=(11, 7), layout="constrained")
        panels = figure.subplot_mosaic([["path", "distance"], ["path", "age"], ["gate", "time"]], width_ratios=[1, 1.4])
        for agent, course in enumerate(courses):
            colour = robot_colour(agent)
            position = np.array([tick.position for tick in course.ticks])
            panels["path"].plot(*_broken(position, course).T, color=colour, linewidth=1.0, label=course.robot)
            peers = {peer: [tick.peers[peer] for tick in course.ticks] for peer in course.ticks[0].peers}
            for peer, seen in peers.items():
                known = np.array([each.age is not None and each.age < SILENCE for each in seen])
                offset = np.array([each.position for each in seen]) - position
                label = f"{course.robot} - {peer}"
                panels["distance"].plot(course.time, np.where(known, np.hypot(*offset.T), np.nan), linewidth=0.8, label=label)
                ages = np.array([each.age if known[index] else np.nan for index, each in enumerate(seen)], dtype=float)
                panels["age"].plot(course.time, 1e3 * ages, linewidth=0.8)
            panels["time"].plot(course.time, [tick.compute for tick in course.ticks], ".", color=colour, markersize=1.5)
            for row, reason in enumerate(REASONS):
                changed = course.time[[reason in tick.gate for tick in course.ticks]]
                panels["gate"].plot(changed, np.full(len(changed), row + 0.15 * agent), "|", color=colour, markersize=5)
        panels["path"].set(title="where they say that they are", xlabel="east [m]", ylabel="north [m]", aspect="equal")
        panels["path"].legend()
        panels["distance"].set(title="distance to a peer, as believed", ylabel="[m]")
        if len(panels["distance"].lines) <= 8:
            panels["distance"].legend(ncols=2)
        panels["age"].set(title="age of a peer's message", ylabel="[ms]")
        panels["time"].set(title="compute time of a tick", ylabel="[us]", xlabel="[s]", yscale="log")
        panels["gate"].set(
            title="changed by the gate", xlabel="[s]", yticks=range(len(REASONS)), yticklabels=REASONS, ylim=(len(REASONS), -1)
        )
        return figure


def _read(path: Path, episode: int | None) -> _Course:
    lines = list(read_log(path))
    if not lines or not isinstance(lines[0], Header):
        raise InputError(f"{path}: does not begin with a header")
    ticks = [line for line in lines if isinstance(line, Tick) and episode in (None, line.episode)]
    if not ticks:
        raise InputError(f"{path}: has no ticks" + ("" if episode is None else f" of episode {episode}"))
    return _Course(lines[0].robot, ticks)


def _broken(position: np.ndarray, course: _Course) -> np.ndarray:
    """A path [T, 2] with a gap where a mission begins and the robot is put elsewhere."""
    begins = np.flatnonzero(np.diff([tick.episode for tick in course.ticks])) + 1
    return np.insert(position, begins, np.nan, axis=0)
