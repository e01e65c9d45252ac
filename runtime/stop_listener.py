"""A robot's ear for an emergency stop: a socket of its own, which takes stops under the operator's key, and nothing else.

Not under a robot's key: each of those lies on a machine that can be stolen, and a stop holds until someone arms each robot again, so one
stolen robot could end every mission of its team. Robots need not stop each other: HOLD and the barrier see to a peer that is gone, or near.
The operator's key in turn opens no other door: with it one can stop robots, and neither listen to them nor speak for one.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import Protocol

import zmq

from robots.errors import InputError
from robots.socket_events import SocketEvents
from runtime.binding import bind
from runtime.doorkeeper import Doorkeeper, Knock, guard, prove_shut
from runtime.keys import RobotKeys
from runtime.message import Rejected
from runtime.stop_message import LARGEST_STOP, STOP_VERSION, StopAnswer, StopRequest, decode_request, encode_stop, one_line
from runtime.team import Member

MOST_AT_ONCE = 8
"""Requests taken, and answered, in a tick; an operator's command repeats its own ten times a second."""
MOST_EVENTS = 64
"""Failed connections counted in a tick."""
REMEMBERED_RUNS = 64
"""Runs of the operator's command whose earlier requests are refused when they come again."""

_OPTIONS = {
    zmq.LINGER: 0,
    zmq.SNDHWM: 8,
    zmq.RCVHWM: 8,
    # Above this ZeroMQ closes the connection; what is too long and below is counted.
    zmq.MAXMSGSIZE: 8 * LARGEST_STOP,
    # One who connects and says nothing is gone after this [ms]; a handshake takes two ticks.
    zmq.HANDSHAKE_IVL: 2000,
}


class Stops(Protocol):
    """What may ask a node for an emergency stop while it runs."""

    taken: int
    rejected: Counter[str]
    refused: int

    def hear(self) -> str | None:
        """Whether a stop was asked for since the last call: why, or None for none. Never waits."""

    def answer(self, mode: str) -> None:
        """Answer those who have asked, with the robot's state, once the command that follows from it has gone out."""


class NoStops:
    """Of a robot that cannot be stopped from afar."""

    def __init__(self) -> None:
        self.taken = self.refused = 0
        self.rejected: Counter[str] = Counter()

    def hear(self) -> str | None:
        """Nothing."""
        return None

    def answer(self, mode: str) -> None:
        """Nobody."""

    def close(self) -> None:
        """Nothing."""


class StopListener:
    """Listens at the `stop` endpoint of a robot.

    It has a ZeroMQ context of its own: no flood on the links between robots, and no crowd at their door, delays a stop. With keys, CURVE
    sees to it that a request is the operator's and that none can be recorded and sent again. The sequence numbers refuse the same once
    more, where there are no keys, and a stop that comes late, twice, is one stop.

    Attributes:
        taken: requests that were believed.
        rejected: reason -> what was not: requests for one of the reasons of `decode_request`, or `sequence` (does not grow within a
            run); and `handshake`, connections in plain text where there are keys, and most of what does not speak ZeroMQ.

    Args:
        me: this robot, with a `stop` endpoint.
        keys: of the team; None for requests in plain text, from anyone.

    Raises:
        InputError: the endpoint cannot be bound, the door does not shut, or the team has no operator's key.
    """

    def __init__(self, me: Member, keys: RobotKeys | None = None) -> None:
        if keys is not None and keys.operator is None:
            raise InputError(
                f"robot {me.id}: has the stop endpoint {me.stop}, and its keys have no operator's (made before there was one): "
                "make new keys with `fieldswarm keys`, or leave `stop` out of the team file"
            )
        self.taken = 0
        self.rejected: Counter[str] = Counter()
        self._robot = me.id
        self._newest: dict[int, int] = {}
        self._asked: list[tuple[bytes, StopRequest]] = []
        self._context = zmq.Context()
        try:
            # Before anything is bound: CURVE without someone who answers lets everyone in.
            self._doorkeeper = None if keys is None else Doorkeeper(self._context, [keys.operator])
            self._socket = self._context.socket(zmq.ROUTER)
            for option, value in _OPTIONS.items():
                self._socket.set(option, value)
            if keys is not None:
                guard(self._socket, keys.secret)
            self._events = SocketEvents(self._socket, zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL)
            door = bind(self._socket, me.stop, f"robot {me.id}: cannot listen for stops")
            if keys is not None:
                own = Knock("a robot's", keys.secret, False, zmq.DEALER)
                prove_shut(self._context, self._doorkeeper, door, keys.public[me.id], own)
        except BaseException:
            self.close()
            raise

    @property
    def refused(self) -> int:
        """Connections that were turned away, for their key."""
        return 0 if self._doorkeeper is None else self._doorkeeper.refused

    def hear(self) -> str | None:
        """Whether a stop was asked for since the last call: why, or None for none. Never waits."""
        if self._doorkeeper is not None:
            self._doorkeeper.answer()
        self._count_handshakes()
        reason = None
        for _ in range(MOST_AT_ONCE):
            if not self._socket.get(zmq.EVENTS) & zmq.POLLIN:
                break
            sender, *frames = self._socket.recv_multipart(zmq.NOBLOCK)
            try:
                # A request has one part; one with more is refused as an empty one is.
                request = self._judge(frames[0] if len(frames) == 1 else b"")
            except Rejected as rejected:
                self.rejected[rejected.reason] += 1
                continue
            self.taken += 1
            self._asked.append((sender, request))
            reason = one_line(request.reason)
        return reason

    def answer(self, mode: str) -> None:
        """Answer those who have asked, with the robot's state, once the command that follows from it has gone out."""
        for sender, request in self._asked:
            answer = encode_stop(StopAnswer(STOP_VERSION, self._robot, request.run, request.sequence, mode))
            with contextlib.suppress(zmq.ZMQError):  # who asked may be gone
                self._socket.send_multipart((sender, answer), zmq.NOBLOCK)
        self._asked.clear()

    def close(self) -> None:
        """Release the endpoint. May be called twice."""
        self._context.destroy(linger=0)

    def _count_handshakes(self) -> None:
        for _ in range(MOST_EVENTS):
            if self._events.take() is None:
                return
            self.rejected["handshake"] += 1

    def _judge(self, frame: bytes) -> StopRequest:
        request = decode_request(frame, self._robot)
        if request.sequence <= self._newest.get(request.run, -1):
            raise Rejected("sequence")
        self._newest.pop(request.run, None)  # the newest run goes last
        self._newest[request.run] = request.sequence
        if len(self._newest) > REMEMBERED_RUNS:
            del self._newest[next(iter(self._newest))]
        return request
