"""A robot believes its peers only what they can have said, counts the rest, and knows how old it is without a common clock."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.age import WINDOW, AgeMeter
from runtime.message import LARGEST_MESSAGE, MESSAGE_VERSION, LocalObservation, Rejected, decode_message, encode_message
from runtime.peers import PeerTrack
from tests.runtime.stand_ins import MILLI, frame, message

SECOND = 1000 * MILLI


def track_of(*frames: bytes) -> PeerTrack:
    track = PeerTrack("r1", "tcp://r1:1")
    for index, each in enumerate(frames):
        track.take(each, index * MILLI)
    return track


def test_a_sequence_that_does_not_grow_is_counted_and_changes_nothing() -> None:
    track = track_of(frame("r1", 5, tick=5), frame("r1", 5, tick=50), frame("r1", 4, tick=40), frame("r1", 6, tick=6))
    assert track.newest.tick == 6 and track.accepted == 2 and track.rejected == {"sequence": 2}


def test_a_restarted_peer_is_believed_and_its_earlier_life_is_not() -> None:
    track = track_of(frame("r1", 900), frame("r1", 1, boot=8, tick=1), frame("r1", 901), frame("r1", 2, boot=8, tick=2))
    assert (track.newest.boot, track.newest.tick) == (8, 2) and track.rejected == {"old_boot": 1}


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"", "length"),
        (b"\x93" * (LARGEST_MESSAGE + 1), "length"),
        (b"hello", "garbage"),
        (frame("r1", 1)[:-3], "garbage"),
        (frame("r2", 1), "identity"),
        (frame("r1", 1, version=MESSAGE_VERSION + 1), "version"),
        (frame("r1", 1, position=(math.nan, 0.0)), "not_finite"),
        (frame("r1", 1, velocity=(0.0, math.inf)), "not_finite"),
        (frame("r1", 1, heading=-math.inf), "not_finite"),
        (frame("r1", 1, vector=(0.0, math.nan)), "not_finite"),
        (frame("r1", 1, vector=(0.0,) * 65), "length"),
        (msgspec.msgpack.encode(["local_observation", MESSAGE_VERSION + 1, {"new": "fields"}]), "version"),
        (msgspec.msgpack.encode(["local_observation", MESSAGE_VERSION, "r1"]), "garbage"),
    ],
)
def test_what_cannot_be_believed_is_counted_by_reason(bad: bytes, reason: str) -> None:
    track = track_of(frame("r1", 1), bad, frame("r1", 2))
    assert track.rejected == {reason: 1} and track.accepted == 2 and track.newest.sequence == 2


NUMBERS = st.floats() | st.integers(-(2**63), 2**64 - 1)
FIELDS = st.none() | st.booleans() | NUMBERS | st.sampled_from(["", "r1", "ACTIVE"]) | st.lists(NUMBERS, max_size=3)


@given(st.binary(max_size=120) | st.lists(FIELDS, max_size=14).map(lambda rest: msgspec.msgpack.encode(["local_observation", *rest])))
def test_no_frame_at_all_raises(data: bytes) -> None:
    track = track_of(data)
    assert track.accepted + sum(track.rejected.values()) == 1


FINITE = st.floats(allow_nan=False, allow_infinity=False)
INT = st.integers(0, 2**63 - 1)


@given(
    st.builds(
        LocalObservation,
        version=st.just(MESSAGE_VERSION),
        robot=st.just("r1"),
        boot=INT,
        sequence=INT,
        stamp=INT,
        tick=INT,
        episode=INT,
        mode=st.sampled_from(["ACTIVE", "HOLD"]),
        position=st.tuples(FINITE, FINITE),
        velocity=st.tuples(FINITE, FINITE),
        heading=FINITE,
        vector=st.lists(FINITE, max_size=64).map(tuple),
    ),
    st.integers(0, 400),
)
def test_messages_survive_the_wire_exactly_and_no_cut_of_one_is_believed(sent: LocalObservation, cut: int) -> None:
    data = encode_message(sent)
    assert decode_message(data, "r1") == sent and len(data) < LARGEST_MESSAGE
    if cut < len(data):
        with pytest.raises(Rejected):
            decode_message(data[:cut], "r1")


def test_nothing_heard_is_infinitely_old() -> None:
    assert track_of().age(SECOND) == math.inf


@given(offset=st.integers(-(10**18), 10**18), waits=st.lists(st.integers(0, 900), min_size=1, max_size=30))
def test_age_needs_no_common_clock(offset: int, waits: list[int]) -> None:
    """Whatever the clocks differ by, the age is the time since the stamp, up to the least delay that was seen."""
    meter = AgeMeter()
    for index, wait in enumerate([0, *waits]):
        sent = index * SECOND
        arrival = sent + wait * MILLI
        meter.heard(arrival, sent + offset)
        assert meter.age(arrival + 7 * MILLI) == pytest.approx((wait + 7) / 1000, abs=1e-9)


def test_messages_that_wait_in_a_queue_are_old_when_they_arrive() -> None:
    track = PeerTrack("r1", "tcp://r1:1")
    for index in range(10):
        track.take(frame("r1", index, stamp=index * 20 * MILLI), index * 20 * MILLI + 3 * MILLI)
    assert track.age(183 * MILLI) == 0.0
    track.take(frame("r1", 10, stamp=200 * MILLI), 900 * MILLI)
    assert track.age(900 * MILLI) == pytest.approx(0.697)


def test_a_restart_brings_another_clock() -> None:
    track = PeerTrack("r1", "tcp://r1:1")
    track.take(frame("r1", 1, stamp=10**15), 0)
    track.take(frame("r1", 1, boot=8, stamp=5), 20 * MILLI)
    assert track.age(20 * MILLI) == 0.0


def test_clocks_that_drift_apart_do_not_make_peers_old() -> None:
    meter, drift = AgeMeter(), 100e-6
    for index in range(600):
        arrival = index * SECOND
        meter.heard(arrival, round(arrival * (1 - drift)))
        assert meter.age(arrival) <= 2 * WINDOW * drift / 1e9 + 1e-9


def test_a_minimum_from_before_a_long_silence_is_forgotten() -> None:
    meter = AgeMeter()
    meter.heard(0, 0)
    meter.heard(3 * WINDOW, 3 * WINDOW - 50 * MILLI)
    assert meter.age(3 * WINDOW) == 0.0


def test_message_helper_matches_the_wire() -> None:
    assert decode_message(frame("r1", 3), "r1") == message("r1", 3)
