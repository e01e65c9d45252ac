"""Processes that never outlive the one that started them, whatever happens to it.

A small keeper process stands between us and the children. It holds the reading end of a pipe whose only writing end is ours: when we
stop, fail, or are killed, even with SIGKILL, the pipe closes, and the keeper ends the children: SIGTERM, two seconds, SIGKILL. Keeper
and children form one process group of their own, so a Ctrl-C in our terminal reaches us alone, and if it is the keeper that is killed,
we end the group. Nothing but POSIX is needed: no prctl, no signal to be handled by the children, no code between fork and exec.

This file is both sides: imported by us, and run as a script by the keeper; hence nothing but the standard library.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

GRACE = 2.0
"""Time between SIGTERM and SIGKILL [s]."""


@dataclass(frozen=True)
class Child:
    """One process to run: its name, its command line, and the files that take its output."""

    name: str
    command: tuple[str, ...]
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Exit:
    """A child has ended.

    Attributes:
        name: of the child.
        status: as subprocess gives it: the exit status, or minus the signal's number.
        error: why it could not be started; empty for one that was.
    """

    name: str
    status: int
    error: str = ""


class ProcessGroup:
    """Runs children side by side until they end or this object is closed.

    Args:
        children: to start at once.
        environment: of all of them.
    """

    def __init__(self, children: Sequence[Child], environment: Mapping[str, str]) -> None:
        # -I: the folder of this script stays out of sys.path, where its neighbours would hide modules of the standard library.
        self._keeper = subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(__file__).resolve())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=dict(environment),
            start_new_session=True,
        )
        self._running = {child.name for child in children}
        self._unread = b""
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._keeper.stdout, selectors.EVENT_READ)
        with contextlib.suppress(BrokenPipeError):
            self._keeper.stdin.write(json.dumps([asdict(child) for child in children]).encode() + b"\n")
            self._keeper.stdin.flush()

    def __enter__(self) -> ProcessGroup:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def running(self) -> frozenset[str]:
        """Names of the children that have not ended."""
        return frozenset(self._running)

    def wait(self, timeout: float) -> list[Exit]:
        """The children that ended since the last call, in their order, after waiting at most `timeout` [s] for the first."""
        if not self._running or not self._selector.select(timeout):
            return []
        data = os.read(self._keeper.stdout.fileno(), 65536)
        if not data:
            lost, self._running = sorted(self._running), set()
            return [Exit(name, -signal.SIGKILL, "the process that keeps it was killed") for name in lost]
        *lines, self._unread = (self._unread + data).split(b"\n")
        exits = [Exit(**json.loads(line)) for line in lines]
        self._running -= {exit.name for exit in exits}
        return exits

    def close(self) -> None:
        """End all children that still run, and wait until they are gone. May be called twice."""
        if self._keeper.stdout.closed:
            return
        with contextlib.suppress(BrokenPipeError):
            self._keeper.stdin.close()
        deadline = time.monotonic() + GRACE + 1.0
        while self._selector.select(max(0.0, deadline - time.monotonic())) and os.read(self._keeper.stdout.fileno(), 65536):
            pass
        # The keeper has ended, and its group with it, unless it was killed. It is not reaped yet, so its number is still its own.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._keeper.pid, signal.SIGKILL)
        self._keeper.wait()
        self._keeper.stdout.close()
        self._selector.close()
        self._running = set()


def _keep() -> None:
    """The keeper: start what the first line asks for, tell of each end, and end everything when the pipe closes."""
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    processes: dict[str, subprocess.Popen] = {}
    try:
        for line in json.loads(sys.stdin.buffer.readline() or b"[]"):
            child = Child(**line)
            try:
                with Path(child.stdout).open("wb") as stdout, Path(child.stderr).open("wb") as stderr:
                    processes[child.name] = subprocess.Popen(child.command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr)
            except OSError as error:
                _tell(Exit(child.name, 127, str(error)))
        selector = selectors.DefaultSelector()
        selector.register(sys.stdin.fileno(), selectors.EVENT_READ)
        selector.register(woken, selectors.EVENT_READ)
        while _told(processes):
            for key, _ in selector.select():
                data = os.read(key.fd, 4096)
                if not data or bytes([signal.SIGTERM]) in data:
                    return
    finally:
        _end(list(processes.values()))


def _told(processes: dict[str, subprocess.Popen]) -> bool:
    """Tell of the children that have ended; whether any is left."""
    for name, process in list(processes.items()):
        if process.poll() is not None:
            del processes[name]
            _tell(Exit(name, process.returncode))
    return bool(processes)


def _tell(exit: Exit) -> None:
    print(json.dumps(asdict(exit)), flush=True)


def _end(processes: list[subprocess.Popen]) -> None:
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + GRACE
    for process in processes:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, deadline - time.monotonic()))
    for process in processes:
        process.kill()
        process.wait()
    # What the children left behind. This process is in the group, too.
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    _keep()
