"""A robot that cannot arm says once what it waits for, and once when that has come."""

from __future__ import annotations

import math

import pytest

from runtime.arming import ArmWatch, missing
from runtime.peers import PeerTrack
from tests.runtime.stand_ins import Clock, frame

SECOND = 1_000_000_000
FRESH = 0.1


class Watched:
    """A watch with a timeout of 10 s, its clock, and what it said."""

    def __init__(self) -> None:
        self.clock, self.said = Clock(), []
        self.watch = ArmWatch("r0", 10.0, self.said.append, self.clock)

    def after(self, nanoseconds: int, armed: bool, waiting_for: str = "r1") -> list[str]:
        """What it says when so much time has passed since the last time."""
        self.clock.now += nanoseconds
        before = len(self.said)
        self.watch.update(armed, lambda: waiting_for)
        return self.said[before:]


def test_it_speaks_when_the_timeout_has_passed_to_the_nanosecond_and_once() -> None:
    watched = Watched()
    assert watched.after(10 * SECOND - 1, False) == []
    assert watched.after(1, False, "r2 (silent)") == ["r0: waiting for r2 (silent)"]
    assert watched.after(100 * SECOND, False) == []


def test_it_says_how_long_it_took_only_to_those_who_were_told() -> None:
    watched = Watched()
    assert watched.after(9 * SECOND, True) == []
    assert watched.after(12 * SECOND, False) and watched.after(SECOND // 2, True) == ["r0: armed after 12.5 s"]
    assert watched.after(SECOND, True) == []


def test_the_time_counts_from_when_it_was_armed_last() -> None:
    watched = Watched()
    watched.after(100 * SECOND, True)
    assert watched.after(10 * SECOND - 1, False) == []
    assert watched.after(1, False) == ["r0: waiting for r1"]
    assert watched.after(2 * SECOND, True) == ["r0: armed after 12.0 s"]
    assert watched.after(10 * SECOND, False) == ["r0: waiting for r1"]


def test_what_is_waited_for_is_asked_only_when_it_has_to_be_said() -> None:
    clock = Clock()
    watch = ArmWatch("r0", 10.0, lambda text: None, clock)
    watch.update(False, lambda: pytest.fail("nobody wanted to know"))
    watch.update(True, lambda: pytest.fail("nobody wanted to know"))


def track(*frames: bytes) -> PeerTrack:
    made = PeerTrack("r1", "tcp://r1:1")
    for arrival, each in enumerate(frames):
        made.take(each, arrival)
    return made


@pytest.mark.parametrize(
    ("peer", "age", "words"),
    [
        (track(), math.inf, "r1 (nothing heard from tcp://r1:1)"),
        (track(b"x", b"y", frame("r2", 1)), math.inf, "r1 (nothing believable from tcp://r1:1: 2 garbage, 1 identity)"),
        (track(frame("r1", 1), b"x"), 0.25, "r1 (last heard 0.2 s ago)"),
        (track(frame("r1", 1)), math.inf, "r1 (silent)"),
        (track(frame("r1", 1, episode=3)), math.inf, "r1 (is in episode 3, not 0)"),
        (track(frame("r1", 1)), math.nextafter(FRESH, 1.0), "r1 (last heard 0.1 s ago)"),
        (track(frame("r1", 1)), FRESH, "someone to arm it again"),
    ],
)
def test_what_is_missing_of_a_peer(peer: PeerTrack, age: float, words: str) -> None:
    assert missing(0.0, [peer], [age], 0, FRESH) == words


@pytest.mark.parametrize(
    ("own_age", "words"),
    [
        (math.inf, "its own state (none came from its driver)"),
        (3.14159, "its own state (the last one is 3.1 s old)"),
        (math.nextafter(FRESH, 1.0), "its own state (the last one is 0.1 s old)"),
        (FRESH, "someone to arm it again"),
        (0.0, "someone to arm it again"),
    ],
)
def test_what_is_missing_of_its_own(own_age: float, words: str) -> None:
    assert missing(own_age, [], [], 0, FRESH) == words


def test_the_own_state_is_named_first_and_only_what_is_missing() -> None:
    fresh, silent, other = track(frame("r1", 1)), PeerTrack("r2", "tcp://r2:1"), PeerTrack("r3", "tcp://r3:1")
    said = missing(math.inf, [fresh, silent, other], [0.0, math.inf, math.inf], 0, FRESH)
    own = "its own state (none came from its driver)"
    assert said == f"{own}, r2 (nothing heard from tcp://r2:1), r3 (nothing heard from tcp://r3:1)"


def test_ages_that_do_not_belong_to_the_peers_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="shorter"):
        missing(0.0, [track()], [], 0, FRESH)
