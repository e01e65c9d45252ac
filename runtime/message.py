"""What robots say to each other: one `LocalObservation` a tick, and how a receiver decides whether to believe it."""

from __future__ import annotations

import math

import msgspec

MESSAGE_VERSION = 1
LARGEST_MESSAGE = 4096
"""Bytes; a longer frame is refused by the decoder, and a much longer one by the socket (ZMQ_MAXMSGSIZE)."""
LONGEST_VECTOR = 64
NUMBER_BYTES, BIT_BYTES = 9, 1
"""Of each number of a vector in a frame; -1 and 1 are sent as whole numbers."""


class LocalObservation(msgspec.Struct, array_like=True, frozen=True, tag="local_observation"):
    """One robot's own measurements, as it sends them to its peers. Append-only: new fields go last, with a default.

    Attributes:
        version: MESSAGE_VERSION of the sender.
        robot: id of the sender.
        boot: random number that the sender drew when it started.
        sequence: grows with each message within a boot.
        stamp: when this measurement reached the sender's runtime [ns, its monotonic clock]; told again, a measurement keeps it.
        tick: the sender's control tick.
        episode: the mission that the sender is in.
        mode: the sender's state (`ACTIVE`, `HOLD`, ...).
        position: m, world frame.
        velocity: m/s, world frame.
        heading: rad.
        vector: what the sender's actor said last, at most 64 numbers; empty as long as it has said nothing.
    """

    version: int
    robot: str
    boot: int
    sequence: int
    stamp: int
    tick: int
    episode: int
    mode: str
    position: tuple[float, float]
    velocity: tuple[float, float]
    heading: float
    vector: tuple[float, ...] = ()


class Rejected(Exception):
    """A message that is not believed; `reason` is one of a short fixed list, for counting."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(LocalObservation).decode
_decode_head = msgspec.msgpack.Decoder(tuple).decode


def encode_message(message: LocalObservation) -> bytes:
    """One message as one msgpack frame."""
    return _encode(message)


def decode_message(frame: bytes, expected_robot: str) -> LocalObservation:
    """Decode one frame from the socket of one peer.

    Raises:
        Rejected: `length`, `garbage`, `version`, `identity` (not that peer's id) or `not_finite`.
    """
    if not 0 < len(frame) <= LARGEST_MESSAGE:
        raise Rejected("length")
    try:
        message = _decode(frame)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise Rejected(_why_undecodable(frame)) from None
    if message.version != MESSAGE_VERSION:
        raise Rejected("version")
    if message.robot != expected_robot:
        raise Rejected("identity")
    if len(message.vector) > LONGEST_VECTOR:
        raise Rejected("length")
    if not all(map(math.isfinite, (*message.position, *message.velocity, message.heading, *message.vector))):
        raise Rejected("not_finite")
    return message


def _why_undecodable(frame: bytes) -> str:
    """A later version may have changed the fields behind the first two; say so rather than `garbage`."""
    try:
        head = _decode_head(frame)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return "garbage"
    later = len(head) >= 2 and head[0] == "local_observation" and isinstance(head[1], int) and head[1] != MESSAGE_VERSION
    return "version" if later else "garbage"
