"""An emergency stop outlives the process: a file that is there while the stop is in force, and read when the robot is started again."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from robots.errors import InputError
from runtime.stop_message import one_line


class Latch:
    """Keeps the reason of a stop in a file until the robot is armed again.

    Attributes:
        reason: of the stop that is in force; None for none.

    Args:
        path: of the file; None to remember nothing beyond this process.
        say: prints one line.

    Raises:
        InputError: the file's folder is not there.
    """

    def __init__(self, path: Path | None, say: Callable[[str], None]) -> None:
        self.reason: str | None = None
        self._path = path
        self._say = say
        if path is None:
            return
        if not path.parent.is_dir():
            raise InputError(f"{path}: cannot be written: no such directory")
        if os.path.lexists(path):
            self.reason = _read(path)

    def follow(self, reason: str | None) -> None:
        """Once a tick: the reason of the stop that is in force, or None. The file changes when that does; what fails is told."""
        if reason == self.reason:
            return
        self.reason = reason
        if self._path is None:
            return
        try:
            if reason is None:
                self._path.unlink(missing_ok=True)
            else:
                _write(self._path, reason)
        except OSError as error:
            self._say(f"{self._path}: cannot be {'removed' if reason is None else 'written'}: {error.strerror}")


def _read(path: Path) -> str:
    """Whatever is in the file, it is there."""
    try:
        with path.open("rb") as file:
            return one_line(file.read(1000).decode(errors="replace"))
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}"


def _write(path: Path, reason: str) -> None:
    """So that it is there after the power went, too."""
    with path.open("w", encoding="utf-8") as file:
        file.write(reason)
        file.flush()
        os.fsync(file.fileno())
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
