"""The gate at its borders: at each limit, one step of a float to either side, for numbers that are none, and for each reason alone."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

from runtime.barrier import HalfPlanes
from runtime.safety import FORCE_LIMIT, REASONS, Gated, Limits, gate
from tests.runtime.test_barrier import planes

SPEED, ACCELERATION, RESPONSE, PERIOD, FENCE = 2.0, 4.0, 0.2, 0.02, 3.0
STEP = ACCELERATION * PERIOD
SLOWING = 4 * (RESPONSE + PERIOD)
SLACK = 1.0 + 1e-12
"""By rounding, a vector that was scaled to a limit may be longer."""
ORIGIN = np.zeros(2)
AXES = [np.array(axis) for axis in ((1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0))]
SLANTED = np.array([0.6, -0.8])


def limits(speed: float = SPEED, acceleration: float = 1e9, geofence: float | None = None, action: str = "velocity_setpoint") -> Limits:
    return Limits(action, speed, acceleration, RESPONSE, PERIOD, geofence)


def both(limits: Limits, wanted: np.ndarray, previous: np.ndarray = ORIGIN, position: np.ndarray = ORIGIN, **more: object) -> Gated:
    """What one robot's gate makes of it; as one of two robots, of which the other stands, it gets the same."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        alone = gate(limits, wanted, previous, position, **more)
        pair = gate(limits, np.stack([wanted, ORIGIN]), np.stack([previous, ORIGIN]), np.stack([position, ORIGIN]))
    if not more:
        assert pair.action[0].tobytes() == alone.action.tobytes() or (pair.action[0] == alone.action).all()
        assert {reason for reason, where in pair.changed.items() if where[0]} == set(alone.changed)
        assert not any(where[1] for where in pair.changed.values()) and not pair.action[1].any()
    return alone


def up(number: float) -> float:
    return math.nextafter(number, math.inf)


def down(number: float) -> float:
    return math.nextafter(number, -math.inf)


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("speed", [0.0, 5e-324, SPEED / 2, down(SPEED), SPEED, up(SPEED), SPEED * SLACK])
def test_up_to_the_speed_limit_nothing_is_changed(axis: np.ndarray, speed: float) -> None:
    gated = both(limits(), speed * axis)
    assert not gated.changed and gated.action.tobytes() == (speed * axis).tobytes()


@pytest.mark.parametrize("axis", [*AXES, SLANTED])
@pytest.mark.parametrize("speed", [up(SPEED * SLACK) * SLACK, 2 * SPEED, 1e300])
def test_beyond_it_the_speed_is_the_limit(axis: np.ndarray, speed: float) -> None:
    gated = both(limits(), speed * axis)
    assert set(gated.changed) == {"speed"} and gated.action == pytest.approx(SPEED * axis, rel=1e-15)


def test_a_speed_that_overflows_is_none() -> None:
    gated = both(limits(), np.array([1.7e308, 1.7e308]))
    assert set(gated.changed) == {"speed"} and not gated.action.any()


START = np.array([0.3, -0.4])


@pytest.mark.parametrize("axis", [*AXES, SLANTED])
@pytest.mark.parametrize("change", [0.0, STEP / 2, STEP * (1 - 1e-9)])
def test_up_to_the_acceleration_limit_nothing_is_changed(axis: np.ndarray, change: float) -> None:
    wanted = START + change * axis
    gated = both(limits(acceleration=ACCELERATION), wanted, START)
    assert not gated.changed and gated.action.tobytes() == wanted.tobytes()


@pytest.mark.parametrize("axis", [*AXES, SLANTED])
@pytest.mark.parametrize("change", [STEP * (1 + 1e-9), 3 * STEP, 1.2])
def test_beyond_it_the_set_point_goes_that_far_and_no_further(axis: np.ndarray, change: float) -> None:
    gated = both(limits(acceleration=ACCELERATION), START + change * axis, START)
    assert set(gated.changed) == {"acceleration"}
    assert gated.action == pytest.approx(START + STEP * axis, rel=1e-12)


@pytest.mark.parametrize("step", [STEP, up(STEP), STEP * SLACK])
def test_the_acceleration_limit_itself_from_standstill(step: float) -> None:
    assert not both(limits(acceleration=ACCELERATION), np.array([step, 0.0])).changed
    assert set(both(limits(acceleration=ACCELERATION), np.array([0.0, up(STEP * SLACK) * SLACK])).changed) == {"acceleration"}


