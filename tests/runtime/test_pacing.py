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
        pacing.next_state(driver, nothing, nothing)
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


class PassingClock(Clock):
    """Each look at it takes a microsecond."""

    def __init__(self) -> None:
        super().__init__()
        self.looks, self.slept = 0, []

    def __call__(self) -> int:
        self.looks += 1
        self.now += 1000
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        super().sleep(seconds)


def begins_of(pacing: RealTime, clock: PassingClock, work: list[int], rehearsal: int = 0) -> tuple[list[float], list[float]]:
    """When each tick began and when each rehearsal did [ms after the first tick], for ticks and rehearsals that take so long [ms]."""
    driver, begins, rehearsals = PlannedDriver([None] * len(work), clock), [], []

    def rehearse() -> None:
        rehearsals.append(clock.now)
        clock.now += rehearsal * MILLI

    for each in work:
        pacing.next_state(driver, nothing, rehearse)
        begins.append(clock.now)
        clock.now += each * MILLI
    return ([(when - begins[0]) / MILLI for when in times] for times in (begins, rehearsals))


def test_a_punctual_loop_wakes_early_rehearses_and_is_there_at_the_deadline() -> None:
    clock = PassingClock()
    pacing = RealTime(0.02, clock, clock.sleep, early=0.002)
    begins, rehearsals = begins_of(pacing, clock, [0, 5, 17, 19, 0], rehearsal=1)
    assert begins == pytest.approx([0, 20, 40, 60, 80], abs=0.01) and pacing.late <= 2000
    # The fourth tick ended too late to wake before the fifth: what it ran is rehearsal enough.
    assert rehearsals == pytest.approx([18, 38, 58], abs=0.01)
    assert [each for each in clock.slept if each] == pytest.approx([0.018, 0.013, 0.001], abs=1e-5)


def test_a_rehearsal_that_takes_too_long_makes_a_late_tick_and_shifts_no_other() -> None:
    clock = PassingClock()
    begins, _ = begins_of(RealTime(0.02, clock, clock.sleep, early=0.002), clock, [0, 0, 18, 0], rehearsal=3)
    assert begins == pytest.approx([0, 21, 41, 60], abs=0.01)


@pytest.mark.parametrize(("period", "early"), [(0.02, 0.0), (0.0199, 0.002)])
def test_a_loop_that_is_not_asked_for_it_or_is_fast_sleeps_to_its_deadlines_and_rehearses_nothing(period: float, early: float) -> None:
    clock = PassingClock()
    begins, rehearsals = begins_of(RealTime(period, clock, clock.sleep, early=early), clock, [0, 5, 0, 0])
    assert begins == pytest.approx([1000 * period * tick for tick in range(4)], abs=0.01) and not rehearsals
    assert clock.looks <= 2 * len(begins)  # none but the driver burns the time of a processor


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
    assert pacing.next_state(driver, lambda: idled.append(clock()), nothing).tick == 0
    assert len(idled) == 10_000
    with pytest.raises(PlantGone, match="no state for 3 s"):
        pacing.next_state(driver, nothing, nothing)
