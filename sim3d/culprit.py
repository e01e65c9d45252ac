"""Which of several processes that failed together is to blame, and what it said: one line for the user."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path

from sim3d.process_group import Exit

PREFIX = "fieldswarm: "


def blame(exits: Sequence[Exit], plant: str, accused: str, folder: Path) -> str:
    """Name the first cause in one line.

    Processes that fail pull others down: a robot that loses its plant fails, too. A plant that crashed is to blame; so is a robot that the
    plant accused; otherwise the one that failed first.

    Args:
        exits: of the processes that failed, in the order in which they ended; at least one.
        plant: name of the plant's process.
        accused: the robot that did not do its part, as the plant saw it; empty for none.
        folder: has what each of them wrote to its standard error, as `<name>.stderr`.
    """
    first = next((exit for exit in exits if exit.name == plant and exit.status not in (0, 2)), None)
    first = first or next((exit for exit in exits if exit.name == accused), exits[0])
    who = "the plant" if first.name == plant else f"robot {first.name}"
    return f"{who}: {last_words(first, folder)}"


def last_words(exit: Exit, folder: Path) -> str:
    """How a process failed, in one line, from its status and what it wrote to its standard error (`<name>.stderr` in the folder)."""
    stderr = folder / f"{exit.name}.stderr"
    if exit.error:
        return f"could not be run: {exit.error}"
    if exit.status < 0:
        return f"was killed by {signal.Signals(-exit.status).name}"
    lines = [line for line in stderr.read_text(errors="replace").splitlines() if line.strip()]
    if not lines:
        return f"ended with status {exit.status} and without a word"
    if lines[0].startswith("Traceback"):
        return f"crashed: {lines[-1]} (see {stderr})"
    # The runtime may have told the operator other things before; the cause comes last.
    return lines[-1].removeprefix(PREFIX).removeprefix(f"{exit.name}: ")
