"""Stop robots from afar: ask each one, again and again, until it says that it has stopped, or time is up."""

from __future__ import annotations

import contextlib
import math
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import zmq

from robots.socket_events import SocketEvents
from runtime.doorkeeper import introduce
from runtime.keys import OperatorKeys
from runtime.message import Rejected
from runtime.states import Mode
from runtime.stop_message import LARGEST_STOP, STOP_VERSION, StopRequest, decode_answer, encode_stop
from runtime.team import Member

REPEAT = 0.1
"""Time between two requests to a robot that has not said that it stopped [s]."""

_OPTIONS = {
    zmq.LINGER: 0,
    # Nothing is queued for a robot that is not connected: it would all arrive at once, and late.
    zmq.IMMEDIATE: 1,
    zmq.SNDHWM: 1,
    zmq.RCVHWM: 16,
    zmq.MAXMSGSIZE: LARGEST_STOP,
    # A first packet that is lost is repeated by TCP after a second; a new attempt comes sooner.
    zmq.CONNECT_TIMEOUT: 400,
    zmq.RECONNECT_IVL: 50,
    zmq.RECONNECT_IVL_MAX: 200,
}


@dataclass(frozen=True)
class Outcome:
    """What came of asking one robot.

    Attributes:
        robot: its id.
        stopped: it said that it is in SAFE_STOP.
        words: the same in words.
    """

    robot: str
    stopped: bool
    words: str


def stop_robots(
    members: Sequence[Member], keys: OperatorKeys | None, reason: str, timeout: float, told: Callable[[Outcome], None]
) -> list[Outcome]:
    """Ask all robots at the same time.

    Args:
        members: of the team, each with a `stop` endpoint.
        keys: the operator's; None for robots that take requests in plain text.
        reason: for the robots' logs.
        timeout: when to give up [s].
        told: gets each outcome as soon as it is known.
    """
    with zmq.Context() as context:
        poller = zmq.Poller()
        waiting = [_Call(context, poller, member, keys, reason) for member in members]
        outcomes: list[Outcome] = []
        began = time.monotonic()
        while waiting and (now := time.monotonic() - began) < timeout:
            for call in waiting:
                call.ask()
            until = min(now + REPEAT, timeout)
            while waiting and (left := until - (time.monotonic() - began)) > 0:
                poller.poll(math.ceil(1000 * left))
                for call in [call for call in waiting if call.settled()]:
                    waiting.remove(call)
                    outcomes.append(call.outcome(time.monotonic() - began))
                    told(outcomes[-1])
        for call in waiting:
            outcomes.append(call.outcome(timeout))
            told(outcomes[-1])
            call.close()
    return outcomes


class _Call:
    """The link to one robot, and what it said."""

    def __init__(self, context: zmq.Context, poller: zmq.Poller, member: Member, keys: OperatorKeys | None, reason: str) -> None:
        self._member = member
        self._reason = reason
        self._run, self._sequence = secrets.randbits(63), 0
        self._mode = self._failed = ""
        self._poller = poller
        self._socket = context.socket(zmq.DEALER)
        for option, value in _OPTIONS.items():
            self._socket.set(option, value)
        if keys is not None:
            introduce(self._socket, keys.secret, keys.public[member.id])
        self._events = SocketEvents(self._socket, zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_HANDSHAKE_FAILED_AUTH)
        for each in (self._socket, self._events.socket):
            poller.register(each, zmq.POLLIN)
        try:
            self._socket.connect(member.stop)
        except zmq.ZMQError as error:  # the others are stopped all the same
            self._failed = f"cannot connect to {member.stop}: {error.strerror}"

    def ask(self) -> None:
        """Send another request, if there is a connection."""
        request = StopRequest(STOP_VERSION, self._member.id, self._run, self._sequence + 1, self._reason)
        with contextlib.suppress(zmq.Again):
            self._socket.send(encode_stop(request), zmq.NOBLOCK)
            self._sequence += 1

    def settled(self) -> bool:
        """Take in what has come; whether there is nothing more to wait for. Then the link is closed."""
        while (event := self._events.take()) is not None:
            if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
                self.ask()
            else:
                self._failed = f"{self._member.stop} refuses this operator's key"
        while self._socket.get(zmq.EVENTS) & zmq.POLLIN:
            frames = self._socket.recv_multipart(zmq.NOBLOCK)
            with contextlib.suppress(Rejected):  # it is no answer to this request
                answer = decode_answer(frames[0] if len(frames) == 1 else b"", self._member.id)
                if answer.run == self._run and answer.sequence <= self._sequence:
                    self._mode = answer.mode
        done = bool(self._failed) or self._mode == Mode.SAFE_STOP.value
        if done:
            self.close()
        return done

    def outcome(self, seconds: float) -> Outcome:
        """What came of it, after so many seconds."""
        robot = self._member.id
        if self._mode == Mode.SAFE_STOP.value:
            return Outcome(robot, True, f"{self._mode} after {seconds:.2f} s")
        if self._failed:
            return Outcome(robot, False, f"NOT STOPPED: {self._failed}")
        if self._mode:
            return Outcome(robot, False, f"NOT STOPPED: is in {self._mode} {seconds:g} s after it was asked")
        return Outcome(robot, False, f"NOT STOPPED, as far as is known: no answer from {self._member.stop} within {seconds:g} s")

    def close(self) -> None:
        """Release the link."""
        for each in (self._socket, self._events.socket):
            self._poller.unregister(each)
        self._events.close()
        self._socket.close(linger=0)