@pytest.mark.parametrize("axis", range(2))
@pytest.mark.parametrize("side", [1.0, -1.0])
@pytest.mark.parametrize("room", [0.0, 1e-300, 1e-9, 0.1, 0.5, 2.0])
def test_towards_the_fence_a_robot_is_as_fast_as_it_can_still_stop(axis: int, side: float, room: float) -> None:
    """v t + v^2 / (2 a) = room, with t four times the delay of the loop."""
    position, wanted = np.zeros(2), np.array([0.25, 0.25])
    position[axis], wanted[axis] = side * (FENCE - room), side * 50.0
    fast = Limits("velocity_setpoint", 100.0, ACCELERATION, RESPONSE, PERIOD, FENCE)
    gated = both(fast, wanted, wanted, position)
    speed = side * gated.action[axis]
    assert set(gated.changed) == {"geofence"} and gated.action[1 - axis] == 0.25
    assert speed * SLOWING + speed**2 / (2 * ACCELERATION) == pytest.approx(FENCE - abs(position[axis]), abs=1e-12)
    wanted[axis] = side * speed
    assert not both(fast, wanted, wanted, position).changed
    wanted[axis] = side * up(speed) if speed else side * 5e-324
    assert set(both(fast, wanted, wanted, position).changed) == {"geofence"}


@pytest.mark.parametrize("action", ["velocity_setpoint", "force"])
@pytest.mark.parametrize("side", [1.0, -1.0])
@pytest.mark.parametrize("place", [FENCE, up(FENCE), 2 * FENCE, 1e300])
def test_at_and_beyond_the_fence_there_is_only_the_way_back(action: str, side: float, place: float) -> None:
    kept = limits(geofence=FENCE, action=action)
    for axis in range(2):
        position, outwards = np.zeros(2), np.full(2, 0.5)
        position[axis], outwards[axis] = side * place, side * 0.5
        gated = both(kept, outwards, position=position)
        assert set(gated.changed) == {"geofence"} and gated.action[axis] == 0.0 and gated.action[1 - axis] == 0.5
        outwards[axis] = -side * 0.5
        assert not both(kept, outwards, position=position).changed


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_a_force_may_point_outwards_to_the_last_float_before_the_fence(side: float) -> None:
    kept = limits(geofence=FENCE, action="force")
    assert not both(kept, np.array([side, 0.0]), position=np.array([side * down(FENCE), 0.0])).changed


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_a_force_is_clipped_on_each_axis(side: float) -> None:
    kept = limits(action="force")
    for force in (FORCE_LIMIT, down(FORCE_LIMIT), 0.0, -0.0):
        wanted = np.array([side * force, -side * force])
        assert not both(kept, wanted).changed and both(kept, wanted).action.tobytes() == wanted.tobytes()
    for force in (up(FORCE_LIMIT), 3.0, 1e308):
        for wanted, expected in (((side * force, 0.5), (side, 0.5)), ((-0.5, side * force), (-0.5, side))):
            gated = both(kept, np.array(wanted))
            assert set(gated.changed) == {"speed"} and gated.action.tolist() == list(expected)
    assert FORCE_LIMIT == 1.0


def test_a_force_knows_no_acceleration_limit() -> None:
    kept = limits(acceleration=1e-9, action="force")
    assert not both(kept, np.array([1.0, -1.0]), np.array([-1.0, 1.0])).changed


BAD = [math.nan, math.inf, -math.inf]


@pytest.mark.parametrize("action", ["velocity_setpoint", "force"])
@pytest.mark.parametrize("bad", BAD)
def test_one_number_that_is_not_finite_stops_the_robot_and_no_other(action: str, bad: float) -> None:
    for wanted in ((bad, 0.5), (0.5, bad), (bad, bad)):
        gated = both(limits(action=action), np.array(wanted))
        assert set(gated.changed) == {"not_finite"} and gated.action.tolist() == [0.0, 0.0]
    batch = gate(limits(action=action), np.array([[0.5, bad], [0.25, -0.5]]), np.zeros((2, 2)), np.zeros((2, 2)))
    assert batch.action.tolist() == [[0.0, 0.0], [0.25, -0.5]] and batch.changed["not_finite"].tolist() == [True, False]


def test_zero_is_zero_whatever_its_sign_and_the_smallest_numbers_pass() -> None:
    for wanted in ((0.0, -0.0), (-0.0, 0.0), (5e-324, -5e-324)):
        gated = both(limits(acceleration=ACCELERATION, geofence=FENCE), np.array(wanted), np.array([-0.0, 0.0]))
        assert not gated.changed and gated.action.tobytes() == np.array(wanted).tobytes()


def test_a_robot_that_may_not_move_is_at_zero_and_one_that_stands_anyway_is_not_counted() -> None:
    moving = np.array([0.5, 0.0])
    assert set(both(limits(), moving, active=False).changed) == {"state"}
    assert not both(limits(), ORIGIN, active=False).changed
    assert not both(limits(), moving, active=True).changed and both(limits(), moving, active=np.True_).action.tolist() == [0.5, 0.0]
    batch = gate(limits(), np.stack([moving, moving]), np.zeros((2, 2)), np.zeros((2, 2)), np.array([True, False]))
    assert batch.action.tolist() == [[0.5, 0.0], [0.0, 0.0]] and batch.changed["state"].tolist() == [False, True]


