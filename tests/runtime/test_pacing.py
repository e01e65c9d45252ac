"""Real time keeps absolute deadlines and never catches up in a burst; lockstep waits for everyone, but not for ever."""

from __future__ import annotations

import math

import pytest

from robots.driver import PlantGone
from runtime.pacing import Lockstep, RealTime
from tests.runtime.stand_ins import MILLI, Clock, PlannedDriver, ScriptedLinks, frame, state


def nothing() -> None:
    pass


def ticks_of(work: list[int]) -> tuple[list[float], int]:
    """When each tick began [ms], for ticks that take so long [ms], and how many were missed."""
    clock = Clock()
    pacing, driver, start = RealTime(0.02, clock, clock.sleep), PlannedDriver([None] * len(work), clock), clock.now
    begins = []
    for each in work:
        pacing.next_state(driver, nothing)
        begins.append((clock.now - start) / MILLI)
        clock.now += each * MILLI
    return begins, pacing.missed


def test_the_period_does_not_drift_with_the_work() -> None:
    assert ticks_of([0, 5, 19, 3, 0]) == ([0, 20, 40, 60, 80], 0)


def test_a_late_tick_is_followed_by_one_on_the_grid() -> None:
    assert ticks_of([0, 27, 5, 0]) == ([0, 20, 47, 60], 0)


def test_missed_ticks_are_counted_and_skipped_not_made_up() -> None:
    begins, missed = ticks_of([0, 70, 0, 0, 0])
    assert begins == [0, 20, 90, 100, 120] and missed == 2


@pytest.mark.parametrize(("work", "missed"), [(39, 0), (40, 1), (59, 1), (60, 2)])
def test_a_tick_is_missed_when_its_whole_period_has_passed(work: int, missed: int) -> None:
    assert ticks_of([work, 0])[1] == missed


def test_lockstep_waits_until_every_peer_has_spoken_of_the_tick() -> None:
    clock = Clock()
    heard = iter([(0, 3), (1, 2), (1, 3)])

    def arrive(links: ScriptedLinks) -> None:
        peer, tick = next(heard)
        links.give(peer, frame(f"r{peer + 1}", tick, tick=tick))

    links, pacing = ScriptedLinks(["r1", "r2"], clock, arrive), Lockstep(10.0, clock)
    pacing.gather(links, 3, nothing)
    assert [track.newest.tick for track in links.tracks] == [3, 3] and next(heard, None) is None
    assert [pacing.peer_age(track, 3, clock()) for track in links.tracks] == [0.0, 0.0]
    assert pacing.peer_age(links.tracks[0], 4, clock()) == math.inf


def test_lockstep_waits_once_for_a_lost_peer_and_again_after_it_is_heard() -> None:
    clock = Clock()
    links, pacing = ScriptedLinks(["r1"], clock), Lockstep(2.0, clock)
    began = clock()
    pacing.gather(links, 0, nothing)
    assert 2.0 <= (clock() - began) / 1e9 <= 2.1
    began = clock()
    pacing.gather(links, 1, nothing)
    assert clock() == began
    links.give(0, frame("r1", 1, tick=2))
    pacing.gather(links, 2, nothing)
    began = clock()
    pacing.gather(links, 3, nothing)
    assert (clock() - began) / 1e9 >= 2.0


def test_lockstep_waits_for_the_first_state_but_gives_up_on_a_plant_that_falls_silent() -> None:
    clock = Clock()
    driver = PlannedDriver([None] * 10_000 + [state(0)] + [None] * 10_000, clock, pace="lockstep")
    idled, pacing = [], Lockstep(1.0, clock)
    assert pacing.next_state(driver, lambda: idled.append(clock())).tick == 0
    assert len(idled) == 10_000
    with pytest.raises(PlantGone, match="no state for 3 s"):
        pacing.next_state(driver, nothing)
