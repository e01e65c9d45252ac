"""Which processes are there, by their command lines (Linux)."""

from __future__ import annotations

import os
import time
from pathlib import Path


def alive(mark: str) -> list[int]:
    """Processes whose command line has `mark`, zombies left out."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (folder / "cmdline").read_bytes() and int(folder.name) != os.getpid():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def gone(mark: str, within: float) -> bool:
    deadline = time.monotonic() + within
    while alive(mark) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not alive(mark)
