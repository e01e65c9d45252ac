"""The log of one robot: a line a tick, enough to see afterwards what it knew and why it did what it did, and to compute it again."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path

import msgspec

from runtime.log_file import open_log
from runtime.log_lines import Closing, Event, Header, Tick

WRITE_PERIOD = 0.05
"""Lines wait for so long at most, and are handed to the system then: a crash of the process loses no more [s]."""
MOST_WAITING = 16_384
"""Lines; five minutes at 50 Hz, and some 40 MB."""
LARGEST_LOG = 2_000_000_000
"""Bytes that the log of a run takes on the disk, in two parts: of three robots at 50 Hz the last 8 to 16 hours."""
LONGEST_CLOSE = 5.0
"""Longest wait for a disk that hangs when a run ends [s]."""


def earlier_part(path: Path) -> Path:
    """Where the part of a log is put that was before the one at `path`."""
    return path.with_name(f"{path.stem}.before{path.suffix}")


class RunLog:
    """Writes lines to a file, from a thread of its own: neither a slow disk nor one that fails is felt by the robot.

    A file that has grown to half of the limit becomes the earlier part (`earlier_part`), in the place of the one before, and a new one is
    begun with the same header.

    Args:
        path: of the file, `.mcap` or JSON lines; what was in it is lost.
        say: prints one line.
        limit: most that both parts may take [bytes].

    Attributes:
        dropped: lines that were lost because the file could not keep up.

    Raises:
        InputError: the file cannot be opened.
    """

    def __init__(self, path: Path, say: Callable[[str], None], limit: int = LARGEST_LOG) -> None:
        self.dropped = 0
        self._path = path
        self._say = say
        self._limit = limit
        self._file = open_log(path)
        self._header: Header | None = None
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
                    line = self._waiting.popleft()
                    if isinstance(line, Header):
                        self._header = line
                    self._file.write(line)
                self._file.flush()
                if self._header is not None and not closing and self._file.size() > self._limit // 2:
                    self._turn_over(self._header)
            self._file.close()
        except Exception as error:  # whatever it is, the robot goes on without a log, and someone is told
            self._failed = True
            self._waiting.clear()
            self._say(f"{self._path}: log ends here: {getattr(error, 'strerror', None) or repr(error)}")

    def _turn_over(self, header: Header) -> None:
        self._file.close()
        self._path.replace(earlier_part(self._path))
        self._file = open_log(self._path)
        self._header = msgspec.structs.replace(header, part=header.part + 1)
        self._file.write(self._header)


class NoLog:
    """Takes lines and keeps none."""

    def write(self, line: Header | Tick | Event | Closing) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""
