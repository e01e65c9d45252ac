"""The log of one robot: a line a tick, enough to see afterwards what it knew and why it did what it did, and to compute it again."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path

from runtime.log_file import open_log
from runtime.log_lines import Closing, Event, Header, Tick

WRITE_PERIOD = 0.05
"""Lines wait for so long at most, and are handed to the system then: a crash of the process loses no more [s]."""
MOST_WAITING = 16_384
"""Lines; five minutes at 50 Hz, and some 40 MB."""
LONGEST_CLOSE = 5.0
"""Longest wait for a disk that hangs when a run ends [s]."""


class RunLog:
    """Writes lines to a file, from a thread of its own: neither a slow disk nor one that fails is felt by the robot.

    Args:
        path: of the file, `.mcap` or JSON lines; what was in it is lost.
        say: prints one line.

    Attributes:
        dropped: lines that were lost because the file could not keep up.

    Raises:
        InputError: the file cannot be opened.
    """

    def __init__(self, path: Path, say: Callable[[str], None]) -> None:
        self.dropped = 0
        self._path = path
        self._say = say
        self._file = open_log(path)
        self._waiting: deque[Header | Tick | Event | Closing] = deque()
        self._closing = threading.Event()
        self._failed = False
        self._thread = threading.Thread(target=self._write_out, name="log", daemon=True)
        self._thread.start()

    def write(self, line: Header | Tick | Event | Closing) -> None:
        """Add one line; the line must not change any more. Never waits."""
        if self._failed:
            return
        if len(self._waiting) >= MOST_WAITING:
            self.dropped += 1
            return
        self._waiting.append(line)

    def close(self) -> None:
        """Write what is left, for `LONGEST_CLOSE` at most. May be called twice."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._thread.join(LONGEST_CLOSE)
        if self._thread.is_alive() or self.dropped:
            lost = self.dropped + (len(self._waiting) if self._thread.is_alive() else 0)
            self._say(f"{self._path}: {lost} lines were lost, the file could not keep up")

    def _write_out(self) -> None:
        try:
            closing = False
            while not closing:
                closing = self._closing.wait(WRITE_PERIOD)
                while self._waiting:
                    self._file.write(self._waiting.popleft())
                self._file.flush()
            self._file.close()
        except Exception as error:  # whatever it is, the robot goes on without a log, and someone is told
            self._failed = True
            self._waiting.clear()
            self._say(f"{self._path}: log ends here: {getattr(error, 'strerror', None) or repr(error)}")


class NoLog:
    """Takes lines and keeps none."""

    def write(self, line: Header | Tick | Event | Closing) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""
