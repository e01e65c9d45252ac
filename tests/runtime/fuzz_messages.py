"""What comes over sockets, as fuzz targets: of each input it is said whether it was believed, and an oracle of our own agrees."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import zmq

from robots.driver import DriverFeatures
from robots.errors import InputError
from robots.plant_driver import PlantDriver, _decode
from robots.plant_protocol import PROTOCOL, Command, End, Hello, Refused, State, Welcome, encode
from robots.spec import load_spec
from runtime.contract import check_period
from runtime.message import LARGEST_MESSAGE, LONGEST_VECTOR, MESSAGE_VERSION, LocalObservation, Rejected, decode_message, encode_message
from runtime.peers import PeerTrack
from runtime.schedule import HeldAction
from runtime.stop_message import (
    LARGEST_STOP,
    LONGEST_REASON,
    STOP_VERSION,
    StopAnswer,
    StopRequest,
    decode_answer,
    decode_request,
    encode_stop,
    one_line,
)
from sim3d.plant.link import RobotLink
from tests.runtime.factory import make_contract
from tests.runtime.stand_ins import frame

REASONS = {"length", "garbage", "version", "identity", "not_finite", "sequence", "old_boot"}
"""Why a message of a peer is not believed (`runtime/README.md`)."""

MESSAGES = (
    frame("r1", 2),
    frame("r1", 3, vector=(0.5, -1.0, 1e300)),
    frame("r1", 1, boot=8, mode="HOLD", stamp=2**62, tick=-1, episode=3),
    frame("r1", 1),
    frame("r2", 2),
    frame("r1", 2, version=MESSAGE_VERSION + 1),
    frame("r1", 2, heading=math.nan),
    frame("r1", 2, vector=(0.0,) * (LONGEST_VECTOR + 1)),
    msgspec.msgpack.encode([*msgspec.msgpack.decode(frame("r1", 2)), "a later version's field"]),
)


def peer_message(data: bytes) -> bool:
    """One frame from the socket of a peer that has spoken before."""
    track = PeerTrack("r1", "tcp://r1:1")
    track.take(frame("r1", 1), 0)
    before = track.newest
    track.take(data, 20_000_000)
    believed = track.accepted == 2
    assert sum(track.rejected.values()) == (0 if believed else 1) and track.rejected.keys() <= REASONS
    assert believed == _is_newer_message(data, before)
    if believed:
        heard = track.newest
        assert decode_message(encode_message(heard), "r1") == heard
        assert math.isfinite(track.age(40_000_000)) and track.age(40_000_000) >= 0.02
    else:
        assert track.newest is before
    return believed


def peer_stream(data: bytes) -> bool:
    """A conversation: each two bytes say something new, again, late, from another life, damaged, or from somebody else."""
    track, model = PeerTrack("r1", "tcp://r1:1"), _Listener()
    said: list[bytes] = [frame("r1", 1)]
    boot = sequence = 1
    for arrival, (what, which) in enumerate(zip(data[::2], data[1::2], strict=False)):
        if what % 8 == 0:
            boot, sequence = boot + which, 0
        sequence += 1 if what % 8 != 1 else -which
        sent = {
            2: said[which % len(said)],
            3: said[-1][:which],
            4: said[-1][: which % 60] + bytes([what]) + said[-1][which % 60 + 1 :],
            5: frame("r2", sequence, boot=boot),
            6: b"x" * (LARGEST_MESSAGE + 1),
        }.get(what % 8, frame("r1", sequence, boot=boot, stamp=which << what % 50))
        said.append(sent)
        before = track.newest
        track.take(sent, arrival)
        assert (track.newest is not before) == model.believes(sent)
        assert track.accepted + sum(track.rejected.values()) == arrival + 1 and track.rejected.keys() <= REASONS
    return track.accepted > 0


class _Listener:
    """What a robot may believe of a peer, in the plainest words: in each life the numbers grow, and an ended life is over."""

    def __init__(self) -> None:
        self._lives: list[int] = []
        self._last = -math.inf

    def believes(self, data: bytes) -> bool:
        fields = _sound_fields(data)
        if fields is None:
            return False
        _, _, _, boot, sequence, *_ = fields
        if self._lives and boot == self._lives[-1]:
            if sequence <= self._last:
                return False
        elif boot in self._lives:
            return False
        else:
            self._lives.append(boot)
        self._last = sequence
        return True


def _is_newer_message(data: bytes, before: LocalObservation) -> bool:
    fields = _sound_fields(data)
    return fields is not None and (fields[3] != before.boot or fields[4] > before.sequence)


def _sound_fields(data: bytes) -> list | None:
    """The message as a plain list if it is one that r1 may have sent, by the words of `runtime/README.md` alone."""
    if not 0 < len(data) <= LARGEST_MESSAGE:
        return None
    try:
        # What a later version adds at the end is nothing to us.
        fields = [msgspec.msgpack.decode(field) for field in _split(data)[:13]]
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, TypeError, ValueError):
        return None
    if len(fields) < 12 or fields[:3] != ["local_observation", MESSAGE_VERSION, "r1"]:
        return None
    whole, (mode, position, velocity, heading), vector = fields[3:8], fields[8:12], fields[12] if len(fields) > 12 else []
    pairs = all(isinstance(pair, list) and len(pair) == 2 and all(map(_finite, pair)) for pair in (position, velocity))
    numbers = isinstance(vector, list) and len(vector) <= LONGEST_VECTOR and all(map(_finite, vector))
    sound = type(fields[1]) is int and all(type(each) is int for each in whole) and isinstance(mode, str) and pairs and numbers
    return fields if sound and _finite(heading) else None


_split = msgspec.msgpack.Decoder(list[msgspec.Raw]).decode


def _finite(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


STOPS = (
    encode_stop(StopRequest(STOP_VERSION, "r0", 2**64 - 1, 1, "someone is in the way")),
    encode_stop(StopRequest(STOP_VERSION, "r0", 1, 0, "\x1b[2J\n" * 60)),
    encode_stop(StopRequest(STOP_VERSION, "r1", 1, 0, "")),
    encode_stop(StopRequest(STOP_VERSION + 1, "r0", 1, 0, "")),
)
ANSWERS = (encode_stop(StopAnswer(STOP_VERSION, "r0", 7, 1, "SAFE_STOP")), encode_stop(StopAnswer(STOP_VERSION, "r1", 7, 1, "SAFE_STOP")))


def stop_request(data: bytes) -> bool:
    """What an operator's machine asks of r0, up to the answer to it."""
    try:
        request = decode_request(data, "r0")
    except Rejected as rejected:
        assert rejected.reason in REASONS
        return False
    assert len(data) <= LARGEST_STOP and (request.version, request.robot) == (STOP_VERSION, "r0")
    assert one_line(request.reason).isprintable() and len(one_line(request.reason)) <= LONGEST_REASON
    answer = StopAnswer(STOP_VERSION, "r0", request.run, request.sequence, "SAFE_STOP")
    assert decode_answer(encode_stop(answer), "r0") == answer
    return True


