"""What the kernel says of one process (Linux, /proc)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ProcessFigures:
    """Of one moment.

    Attributes:
        cpu: time that its threads have run since it began [s].
        resident: memory that it has in RAM [MB].
        proportional: the same, but what it shares with others is divided among them [MB].
        descriptors: open files, sockets among them.
        threads: all of them.
    """

    cpu: float
    resident: float
    proportional: float
    descriptors: int
    threads: int


def figures_of(pid: int) -> ProcessFigures | None:
    """Read them; None for a process that has ended."""
    place = Path(f"/proc/{pid}")
    try:
        fields = (place / "stat").read_text().rpartition(")")[2].split()
        sizes = dict(line.split(":", 1) for line in (place / "smaps_rollup").read_text().splitlines()[1:])
        descriptors = len(list((place / "fd").iterdir()))
    except (OSError, ValueError):
        return None
    resident, proportional = (int(sizes[name].split()[0]) / 1024 for name in ("Rss", "Pss"))
    return ProcessFigures(
        cpu=(int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"),
        resident=resident,
        proportional=proportional,
        descriptors=descriptors,
        threads=int(fields[17]),
    )
