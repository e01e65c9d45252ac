"""What an operator's machine says to a robot to stop it, and what the robot answers: the state that it is in."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from runtime.message import Rejected

STOP_VERSION = 1
LARGEST_STOP = 512
"""Bytes; a longer frame is refused by the decoder, and a much longer one by the socket (ZMQ_MAXMSGSIZE)."""
LONGEST_REASON = 100
"""Characters."""


class StopRequest(msgspec.Struct, array_like=True, frozen=True, tag="stop"):
    """Operator -> robot: stop. Append-only: new fields go last, with a default.

    Attributes:
        version: STOP_VERSION of the sender.
        robot: id of the robot that is to stop.
        run: random number of one run of the operator's command.
        sequence: grows with each request within a run.
        reason: why, for the robot's log.
    """

    version: int
    robot: str
    run: int
    sequence: int
    reason: str


class StopAnswer(msgspec.Struct, array_like=True, frozen=True, tag="stopped"):
    """Robot -> operator: what came of one request, when the command that follows from it had gone to the driver.

    Attributes:
        version: STOP_VERSION of the sender.
        robot: its id.
        run: of the request.
        sequence: of the request.
        mode: the robot's state.
    """

    version: int
    robot: str
    run: int
    sequence: int
    mode: str


_Message = TypeVar("_Message", StopRequest, StopAnswer)

encode_stop = msgspec.msgpack.Encoder().encode
_decode_request = msgspec.msgpack.Decoder(StopRequest).decode
_decode_answer = msgspec.msgpack.Decoder(StopAnswer).decode


def decode_request(frame: bytes, robot: str) -> StopRequest:
    """What came at the stop endpoint of a robot.

    Raises:
        Rejected: `length`, `garbage`, `version`, or `identity` (meant for another robot).
    """
    return _decode(_decode_request, frame, robot)


def decode_answer(frame: bytes, robot: str) -> StopAnswer:
    """What came back on the link to a robot. Raises Rejected, as `decode_request` does."""
    return _decode(_decode_answer, frame, robot)


def one_line(reason: str) -> str:
    """A reason as it may stand in a log or on a terminal: whatever it was, it is no ground to refuse a stop."""
    return "".join(each if each.isprintable() else "?" for each in reason[:LONGEST_REASON])


def _decode(decode: Callable[[bytes], _Message], frame: bytes, robot: str) -> _Message:
    if not 0 < len(frame) <= LARGEST_STOP:
        raise Rejected("length")
    try:
        message = decode(frame)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise Rejected("garbage") from None
    if message.version != STOP_VERSION:
        raise Rejected("version")
    if message.robot != robot:
        raise Rejected("identity")
    return message
