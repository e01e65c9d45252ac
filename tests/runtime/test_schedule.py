"""The actor runs once a period, and its action reaches the robot's motion when the contract says."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robots.spec import load_spec
from runtime.schedule import HeldAction
from tests.runtime.factory import make_contract


def commands(schedule: HeldAction, ticks: list[int]) -> dict[int, float]:
    """Command at each tick, for an actor that says the tick at which it ran (plus one, so that zero means none)."""
    result = {}
    for tick in ticks:
        if schedule.due(tick):
            schedule.offer(np.array([tick + 1.0, 0.0]), tick)
        result[tick] = float(schedule.at(tick)[0])
    return result


@given(every=st.integers(1, 30), delay=st.integers(0, 70))
def test_each_action_is_held_for_one_period_from_its_time_of_issue(every: int, delay: int) -> None:
    found = commands(HeldAction(every, delay), list(range(150)))
    for tick, command in found.items():
        expected = (tick - delay) // every * every + 1 if tick >= delay else 0
        assert command == expected


def test_action_is_issued_early_by_the_robot_s_response_time() -> None:
    """Omni: set-point meant to act after 0.4 s, the base trails its command by 0.05 + 0.15 s, so it goes out after 0.2 s."""
    schedule = HeldAction.for_robot(make_contract(), load_spec("omni"), 0.02)
    assert (schedule.every, schedule.delay) == (20, 10)
    assert commands(schedule, [0, 9, 10, 29, 30]) == {0: 0, 9: 0, 10: 1, 29: 1, 30: 1}


def test_simple_spread_itself_acts_at_once_at_every_step() -> None:
    schedule = HeldAction.for_robot(make_contract(kind="point"), load_spec("point"), 0.1)
    assert commands(schedule, [0, 1, 2]) == {0: 1, 1: 2, 2: 3}


def test_a_robot_slower_than_the_delay_acts_at_once() -> None:
    action = msgspec.structs.replace(make_contract().action, effect_delay=0.1)
    contract = make_contract(period=0.1, action=action)
    assert HeldAction.for_robot(contract, load_spec("omni"), 0.02).delay == 0


def test_missed_ticks_delay_one_run_and_leave_the_grid() -> None:
    schedule = HeldAction(10)
    ran = []
    for tick in (0, 1, 9, 12, 13, 19, 20, 45, 46, 50):
        if schedule.due(tick):
            ran.append(tick)
            schedule.offer(np.zeros(2), tick)
    assert ran == [0, 12, 20, 45, 50]


def test_a_robot_that_arms_late_acts_at_once_and_then_every_period() -> None:
    schedule = HeldAction(10)
    ran = []
    for tick in range(7, 40):
        if schedule.due(tick):
            ran.append(tick)
            schedule.offer(np.zeros(2), tick)
    assert ran == [7, 17, 27, 37]


def test_batches_are_held_alike() -> None:
    schedule = HeldAction(2, 1, shape=(4, 3, 2))
    assert schedule.at(0).shape == (4, 3, 2) and not schedule.at(0).any()
    schedule.offer(np.ones((4, 3, 2)), 0)
    assert not schedule.at(0).any() and schedule.at(1).all()


@pytest.mark.parametrize(("every", "delay"), [(0, 0), (1, -1)])
def test_impossible_schedules_are_refused(every: int, delay: int) -> None:
    with pytest.raises(ValueError, match="at least"):
        HeldAction(every, delay)