def stop_answer(data: bytes) -> bool:
    """What r0 answers to an operator."""
    try:
        answer = decode_answer(data, "r0")
    except Rejected as rejected:
        assert rejected.reason in REASONS
        return False
    assert (answer.version, answer.robot) == (STOP_VERSION, "r0") and decode_answer(encode_stop(answer), "r0") == answer
    return True


PLANT = (
    encode(Welcome(PROTOCOL, "r0", "omni", "velocity_setpoint", 0.02, "realtime", 0.5)),
    encode(Welcome(PROTOCOL, "r0", "omni", "velocity_setpoint", 0.4, "lockstep", 1e300)),
    encode(State(7, 0, 7, 1_000, (1.0, 2.0), (0.5, -0.5), 0.1)),
    encode(State(2**63, 2**40, 0, 2**64 - 1, (1e300, -0.0), (5e-324, -0.5), -9.0)),
    encode(Refused("this endpoint serves robot 'r1'")),
    encode(End("")),
)
_CONTRACT = make_contract()


def from_plant(data: bytes) -> bool:
    """One frame of a plant, up to what the runtime begins its loop with."""
    try:
        heard = _decode([data])
    except (msgspec.DecodeError, ValueError, RecursionError):  # counted as rejected by the driver
        return False
    driver = PlantDriver("r0", "tcp://127.0.0.1:2")
    if isinstance(heard, State):
        state = driver._measured(heard)
        numbers = [*state.position.tolist(), *state.velocity.tolist(), state.heading]
        assert all(map(math.isfinite, numbers)) and state.stamp > 0
        frame("r0", 1, tick=state.tick, episode=state.episode, stamp=state.stamp)  # what is measured can be told
    elif isinstance(heard, Welcome):
        try:
            features: DriverFeatures = driver._features(heard)
            check_period(_CONTRACT, features.loop_period, "plant")
        except InputError:
            return False
        assert 0 < features.loop_period < 1 and 0 < features.watchdog < math.inf
        assert HeldAction.for_robot(_CONTRACT, load_spec("omni"), features.loop_period).every >= 1
    return True


DRIVER = (
    encode(Hello(PROTOCOL, "r0")),
    encode(Hello(PROTOCOL + 1, "r0")),
    encode(Hello(PROTOCOL, "r1")),
    encode(Command(5, (0.3, -0.4))),
    encode(Command(4, (1e308, 1e308))),
    encode(Command(5, (math.nan, 0.0))),
    encode(End("left")),
)


def from_driver(data: bytes) -> bool:
    """One frame of a driver that owns its robot, as a plant takes it."""
    context = _Context()
    link = RobotLink(context, "tcp://127.0.0.1:2", Welcome(PROTOCOL, "r0", "omni", "velocity_setpoint", 0.02, "realtime", 0.5), 2.5, "p")
    link.send(State(5, 0, 5, 0, (0.0, 0.0), (0.0, 0.0), 0.0))
    for sent in (encode(Hello(PROTOCOL, "r0")), encode(Command(3, (0.1, 0.1))), data):
        context.waiting.append([b"driver", sent])
    link.receive()
    speed = math.hypot(*link.action(-math.inf))
    assert not context.waiting and speed <= 2.5 * (1 + 1e-6)
    return not link.counts["garbage"]


class _Context:
    """Stands in for a ZeroMQ context with one socket, whose messages a test writes."""

    def __init__(self) -> None:
        self.waiting: list[list[bytes]] = []

    def socket(self, kind: int) -> _Context:
        return self

    def set(self, option: int, value: int) -> None:
        pass

    def bind(self, endpoint: str) -> None:
        pass

    def get(self, option: int) -> int:
        return zmq.POLLIN if self.waiting else 0

    def recv_multipart(self) -> list[bytes]:
        return self.waiting.pop(0)

    def send_multipart(self, frames: tuple[bytes, bytes], flags: int) -> None:
        assert len(frames) == 2
