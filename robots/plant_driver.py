"""The driver of a simulated plant: any process that speaks `robots/plant_protocol.py`."""

from __future__ import annotations

import contextlib
import math
import time
import weakref

import msgspec
import numpy as np
import zmq

from robots.driver import Clock, DriverFeatures, PlantGone, RobotState
from robots.endpoint import refuse_plaintext
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
    decode_from_plant,
    encode,
)
from robots.socket_events import SocketEvents

HELLO_PERIOD = 0.2
"""Time between two Hellos while no plant answers [s]."""
CLOCK_DRIFT = 1e-4
"""Most by which the plant's clock may run slower than ours; ten times a common quartz."""
MOST_AT_ONCE = 128
"""Messages taken from the plant in one go; a plant that floods cannot hold the control loop."""
SHORTEST_PERIOD = 1e-4
"""Of a loop that a plant may ask for [s]; five times shorter than one that a robot can hold (`tests.benchmarks.realtime`)."""
GOODBYE = 0.3
"""Longest wait for the last command to leave when the link is closed [s]."""

_OPTIONS = {
    zmq.LINGER: 0,
    zmq.SNDHWM: 8,
    # Never full: ZeroMQ aborts the process when a heartbeat fails beside a full queue (libzmq 4364, 4767). Frames are 1 kB at most.
    zmq.RCVHWM: 20_000,
    zmq.MAXMSGSIZE: 1024,
    zmq.RECONNECT_IVL: 50,
    zmq.RECONNECT_IVL_MAX: 200,
    zmq.HEARTBEAT_IVL: round(1000 * HEARTBEAT),
    zmq.HEARTBEAT_TIMEOUT: round(1000 * SILENCE),
    zmq.HEARTBEAT_TTL: round(1000 * SILENCE),
}


