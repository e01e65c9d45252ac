"""How a robot is, told to whoever asks on this machine: through a local socket, and to systemd where it started the robot."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from robots.errors import InputError

NOTIFY_PERIOD = 500_000_000
"""Time between two signs of life to systemd [ns]; a unit's WatchdogSec is several times as long."""
ANSWER_TIMEOUT = 2.0
"""Longest wait for a robot's answer [s]; it answers once a tick."""


class Health:
    """Answers from the control thread, once a tick, without ever waiting: a loop that hangs does not answer.

    Args:
        path: of the socket, which only this user can connect to; None for none.
        clock: [ns, monotonic].
        environment: NOTIFY_SOCKET in it is systemd's (sd_notify(3)).

    Raises:
        InputError: the socket cannot be made, or another robot answers at it.
    """

    def __init__(self, path: Path | None, clock: Callable[[], int], environment: Mapping[str, str] = os.environ) -> None:
        self._path = path
        self._clock = clock
        self._listening = None if path is None else _listen(path)
        self._systemd = environment.get("NOTIFY_SOCKET", "").replace("@", "\0", 1)
        self._notifier = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) if self._systemd else None
        self._notified: int | None = None

    def attend(self, report: Callable[[], dict]) -> None:
        """Once a tick: answer one who asks with `report()`, and give systemd a sign of life."""
        if self._listening is not None:
            with contextlib.suppress(OSError):
                connection, _ = self._listening.accept()
                with connection:
                    connection.setblocking(False)
                    connection.send(msgspec.json.encode(report()) + b"\n")
        if self._notifier is not None and (self._notified is None or self._clock() - self._notified >= NOTIFY_PERIOD):
            ready = b"READY=1\n" if self._notified is None else b""
            self._notified = self._clock()
            with contextlib.suppress(OSError):
                self._notifier.sendto(ready + b"WATCHDOG=1\nSTATUS=" + report()["mode"].encode(), self._systemd)

    def close(self) -> None:
        """Remove the socket. May be called twice."""
        if self._listening is not None:
            self._listening.close()
            self._listening = None
            self._path.unlink(missing_ok=True)
        if self._notifier is not None:
            self._notifier.close()
            self._notifier = None


def ask(path: Path) -> dict:
    """What the robot at a socket says of itself. Raises InputError when there is none, or it does not answer."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
            asking.settimeout(ANSWER_TIMEOUT)
            asking.connect(str(path))
            answer = b"".join(iter(lambda: asking.recv(4096), b""))
    except TimeoutError:
        raise InputError(f"{path}: no answer within {ANSWER_TIMEOUT:g} s: the robot's loop hangs") from None
    except OSError as error:
        raise InputError(f"{path}: no robot answers: {error.strerror}") from None
    try:
        return msgspec.json.decode(answer, type=dict)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise InputError(f"{path}: what answers is no robot") from None


def _listen(path: Path) -> socket.socket:
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        if path.is_socket():
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                if probe.connect_ex(str(path)) == 0:
                    raise InputError(f"{path}: another robot answers here")
            path.unlink()  # left behind by one that was killed
        listening.bind(str(path))
        path.chmod(0o600)
        listening.listen(4)
    except OSError as error:
        listening.close()
        raise InputError(f"{path}: cannot be made: {error.strerror or error}") from None
    except InputError:
        listening.close()
        raise
    return listening
