"""Watches the processes of a series: missions as they end, and what it means when a process fails."""

from __future__ import annotations

import contextlib
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from robots.driver import Clock
from robots.errors import InputError
from sim3d.culprit import blame, last_words
from sim3d.process_group import Exit, ProcessGroup

PLANT = "plant"
POLL = 0.1
"""Time between two looks at how far the plant is [s]."""
SETTLE = 1.0
"""When a process fails, time for the others to say why they failed in turn [s]."""
LEAVE = 10.0
"""Longest that a robot may take to end after the plant [s]."""


@dataclass
class Outcome:
    """How a series went.

    Attributes:
        end: the plant's last event.
        lost: robots that failed on the way, and how, in words.
    """

    end: dict[str, Any] = field(default_factory=dict)
    lost: dict[str, str] = field(default_factory=dict)


def watch(group: ProcessGroup, folder: Path, clock: Clock, progress: Callable[[dict[str, Any]], None]) -> Outcome:
    """Until all processes have ended.

    In lockstep everyone waits for everyone, so the series is over when one process fails. In real time a robot that fails once the series
    has begun is one robot less, which the plant's watchdog stops: it is noted, and the others go on.

    Args:
        group: the plant and the robots.
        folder: has the plant's events (`plant.jsonl`), and what each process wrote to its standard error.
        clock: of the series.
        progress: told of each mission as it ends.

    Raises:
        InputError: a process failed, and the series cannot go on without it.
    """
    lines = _Lines(folder / f"{PLANT}.jsonl")
    outcome, begun, missions = Outcome(), False, 0
    deadline = math.inf
    while group.running:
        failed = _failed(group)
        for event in map(json.loads, lines.new()):
            if event["event"] == "begin":
                begun = True
            elif event["event"] == "mission":
                missions += 1
                progress(event)
            elif event["event"] == "end":
                outcome.end, deadline = event, time.monotonic() + LEAVE
        if failed:
            others = bool(group.running - {PLANT} or outcome.end)
            if not (clock == "realtime" and begun and others and all(exit.name != PLANT for exit in failed)):
                raise InputError(blame(failed, PLANT, outcome.end.get("robot", ""), folder))
            for exit in failed:
                outcome.lost[exit.name] = f"{last_words(exit, folder)}, in mission {missions + 1}"
        if time.monotonic() > deadline:
            late = min(group.running)
            if clock == "lockstep":
                raise InputError(f"robot {late}: still runs {LEAVE:g} s after the plant ended the series")
            outcome.lost |= dict.fromkeys(group.running, f"still ran {LEAVE:g} s after the series")
            break
    return outcome


def _failed(group: ProcessGroup) -> Sequence[Exit]:
    failed = [exit for exit in group.wait(POLL) if exit.status]
    if failed:
        # Who failed first may only have been faster than the one that pulled it down.
        settled = time.monotonic() + SETTLE
        while group.running and (remaining := settled - time.monotonic()) > 0:
            failed += [exit for exit in group.wait(remaining) if exit.status]
    return failed


class _Lines:
    """The lines that another process adds to a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0

    def new(self) -> Iterator[bytes]:
        """Whole lines since the last call; none while there is no file."""
        with contextlib.suppress(FileNotFoundError), self._path.open("rb") as file:
            file.seek(self._read)
            for line in file:
                if line.endswith(b"\n"):
                    self._read += len(line)
                    yield line
