"""State changes come at exactly the configured ages, and no state but ACTIVE is reached or kept by accident."""

from __future__ import annotations

import itertools
import math
import re
from pathlib import Path

import pytest

from runtime.states import TABLE, Inputs, Mode, next_mode, settle, stale_after
from runtime.team import Staleness

FIGURES = Staleness()
PERIOD = 0.02
FRESH, LOST, OWN_HOLD, OWN_STOP = 0.1, 0.5, 0.5, 2.0
NANOSECOND = 1e-9


def after(mode: Mode, own_age: float = 0.0, *peer_ages: float, **more: bool) -> Mode:
    return (mode, *settle(mode, Inputs(own_age, peer_ages, **more), FIGURES, PERIOD))[-1]


def test_stale_is_three_and_a_half_periods_but_not_below_a_floor() -> None:
    assert stale_after(FIGURES, 0.02) == 0.1
    assert stale_after(FIGURES, 0.1) == pytest.approx(0.35)


@pytest.mark.parametrize(
    ("mode", "inputs", "threshold", "at", "beyond"),
    [
        (Mode.STANDBY, lambda age: Inputs(age), FRESH, Mode.ACTIVE, Mode.STANDBY),
        (Mode.STANDBY, lambda age: Inputs(0.0, (0.0, age)), FRESH, Mode.ACTIVE, Mode.STANDBY),
        (Mode.ACTIVE, lambda age: Inputs(age), OWN_HOLD, Mode.ACTIVE, Mode.HOLD),
        (Mode.ACTIVE, lambda age: Inputs(0.0, (age, 0.0)), LOST, Mode.ACTIVE, Mode.HOLD),
        (Mode.HOLD, lambda age: Inputs(age), FRESH, Mode.ACTIVE, Mode.HOLD),
        (Mode.HOLD, lambda age: Inputs(0.0, (age,)), FRESH, Mode.ACTIVE, Mode.HOLD),
        (Mode.HOLD, lambda age: Inputs(age), OWN_STOP, Mode.HOLD, Mode.SAFE_STOP),
        (Mode.ACTIVE, lambda age: Inputs(age), OWN_STOP, Mode.HOLD, Mode.SAFE_STOP),
        (Mode.SAFE_STOP, lambda age: Inputs(age, rearm=True), FRESH, Mode.STANDBY, Mode.SAFE_STOP),
    ],
)
def test_change_at_exactly_its_age(mode: Mode, inputs, threshold: float, at: Mode, beyond: Mode) -> None:
    for age in (threshold, math.nextafter(threshold, 0.0)):
        assert next_mode(mode, inputs(age), FIGURES, PERIOD) is at
    for age in (math.nextafter(threshold, math.inf), threshold + NANOSECOND):
        assert next_mode(mode, inputs(age), FIGURES, PERIOD) is beyond


@pytest.mark.parametrize("mode", list(Mode))
def test_an_age_that_is_no_number_arms_nothing_and_stops_what_is_armed(mode: Mode) -> None:
    for inputs in (Inputs(math.nan), Inputs(math.nan, (math.nan,)), Inputs(0.0, (math.nan, 0.0)), Inputs(0.0, (0.0, math.nan))):
        ends = (mode, *settle(mode, inputs, FIGURES, PERIOD))[-1]
        assert ends is not Mode.ACTIVE
    if mode in (Mode.ACTIVE, Mode.HOLD):
        assert after(mode, math.nan) is Mode.SAFE_STOP


def test_every_age_at_once_at_its_threshold_is_still_fresh_and_from_the_smallest_number_on() -> None:
    for age in (0.0, -0.0, 5e-324, FRESH):
        assert after(Mode.STANDBY, age, age, age) is Mode.ACTIVE and after(Mode.ACTIVE, age, age) is Mode.ACTIVE


def test_first_own_state_leads_to_active_in_one_tick_when_the_peers_are_there() -> None:
    assert settle(Mode.INIT, Inputs(0.0, (0.0, 0.0)), FIGURES, PERIOD) == (Mode.STANDBY, Mode.ACTIVE)
    assert settle(Mode.INIT, Inputs(), FIGURES, PERIOD) == ()
    assert after(Mode.INIT, 0.0, math.inf) is Mode.STANDBY


def test_safe_stop_stays_until_someone_arms_it_again() -> None:
    assert after(Mode.SAFE_STOP, 0.0, 0.0) is Mode.SAFE_STOP
    assert after(Mode.SAFE_STOP, 0.0, 0.0, rearm=True) is Mode.ACTIVE
    assert after(Mode.SAFE_STOP, 0.0, 0.0, rearm=True, stop=True) is Mode.SAFE_STOP


@pytest.mark.parametrize("mode", [mode for mode in Mode if mode is not Mode.FAULT])
def test_fault_and_stop_win_over_everything(mode: Mode) -> None:
    for own, peer in itertools.product((0.0, 1.0, 3.0, math.inf), repeat=2):
        assert after(mode, own, peer, fault=True, stop=True, rearm=True) is Mode.FAULT
        assert after(mode, own, peer, stop=True) is Mode.SAFE_STOP


def test_nothing_leads_out_of_fault() -> None:
    for own, rearm in itertools.product((0.0, 1.0, math.inf), (False, True)):
        assert after(Mode.FAULT, own, rearm=rearm) is Mode.FAULT


@pytest.mark.parametrize("mode", list(Mode))
def test_every_input_settles_and_active_means_that_nothing_is_lost(mode: Mode) -> None:
    ages = (0.0, FRESH, 0.3, LOST, 0.6, OWN_STOP, 3.0, math.inf)
    for own, peer, stop, rearm, fault in itertools.product(ages, ages, *[(False, True)] * 3):
        passed = settle(mode, Inputs(own, (peer,), stop, rearm, fault), FIGURES, PERIOD)
        assert len(passed) == len(set(passed)) < len(Mode)
        if (mode, *passed)[-1] is Mode.ACTIVE:
            assert own <= OWN_HOLD and peer <= LOST and not stop and not fault


def test_readme_has_the_same_table() -> None:
    text = (Path(__file__).parents[2] / "runtime" / "README.md").read_text()
    rows = re.findall(r"^\| (\w+) \| `(\w+)` \| (\w+) \|", text, re.MULTILINE)
    assert rows == [(mode.value, condition, following.value) for mode in Mode for condition, following in TABLE[mode]]
