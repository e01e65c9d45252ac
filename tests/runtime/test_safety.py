"""Whatever goes into the gate, what comes out is finite and within the limits; what is within them passes bit for bit."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from robots.spec import load_spec
from runtime.safety import REASONS, Gated, Limits, gate

SPEED, ACCELERATION, PERIOD, RESPONSE, FENCE = 2.0, 4.0, 0.02, 0.2, 3.0
STEP = ACCELERATION * PERIOD
LIMITS = Limits("velocity_setpoint", SPEED, ACCELERATION, RESPONSE, PERIOD, FENCE)
NO_FENCE = Limits("velocity_setpoint", SPEED, ACCELERATION, RESPONSE, PERIOD)
FORCE = Limits("force", 1.5, 1000.0, 0.0, 0.1, FENCE)
ORIGIN = np.zeros(2)


def pairs(low: float, high: float) -> st.SearchStrategy[np.ndarray]:
    return arrays(np.float64, 2, elements=st.floats(low, high))


ANYTHING = arrays(np.float64, 2, elements=st.floats(width=64))


def reasons(gated: Gated) -> set[str]:
    return set(gated.changed)


@given(wanted=ANYTHING, previous=pairs(-1.4, 1.4), position=pairs(-5, 5), active=st.booleans(), limits=st.sampled_from([LIMITS, FORCE]))
def test_output_keeps_every_limit_for_any_input(
    wanted: np.ndarray, previous: np.ndarray, position: np.ndarray, active: bool, limits: Limits
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        out = gate(limits, wanted, previous, position, active)
    assert np.isfinite(out.action).all()
    assert active or not out.action.any()
    assert not (out.action * np.sign(position) > 0)[np.abs(position) >= FENCE].any()
    if limits.action == "force":
        assert (np.abs(out.action) <= 1.0).all()
    else:
        assert np.hypot(*out.action) <= SPEED * (1 + 1e-9)
    assert reasons(out) <= set(REASONS)
    assert bool(out.changed) or np.array_equal(out.action, wanted)


@given(wanted=pairs(-1.4, 1.4), change=pairs(-0.99 * STEP / 1.5, 0.99 * STEP / 1.5))
def test_what_is_within_the_limits_passes_bit_for_bit(wanted: np.ndarray, change: np.ndarray) -> None:
    out = gate(LIMITS, wanted, wanted + change, ORIGIN)
    assert not out.changed and np.array_equal(out.action, wanted)


@given(wanted=ANYTHING, previous=pairs(-1.4, 1.4))
def test_set_point_never_changes_faster_than_the_robot_can(wanted: np.ndarray, previous: np.ndarray) -> None:
    out = gate(NO_FENCE, wanted, previous, ORIGIN)
    assert np.hypot(*(out.action - previous)) <= STEP * (1 + 1e-9)


@given(wanted=pairs(-50, 50))
def test_speed_limit_keeps_the_direction(wanted: np.ndarray) -> None:
    out = gate(Limits("velocity_setpoint", SPEED, 1e9, 0.0, PERIOD), wanted, ORIGIN, ORIGIN).action
    assert abs(out[0] * wanted[1] - out[1] * wanted[0]) <= 1e-9 * np.hypot(*wanted)
    assert out @ wanted >= 0


@given(wanted=ANYTHING, previous=pairs(-1.4, 1.4), position=pairs(-5, 5))
def test_gating_twice_changes_nothing_more(wanted: np.ndarray, previous: np.ndarray, position: np.ndarray) -> None:
    once = gate(LIMITS, wanted, previous, position)
    twice = gate(LIMITS, once.action, previous, position)
    if "geofence" not in once.changed:  # the fence may brake harder than the acceleration limit, and must
        assert not twice.changed


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_gives_zero_on_both_axes(bad: float) -> None:
    for limits in (Limits("velocity_setpoint", SPEED, 1e9, 0.0, PERIOD), FORCE):
        out = gate(limits, np.array([0.5, bad]), ORIGIN, ORIGIN)
        assert not out.action.any() and reasons(out) == {"not_finite"}


def test_boundaries_exactly() -> None:
    fast = Limits("velocity_setpoint", SPEED, 1e9, 0.0, PERIOD)
    assert not gate(fast, np.array([SPEED, 0.0]), ORIGIN, ORIGIN).changed
    assert reasons(gate(fast, np.array([SPEED * 1.001, 0.0]), ORIGIN, ORIGIN)) == {"speed"}
    assert not gate(NO_FENCE, np.array([STEP, 0.0]), ORIGIN, ORIGIN).changed
    assert reasons(gate(NO_FENCE, np.array([STEP * 1.001, 0.0]), ORIGIN, ORIGIN)) == {"acceleration"}
    assert not gate(FORCE, np.array([1.0, -1.0]), ORIGIN, ORIGIN).changed
    clipped = gate(FORCE, np.array([1.001, -0.5]), ORIGIN, ORIGIN)
    assert reasons(clipped) == {"speed"} and clipped.action.tolist() == [1.0, -0.5]


def test_at_the_fence_only_the_outward_part_is_taken() -> None:
    for limits in (Limits("velocity_setpoint", SPEED, 1e9, RESPONSE, PERIOD, FENCE), FORCE):
        out = gate(limits, np.array([0.5, -0.5]), ORIGIN, np.array([FENCE, FENCE]))
        assert out.action.tolist() == [0.0, -0.5] and reasons(out) == {"geofence"}


@pytest.mark.parametrize("speed", [0.5, 1.0, 2.0])
def test_a_robot_driven_at_the_fence_stops_inside(speed: float) -> None:
    """A base that follows its set-point after a latency, first order and force limited, as the omni base does."""
    latency_ticks, time_constant = 3, RESPONSE - 3 * PERIOD
    position, velocity, previous, pipe = np.zeros(2), np.zeros(2), np.zeros(2), [np.zeros(2)] * latency_ticks
    for _ in range(1000):
        previous = gate(LIMITS, np.array([speed, 0.0]), previous, position).action
        pipe.append(previous)
        error = pipe.pop(0) - velocity
        velocity = velocity + np.clip(error / time_constant, -ACCELERATION, ACCELERATION) * PERIOD
        position = position + velocity * PERIOD
        assert position[0] <= FENCE + 1e-3
    assert position[0] > FENCE - 0.1


def test_a_robot_that_may_not_move_is_commanded_zero_at_once() -> None:
    out = gate(LIMITS, np.array([1.0, 1.0]), np.array([1.0, 1.0]), ORIGIN, active=False)
    assert not out.action.any() and reasons(out) == {"state"}


def test_limits_of_a_robot_kind_come_from_its_spec() -> None:
    spec = load_spec("omni")
    limits = Limits.of(spec, 0.02, 5.0)
    assert (limits.speed, limits.acceleration, limits.response_time, limits.geofence) == (2.5, 2.0, spec.response_time, 5.0)


def test_a_batch_is_gated_as_each_robot_alone() -> None:
    rng = np.random.default_rng(3)
    wanted, previous = rng.normal(scale=2.0, size=(50, 3, 2)), rng.normal(scale=0.5, size=(50, 3, 2))
    position, active = rng.normal(scale=2.5, size=(50, 3, 2)), rng.random((50, 3)) < 0.8
    wanted[rng.random((50, 3)) < 0.1] = np.nan
    batch = gate(LIMITS, wanted, previous, position, active)
    for index in np.ndindex(50, 3):
        alone = gate(LIMITS, wanted[index], previous[index], position[index], bool(active[index]))
        np.testing.assert_array_equal(batch.action[index], alone.action)
        assert {reason for reason, where in batch.changed.items() if where[index]} == reasons(alone)
