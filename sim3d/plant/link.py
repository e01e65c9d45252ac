"""The plant's end of the link to one robot: who drives it, and what was last commanded."""

from __future__ import annotations

import math
import time
from collections import Counter

import msgspec
import zmq

from robots.endpoint import own_side, refuse_plaintext
from robots.errors import InputError
from robots.plant_protocol import (
    HEARTBEAT,
    NO_KEYS,
    PROTOCOL,
    SILENCE,
    Command,
    End,
    FromPlant,
    Hello,
    Refused,
    State,
    Welcome,
    decode_from_driver,
    encode,
)

MOST_AT_ONCE = 64
"""Messages taken from one robot in one go; a driver that floods cannot hold up the others."""
LINGER = 200
"""Longest wait for what was sent to leave when the link is closed [ms]."""

_OPTIONS = {
    zmq.SNDHWM: 16,
    # Never full: ZeroMQ aborts the process when a heartbeat fails beside a full queue (libzmq 4364, 4767). Frames are 1 kB at most.
    zmq.RCVHWM: 20_000,
    zmq.MAXMSGSIZE: 1024,
    zmq.HEARTBEAT_IVL: round(1000 * HEARTBEAT),
    zmq.HEARTBEAT_TIMEOUT: round(1000 * SILENCE),
    zmq.HEARTBEAT_TTL: round(1000 * SILENCE),
}


class RobotLink:
    """Serves one robot. The driver with the newest Hello owns it; commands of others are ignored.

    Attributes:
        robot: its id.
        socket: to be polled; `receive` reads it.
        joined: a driver owns the robot.
        left: why the last owner said goodbye; None while there is an owner, or none has come yet.
        counts: what was wrong with messages: `garbage`, `not_finite`, `stray` (of a driver that does not own the robot), `tick`
            (of a tick that does not run), `saturated` (larger than the robot's limit), and `watchdog`, ticks without a fresh command.

    Args:
        context: of ZeroMQ.
        endpoint: where to serve.
        welcome: what the robot is.
        limit: largest norm of an action; a platform saturates there, so does the plant.
        place: names the endpoint in errors.
        allow_plaintext: serve beyond loopback, where whoever is on the network can drive the robot.

    Raises:
        InputError: the endpoint cannot be bound, or is on a network without leave.
    """

    def __init__(
        self, context: zmq.Context, endpoint: str, welcome: Welcome, limit: float, place: str, allow_plaintext: bool = False
    ) -> None:
        if not allow_plaintext:
            refuse_plaintext(endpoint, f"{place}:", NO_KEYS)
        self.robot = welcome.robot
        self.left: str | None = None
        self.counts: Counter[str] = Counter()
        self._welcome = welcome
        self._limit = limit
        self._owner: bytes | None = None
        self._state: State | None = None
        self._command: Command | None = None
        self._commanded_at = -math.inf
        self.socket = context.socket(zmq.ROUTER)
        for option, value in _OPTIONS.items():
            self.socket.set(option, value)
        try:
            self.socket.bind(own_side(endpoint))
        except zmq.ZMQError as error:
            self.socket.close(linger=0)
            raise InputError(f"{place}: cannot serve robot {self.robot} at {endpoint}: {zmq.strerror(error.errno)}") from None

    @property
    def joined(self) -> bool:
        """Whether a driver owns the robot."""
        return self._owner is not None

    def send(self, state: State) -> None:
        """Give the owner its next state; a driver that takes over in the middle of a tick gets it, too."""
        self._state = state
        if self._owner is not None:
            self._send(self._owner, state)

    def receive(self) -> None:
        """Take in what has come. Whatever it is, nothing is raised."""
        for _ in range(MOST_AT_ONCE):
            if not self.socket.get(zmq.EVENTS) & zmq.POLLIN:
                return
            sender, *frames = self.socket.recv_multipart()
            try:
                (frame,) = frames
                message = decode_from_driver(frame)
            except (msgspec.DecodeError, ValueError, RecursionError):
                self.counts["garbage"] += 1
                continue
            if isinstance(message, Hello):
                self._greet(sender, message)
            elif sender != self._owner:
                self.counts["stray"] += 1
            elif isinstance(message, Command):
                self._take(message)
            else:
                self._owner, self._command, self.left = None, None, message.reason

    def commanded(self, tick: int) -> bool:
        """Whether the owner has answered the state of `tick`."""
        return self._command is not None and self._command.tick == tick

    def action(self, oldest: float) -> tuple[float, float]:
        """The newest command, or zero when it came before `oldest` [s, time.monotonic]."""
        if self._command is None:
            return 0.0, 0.0
        if self._commanded_at < oldest:
            self.counts["watchdog"] += 1
            return 0.0, 0.0
        return self._command.action

    def end(self, reason: str) -> None:
        """Tell the owner that the series is over; `reason` is empty when all went well. It answers with its own End."""
        if self._owner is not None:
            self._send(self._owner, End(reason))

    def close(self) -> None:
        """Release the endpoint, when what was sent has left."""
        self.socket.close(linger=LINGER)

    def _greet(self, sender: bytes, hello: Hello) -> None:
        if hello.protocol != PROTOCOL:
            self._send(sender, Refused(f"the driver speaks protocol {hello.protocol}, this plant speaks {PROTOCOL}"))
            return
        if hello.robot != self.robot:
            self._send(sender, Refused(f"this endpoint serves robot '{self.robot}', not '{hello.robot}'"))
            return
        self._send(sender, self._welcome)
        if sender == self._owner:
            return
        if self._owner is not None:
            self._send(self._owner, End(f"another driver took over robot {self.robot}"))
        self._owner, self._command, self.left = sender, None, None
        if self._state is not None:
            self._send(sender, self._state)

    def _take(self, command: Command) -> None:
        if not all(map(math.isfinite, command.action)):
            self.counts["not_finite"] += 1
            command = Command(command.tick, (0.0, 0.0))
        if self._state is None or command.tick > self._state.tick or (self._command is not None and command.tick < self._command.tick):
            self.counts["tick"] += 1
            return
        norm = math.hypot(*command.action)
        if norm > self._limit * (1 + 1e-6):
            self.counts["saturated"] += 1
            scale = self._limit / norm  # zero where the norm overflows; multiplied first, infinity over infinity would be commanded
            command = Command(command.tick, (command.action[0] * scale, command.action[1] * scale))
        self._command, self._commanded_at = command, time.monotonic()

    def _send(self, receiver: bytes, message: FromPlant) -> None:
        # A ROUTER drops what it cannot deliver; it never blocks.
        self.socket.send_multipart((receiver, encode(message)), zmq.NOBLOCK)
