"""How far a study is, with the time that is left: finished runs, and what those that are under way have logged."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

from tqdm import tqdm

from training.studies.run import RunTask, run_directory

_EVERY = 2.0
"""Seconds between two looks at the runs."""


class Progress:
    """A bar in env steps, moved by a thread of its own; a worker on another machine is seen when its run is done.

    Args:
        folder: of run directories.
        missing: runs that are to be made.
        steps: that each variant's run takes.
        runs: all there are.
    """

    def __init__(self, folder: Path, missing: Iterable[RunTask], steps: dict[str, int], runs: int) -> None:
        self._folder, self._steps, self._runs = folder, steps, runs
        self._missing = list(missing)
        total = sum(steps[task.variant] for task in self._missing)
        begun = self._done()
        # Where nobody looks (None) it is off, as the bars of single runs are everywhere.
        self._bar = tqdm(total=total, initial=begun, unit="step", unit_scale=True, desc="study", smoothing=0.05, disable=None, leave=False)
        self._began, self._at_first, self._total = time.monotonic(), begun, total
        self._base = 0
        self._over = threading.Event()
        self._show()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def finished(self, task: RunTask) -> None:
        """A run is done."""
        self._missing.remove(task)
        self._base += self._steps[task.variant]
        self._show()
        if self._bar.disable and self._missing:
            done = self._base + self._done()
            rate = max(1, done - self._at_first) / (time.monotonic() - self._began)
            left = str(timedelta(seconds=round((self._total - done) / rate)))
            print(f"{self._runs - len(self._missing)} of {self._runs} runs, about {left} left", file=sys.stderr, flush=True)

    def close(self) -> None:
        """End."""
        self._over.set()
        self._thread.join()
        self._bar.close()

    def _watch(self) -> None:
        while not self._over.wait(_EVERY):
            self._show()

    def _show(self) -> None:
        done = self._base + self._done()
        self._bar.set_postfix_str(f"{self._runs - len(self._missing)} of {self._runs} runs", refresh=False)
        self._bar.update(max(0, done - self._bar.n))
        self._bar.refresh()

    def _done(self) -> int:
        return sum(min(_logged(run_directory(self._folder, task)), self._steps[task.variant]) for task in list(self._missing))


def _logged(directory: Path) -> int:
    """Env steps in a run's log; 0 where there is none yet, or its last row is being written."""
    try:
        last = (directory / "metrics.csv").read_bytes().rstrip(b"\n").rpartition(b"\n")[2]
        return int(last.split(b",")[1])
    except (OSError, IndexError, ValueError):
        return 0