def test_every_reason_is_told_in_the_order_in_which_the_gate_looks() -> None:
    assert REASONS == ("not_finite", "speed", "acceleration", "geofence", "barrier", "dead_end", "state")
    at_fence = np.array([FENCE, 0.0])
    kept = limits(acceleration=ACCELERATION, geofence=FENCE)
    many = both(kept, np.array([50.0, 50.0]), position=at_fence, active=False, apart=planes((math.pi / 2, -0.1)))
    assert list(many.changed) == ["speed", "acceleration", "geofence", "barrier", "state"]
    assert list(both(kept, np.array([math.nan, 0.0]), START, active=False).changed) == ["not_finite", "acceleration", "state"]
    assert list(both(kept, np.array([50.0, 0.0]), position=at_fence, apart=planes((math.pi, -9.0))).changed) == [
        "speed",
        "acceleration",
        "geofence",
    ]
    assert list(both(limits(), np.array([1.0, 0.0]), apart=planes((math.pi, -9.0))).changed) == ["dead_end"]


def forced(side: np.ndarray, speed: float) -> HalfPlanes:
    """Others that leave a robot only what goes to one side at a speed, or faster."""
    return HalfPlanes(-side[None], np.array([-speed]))


@pytest.mark.parametrize("side", AXES)
@pytest.mark.parametrize("room", [0.0, 0.2, 1.0])
def test_others_drive_a_robot_towards_the_fence_as_fast_as_it_can_stop_and_no_faster(side: np.ndarray, room: float) -> None:
    kept = Limits("velocity_setpoint", 10.0, ACCELERATION, RESPONSE, PERIOD, FENCE)
    fastest = ACCELERATION * (math.sqrt(SLOWING**2 + 2 * room / ACCELERATION) - SLOWING)
    position, across = (FENCE - room) * side, 0.05 * side[::-1]
    gated = both(kept, across, across, position, apart=forced(side, fastest - 1e-6))
    if room:
        assert set(gated.changed) == {"barrier"} and gated.action == pytest.approx(across + (fastest - 1e-6) * side)
    gated = both(kept, across, across, position, apart=forced(side, fastest + 1e-6))
    assert set(gated.changed) == {"dead_end"} and gated.action.tolist() == [0.0, 0.0]
    # The other three sides are far.
    assert set(both(kept, across, across, position, apart=forced(-side, 0.5)).changed) == {"barrier"}


@pytest.mark.parametrize("side", AXES)
def test_without_a_fence_others_may_drive_a_robot_anywhere(side: np.ndarray) -> None:
    gated = both(limits(), ORIGIN, position=9.0 * side, apart=forced(side, 1.5))
    assert set(gated.changed) == {"barrier"} and gated.action == pytest.approx(1.5 * side)


def test_of_a_batch_each_robot_gets_its_own_half_planes_and_reasons() -> None:
    pushed, cornered, free = forced(AXES[0], 0.5), planes((0.0, -0.5), (math.pi, -0.5)), planes((0.0, 9.0), (1.0, 9.0))
    pushed = HalfPlanes(np.concatenate([pushed.normal, free.normal[:1]]), np.concatenate([pushed.bound, free.bound[:1]]))
    apart = HalfPlanes(np.stack([p.normal for p in (pushed, cornered, free)]), np.stack([p.bound for p in (pushed, cornered, free)]))
    wanted = np.array([[0.0, 0.25], [0.25, 0.0], [0.25, 0.5]])
    batch = gate(limits(), wanted, wanted, np.zeros((3, 2)), apart=apart)
    assert batch.action == pytest.approx(np.array([[0.5, 0.25], [0.0, 0.0], [0.25, 0.5]]))
    assert {reason: where.tolist() for reason, where in batch.changed.items()} == {
        "barrier": [True, False, False],
        "dead_end": [False, True, False],
    }


def test_a_batch_in_which_others_leave_everyone_what_he_wants_passes_to_the_bit() -> None:
    free = planes((0.0, 9.0), (1.0, 9.0))
    wanted = np.array([[0.1 + 0.2, -0.0], [-1.0, 0.5]])
    batch = gate(
        limits(geofence=9.0), wanted, wanted, np.zeros((2, 2)), apart=HalfPlanes(np.stack([free.normal] * 2), np.stack([free.bound] * 2))
    )
    assert not batch.changed and batch.action.tobytes() == wanted.tobytes()


def test_a_robot_in_a_dead_end_that_stands_is_not_counted() -> None:
    assert not both(limits(), ORIGIN, apart=planes((0.0, -0.5), (math.pi, -0.5))).changed


def test_wanted_may_be_anything_that_becomes_an_array_and_is_not_changed_itself() -> None:
    assert gate(limits(), [1, -1], ORIGIN, ORIGIN).action.dtype == np.float64
    wanted = np.array([[50.0, 0.0]])
    gate(limits(), wanted, np.zeros((1, 2)), np.zeros((1, 2)), apart=HalfPlanes(np.array([[[1.0, 0.0]]]), np.array([[0.5]])))
    assert wanted.tolist() == [[50.0, 0.0]]
