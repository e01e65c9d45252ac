"""Whatever its peers claim and its plant measures, a robot's tick goes on, and what it commands is finite and within its limits."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robots.driver import RobotState
from robots.spec import load_spec
from runtime.ears import LinkedEars, OpenEars
from runtime.link import Link, LinkProfile
from runtime.team import Mission, Missions
from tests.runtime.stand_ins import Clock, ScriptedLinks, frame, state
from tests.runtime.test_node import LANDMARKS, Bench

SPEED = load_spec("omni").speed_limit
LARGE = st.sampled_from([0.0, -0.0, 5e-324, 1e-9, 1.0, -3.0, 1e9, 1e155, 1e300, -1.7e308, 1.7e308])
PAIRS = st.tuples(LARGE, LARGE)
COUNTS = st.sampled_from([0, 1, 2, 7, -1, 2**31, 2**53 + 1, 2**63 - 1, -(2**63), 2**64 - 1])
CLAIMS = st.fixed_dictionaries(
    {},
    optional={
        "position": PAIRS,
        "velocity": PAIRS,
        "heading": LARGE,
        "stamp": COUNTS,
        "tick": COUNTS,
        "episode": COUNTS,
        "boot": COUNTS,
        "mode": st.sampled_from(["ACTIVE", "", "\x1b[2J", "FAULT" * 100]),
        "vector": st.lists(LARGE, max_size=4).map(tuple),
    },
)
MEASURED = st.fixed_dictionaries(
    {},
    optional={
        "position": PAIRS.map(np.array),
        "velocity": PAIRS.map(np.array),
        "heading": LARGE,
        "stamp": st.sampled_from([0, 1, -(10**9), 2**62]),
        "episode": COUNTS,
        "elapsed": COUNTS,
    },
)


def check(bench: Bench) -> None:
    ending = bench.node.run()
    assert ending.kind == "end", ending.text
    for _, command in bench.driver.commands:
        assert all(map(math.isfinite, command)) and math.hypot(*command) <= SPEED * (1 + 1e-9)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # what overflows is inf, and stops at the gate
@pytest.mark.parametrize("pace", ["realtime", "lockstep"])
@settings(max_examples=50)
@given(claims=st.lists(st.tuples(CLAIMS, CLAIMS), min_size=8, max_size=8))
def test_no_claim_of_a_peer_ends_or_drives_a_robot(pace: str, claims: list[tuple[dict, dict]]) -> None:
    calls = iter(range(10**6))

    def arrive(links: ScriptedLinks) -> None:
        call = next(calls)
        for index, track in enumerate(links.tracks):
            claim = claims[call % len(claims)][index] if call % 2 else {}
            links.give(index, frame(track.robot, call + 1, **{"tick": min(call, 15), "stamp": links._clock(), **claim}))

    check(Bench(lambda clock: [state(tick) for tick in range(16)], arrive, pace, lockstep_timeout=0.2))


def measured(clock: Clock, changes: list[dict]) -> list[RobotState]:
    """Sound and odd measurements by turns."""
    return [state(tick, **(changes[tick // 2] if tick % 2 else {})) for tick in range(2 * len(changes))]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@settings(max_examples=50)
@given(changes=st.lists(MEASURED, min_size=8, max_size=8))
def test_no_measurement_that_a_driver_lets_through_ends_a_robot_or_drives_it_beyond_its_limits(changes: list[dict]) -> None:
    check(Bench(lambda clock: measured(clock, changes), require_peers=False))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@settings(max_examples=40)
@given(changes=st.lists(MEASURED, min_size=8, max_size=8), claims=st.lists(st.tuples(CLAIMS, CLAIMS), min_size=8, max_size=8))
def test_an_artificial_link_holds_out_against_the_same(changes: list[dict], claims: list[tuple[dict, dict]]) -> None:
    calls = iter(range(10**6))

    def arrive(links: ScriptedLinks) -> None:
        call = next(calls)
        for index, track in enumerate(links.tracks):
            claim = claims[call % len(claims)][index]
            links.give(index, frame(track.robot, call + 1, **{"stamp": links._clock(), **claim}))

    bench = Bench(lambda clock: measured(clock, changes), arrive, require_peers=False)
    missions = Missions(missions=tuple(Mission(landmarks=points, seed=sys.maxsize) for points in LANDMARKS))
    profile = LinkProfile(link=Link(delay=0.02, jitter=0.01, loss=0.1, range=5.0, bandwidth=1e4))
    assert isinstance(bench.node._ears, OpenEars)
    bench.node._ears = LinkedEars(profile, missions, 0, 3, 0.02)
    check(bench)


def test_a_robot_of_which_nothing_odd_is_said_moves() -> None:
    """Or the others would say nothing."""
    bench = Bench(lambda clock: measured(clock, [{}] * 8), require_peers=False)
    check(bench)
    assert any(any(command) for _, command in bench.driver.commands)