class PlantDriver:
    """Drives one simulated robot over ZeroMQ (see `robots.driver.Driver` and `robots/README.md`).

    The link is lost when the connection breaks (the plant ended or was killed) or when there is no sign of life for
    5 s (its machine or the network went). A lost link stays lost: whoever drives decides what that means, and connects anew.

    Attributes:
        rejected: messages of the plant that were not understood or not finite; they are dropped.

    Args:
        robot: id of the robot.
        endpoint: ZeroMQ endpoint at which the plant serves this robot.
        allow_plaintext: connect beyond loopback, where whoever is on the network can drive the robot.
    """

    def __init__(self, robot: str, endpoint: str, allow_plaintext: bool = False) -> None:
        self.robot = robot
        self.endpoint = endpoint
        self.rejected = 0
        self._allow_plaintext = allow_plaintext
        self._context: zmq.Context | None = None
        self._socket: zmq.Socket | None = None
        self._events: SocketEvents | None = None
        self._poller = zmq.Poller()
        self._connected = False
        self._welcomed = False
        self._clock: Clock = "realtime"
        self._gone: str | None = "not connected"
        self._tick = -1
        self._clock_offset: int | None = None
        self._clock_seen = 0

    def connect(self, timeout: float) -> DriverFeatures:
        """Say hello until the plant answers.

        Raises:
            InputError: nothing answers within `timeout` [s], the plant refuses, it speaks another version of the protocol, or it is on a
                network without leave.
        """
        if not self._allow_plaintext:
            refuse_plaintext(self.endpoint, f"robot {self.robot}: plant", NO_KEYS)
        self._open()
        try:
            return self._features(self._greet(timeout))
        except BaseException:
            self.close()
            raise

    def read(self, timeout: float) -> RobotState | None:
        """The newest state not yet read, or None when none comes within `timeout` [s]. Raises PlantGone.

        Its `stamp` is the plant's, moved onto our monotonic clock by the smallest difference seen between arrival and stamp; a
        state that waited in a queue is as old as it is.
        """
        deadline = time.monotonic() + timeout
        remaining = timeout
        while True:
            newest: State | None = None
            for message in self._receive(remaining):
                if isinstance(message, State) and message.tick > self._tick:
                    newest, self._tick = message, message.tick
            if newest is not None:
                return self._measured(newest)
            self._check_link()
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                return None

    def command(self, action: np.ndarray, tick: int) -> np.ndarray:
        """Send one action [2]; returns what was sent: zero for an action that is not finite. Raises PlantGone."""
        self._check_link()
        x, y = float(action[0]), float(action[1])
        if not (math.isfinite(x) and math.isfinite(y)):
            x = y = 0.0
        self._send(Command(tick, (x, y)))
        return np.array([x, y])

    def stop(self) -> None:
        """Command zero, now. In lockstep nothing moves without a command, and a zero would let the plant go on for a tick."""
        if self._welcomed and self._gone is None and self._clock == "realtime":
            self._send(Command(max(self._tick, 0), (0.0, 0.0)))

    def close(self) -> None:
        """Stop, say goodbye, release the link."""
        if self._context is None:
            return
        self.stop()
        if self._welcomed and self._gone is None:
            self._send(End(""))
        self._events.close()
        self._socket.close(linger=int(GOODBYE * 1000))
        self._context.term()
        self._abandoned.detach()
        self._context = self._socket = self._events = None
        self._welcomed = False
        self._gone = self._gone or "not connected"

    def _open(self) -> None:
        self.close()
        self._tick, self._clock_offset, self._connected, self._welcomed, self._gone = -1, None, False, False, None
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        for option, value in _OPTIONS.items():
            self._socket.set(option, value)
        self._events = SocketEvents(self._socket, zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED)
        # A driver that nobody closed must not keep the interpreter from ending.
        self._abandoned = weakref.finalize(self, _release, self._context, self._events.socket, self._socket)
        self._poller = zmq.Poller()
        self._poller.register(self._socket, zmq.POLLIN)
        self._poller.register(self._events.socket, zmq.POLLIN)
        try:
            self._socket.connect(self.endpoint)
        except zmq.ZMQError as error:
            self.close()
            raise InputError(f"{self.endpoint}: is no endpoint to connect to (robot {self.robot}): {zmq.strerror(error.errno)}") from None

    def _greet(self, timeout: float) -> Welcome:
        deadline = time.monotonic() + timeout
        next_hello = -math.inf
        while (now := time.monotonic()) < deadline:
            wait = deadline - now
            # What is sent before there is a connection would pile up and arrive at once.
            if self._connected:
                if now >= next_hello:
                    self._send(Hello(PROTOCOL, self.robot))
                    next_hello = now + HELLO_PERIOD
                wait = min(wait, next_hello - now)
            # One at a time: the first state may be right behind the welcome.
            for message in self._receive(wait, most=1):
                if isinstance(message, Refused):
                    raise InputError(f"{self.endpoint}: the plant refuses robot {self.robot}: {message.reason}")
                if isinstance(message, Welcome):
                    return message
        raise InputError(f"no plant answers at {self.endpoint} within {timeout:g} s (robot {self.robot})")

    def _features(self, welcome: Welcome) -> DriverFeatures:
        if welcome.protocol != PROTOCOL:
            raise InputError(f"{self.endpoint}: the plant speaks protocol {welcome.protocol}, this driver speaks {PROTOCOL}")
        if welcome.robot != self.robot:
            raise InputError(f"{self.endpoint}: the plant is robot '{welcome.robot}', this driver is for '{self.robot}'")
        if not SHORTEST_PERIOD <= welcome.loop_period < math.inf:
            raise InputError(
                f"{self.endpoint}: the plant's loop period is {welcome.loop_period:g} s, must be at least {SHORTEST_PERIOD:g} s"
            )
        if not 0 < welcome.watchdog < math.inf:
            raise InputError(f"{self.endpoint}: the plant's watchdog is {welcome.watchdog:g} s, must be finite and above 0")
        self._welcomed, self._clock = True, welcome.clock
        return DriverFeatures(welcome.kind, welcome.action, welcome.loop_period, welcome.clock, welcome.watchdog)

    def _send(self, message: Hello | Command | End) -> None:
        """Hand over one message; it is lost when nobody reads at the other end, and `read` finds out that the link is."""
        if self._socket is not None:
            with contextlib.suppress(zmq.Again):
                self._socket.send(encode(message), zmq.NOBLOCK)

    def _receive(self, timeout: float, most: int = MOST_AT_ONCE) -> list[FromPlant]:
        """The messages that have come, after waiting at most `timeout` [s] for the first. Notes the end of the link."""
        self._check_link()
        messages: list[FromPlant] = []
        self._poller.poll(max(0, math.ceil(timeout * 1000)))
        # The events first: when they tell of the end, all that was sent before is there to be read.
        if (event := self._events.take()) is not None:
            self._connected = event == zmq.EVENT_HANDSHAKE_SUCCEEDED
            # A connection that breaks before the welcome is no loss: the plant is being started.
            if self._welcomed and not self._connected:
                self._gone = f"lost the plant at {self.endpoint}"
        for _ in range(most):
            if not self._socket.get(zmq.EVENTS) & zmq.POLLIN:
                break
            try:
                messages.append(_decode(self._socket.recv_multipart()))
            except (msgspec.DecodeError, ValueError, RecursionError):
                self.rejected += 1
                continue
            if isinstance(messages[-1], End):
                # The plant waits for this answer before it closes: TCP drops what is unread when a closed end is written to.
                self._send(End(""))
                self._gone = messages[-1].reason
        return messages

    def _check_link(self) -> None:
        if self._gone is not None:
            raise PlantGone(self._gone)

    def _measured(self, state: State) -> RobotState:
        now = time.monotonic_ns()
        offset = now - state.stamp
        if self._clock_offset is not None:
            # The smallest difference is the one with the least waiting; it may creep up, for the plant's clock may run slower.
            offset = min(offset, self._clock_offset + int(CLOCK_DRIFT * (now - self._clock_seen)))
        self._clock_offset, self._clock_seen = offset, now
        return RobotState(
            tick=state.tick,
            episode=state.episode,
            elapsed=state.elapsed,
            stamp=state.stamp + offset,
            position=np.array(state.position),
            velocity=np.array(state.velocity),
            heading=state.heading,
        )


def _release(context: zmq.Context, *sockets: zmq.Socket) -> None:
    """Close without a word.

    `Context.destroy` would not do: it knows its sockets by weak references, which the collector of cycles has cleared by then, and
    waits for ever for the sockets that it does not know of.
    """
    for socket in sockets:
        socket.close(linger=0)
    context.term()


def _decode(frames: list[bytes]) -> FromPlant:
    if len(frames) != 1:
        raise ValueError("a message is one frame")
    message = decode_from_plant(frames[0])
    if isinstance(message, State) and not all(map(math.isfinite, (*message.position, *message.velocity, message.heading))):
        raise ValueError("a state is not finite")
    return message
