"""A network that is slow, or was away for a while, does not keep robots of a team from hearing each other, encrypted as they are."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from robots.driver import RobotState
from runtime.keys import load_robot_keys, make_keys
from runtime.peer_links import PeerLinks
from runtime.team import Member
from tests.benchmarks.impairing_proxy import Proxy
from tests.benchmarks.impairment import CLEAN, Impairment, full_partition

ROBOTS = ("r0", "r1")


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with Proxy(len(ROBOTS)) as opened:
        yield opened


@pytest.fixture
def team(proxy: Proxy, tmp_path: Path) -> Iterator[list[PeerLinks]]:
    make_keys(ROBOTS, tmp_path / "keys")
    reach = proxy.reach()
    with ExitStack() as stack:
        links = []
        for me, own in enumerate(reach.own):
            peer = 1 - me
            members = (
                Member(id=ROBOTS[me], kind="omni", agent=me, endpoint=own),
                Member(id=ROBOTS[peer], kind="omni", agent=peer, endpoint=reach.as_heard(me, peer)),
            )
            keys = load_robot_keys(tmp_path / "keys", ROBOTS[me], ROBOTS)
            links.append(PeerLinks(members[0], members[1:], time.monotonic_ns, keys))
            stack.callback(links[-1].close)
        yield links


def talk(team: list[PeerLinks], timeout: float, enough: int) -> bool:
    """Speak and listen at 50 Hz until each has heard so many messages more; False when that takes too long [s]."""
    goals = [each.tracks[0].accepted + enough for each in team]
    deadline = time.monotonic() + timeout
    while any(each.tracks[0].accepted < goal for each, goal in zip(team, goals, strict=True)):
        if time.monotonic() > deadline:
            return False
        for each in team:
            each.publish(RobotState(0, 0, 0, 0, np.zeros(2), np.zeros(2), 0.0), "ACTIVE", time.monotonic_ns())
            each.drain()
        time.sleep(0.02)
    return True


def test_links_come_up_where_shaking_hands_takes_longer_than_a_silence_that_is_answered_by_a_new_link(
    proxy: Proxy, team: list[PeerLinks]
) -> None:
    proxy.impair(Impairment(delay=0.2))
    assert talk(team, timeout=30.0, enough=20)


def test_links_come_back_after_a_partition_that_began_in_the_middle_of_a_stream(proxy: Proxy, team: list[PeerLinks]) -> None:
    assert talk(team, timeout=30.0, enough=20)
    proxy.impair(full_partition(len(ROBOTS)))
    assert not talk(team, timeout=2.5, enough=20)
    proxy.impair(CLEAN)
    assert talk(team, timeout=30.0, enough=20)
