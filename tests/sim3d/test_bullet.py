"""The physics of world `bullet`: what an omni robot does with a set-point, and what happens when two of them meet."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robots.errors import InputError
from robots.spec import load_spec
from sim3d.bullet import BulletWorld
from sim3d.elbow_room import START_GAP, apart
from sim3d.world import Layouts, random_layouts

SPEC = load_spec("omni")
TICK = SPEC.loop_period
SLOP = 1e-4
"""By how much bodies may overlap in the engine [m]."""


def world_of(robots):
    return BulletWorld([SPEC] * robots, arena_half_size=2.0)


def drive(starts, setpoints):
    """One episode from starts [N, 2] with one set-point [N, 2] a tick: position and velocity [T + 1, N, 2], heading [T + 1, N]."""
    world = world_of(len(starts))
    state = world.reset(Layouts(np.asarray(starts, dtype=float)[None], np.zeros((1, len(starts), 2)), np.array([0])))
    states = [state]
    for setpoint in setpoints:
        states.append(state := world.step(state, np.asarray(setpoint, dtype=float)[None]))
    world.close()
    return tuple(np.stack([getattr(each, name)[0] for each in states]) for name in ("position", "velocity", "heading"))


def held(setpoints, seconds):
    return [setpoints] * round(seconds / TICK)


def test_a_robot_told_to_stand_stands():
    position, velocity, heading = drive([[0.3, -0.7]], held([[0.0, 0.0]], 20.0))
    np.testing.assert_allclose(position, np.broadcast_to([0.3, -0.7], position.shape), atol=1e-9)
    np.testing.assert_allclose(velocity, 0.0, atol=1e-9)
    np.testing.assert_array_equal(heading, 0.0)


def test_a_robot_holds_its_course_speed_and_heading():
    setpoint = np.array([[0.8, -0.6]])
    position, velocity, heading = drive([[0.0, 0.0]], held(setpoint, 20.0))
    np.testing.assert_allclose(velocity[-1], setpoint, atol=1e-9)
    # Through the start, along the set-point: what is lost is lost at the beginning.
    np.testing.assert_allclose(position[:, 0, 0] * 0.6 + position[:, 0, 1] * 0.8, 0.0, atol=1e-9)
    np.testing.assert_array_equal(heading, 0.0)


@pytest.mark.parametrize("angle", [0.0, 0.6, 2.0, 4.5])
def test_a_small_step_is_answered_with_the_time_constant_of_the_velocity_loop(angle):
    # 0.25 m/s needs 1.67 m/s^2 at first, within the limit of 2.
    direction = np.array([np.cos(angle), np.sin(angle)])
    _, velocity, _ = drive([[0.0, 0.0]], held(0.25 * direction[None], 1.0))
    time = np.arange(len(velocity)) * TICK
    expected = 0.25 * (1.0 - np.exp(-time / SPEC.velocity_time_constant))
    np.testing.assert_allclose(velocity[:, 0] @ direction, expected, atol=0.01 * 0.25)


def test_a_large_step_takes_the_limited_acceleration_and_then_the_time_constant():
    _, velocity, _ = drive([[0.0, 0.0]], held([[0.5, 0.0]], 1.0))
    tau, limit = SPEC.velocity_time_constant, SPEC.acceleration_limit
    # Full acceleration until v_set - v = tau a_max, exponential from there on.
    switch = (0.5 - tau * limit) / limit
    expected = switch + tau * np.log(tau * limit / (0.37 * 0.5))
    speed = velocity[:, 0, 0]
    reached = np.interp(0.63 * 0.5, speed, np.arange(len(speed)) * TICK)
    assert reached == pytest.approx(expected, abs=0.005)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_acceleration_and_speed_stay_within_the_limits_of_the_robot(seed):
    setpoints = np.random.default_rng(seed).uniform(-4.0, 4.0, (20, 1, 2)).repeat(8, axis=0)
    _, velocity, _ = drive([[0.0, 0.0]], setpoints)
    acceleration = np.linalg.norm(np.diff(velocity, axis=0), axis=-1) / TICK
    assert acceleration.max() <= SPEC.acceleration_limit * (1 + 1e-6)
    assert acceleration.max() > 0.99 * SPEC.acceleration_limit
    assert np.linalg.norm(velocity, axis=-1).max() <= SPEC.speed_limit * (1 + 1e-6)


def test_holding_several_ticks_is_the_same_as_one_tick_several_times():
    setpoint = np.array([[[0.7, 0.2], [-0.9, 0.1]]])
    layouts = Layouts(np.array([[[-0.5, 0.0], [0.5, 0.0]]]), np.zeros((1, 2, 2)), np.array([0]))
    world = world_of(2)
    state = world.reset(layouts)
    for _ in range(40):
        state = world.step(state, setpoint)
    at_once = world.step(world.reset(layouts), setpoint, ticks=40)
    world.close()
    assert at_once.tick == state.tick == 40
    np.testing.assert_allclose(at_once.position, state.position, rtol=0, atol=1e-12)


def test_head_on_both_stop_and_neither_enters_the_other():
    position, velocity, heading = drive([[-0.8, 0.0], [0.8, 0.0]], held([[1.0, 0.0], [-1.0, 0.0]], 3.0))
    np.testing.assert_allclose(velocity[-1], 0.0, atol=1e-6)
    np.testing.assert_allclose(position[-1].mean(axis=0), 0.0, atol=1e-6)
    gap = np.linalg.norm(position[:, 0] - position[:, 1], axis=-1) - 2 * SPEC.radius
    assert gap.min() > -SLOP
    assert gap[-1] < SLOP
    np.testing.assert_array_equal(heading, 0.0)


def test_a_robot_that_hits_another_shares_its_momentum():
    # Up to the hit nothing pushes: the set-points are the speeds. From there on each is driven for one tick at most.
    _, velocity, _ = drive([[-0.6, 0.0], [0.0, 0.0]], held([[0.5, 0.0], [0.0, 0.0]], 1.2))
    hit = int(np.argmax(np.diff(velocity[:, 1, 0]) > 0.1)) + 1
    before, after = velocity[hit - 1], velocity[hit]
    lost = SPEC.acceleration_limit * TICK
    assert before[0, 0] > 0.4
    np.testing.assert_allclose(after.sum(axis=0), before.sum(axis=0), atol=2 * lost)
    # Inelastic: they leave together.
    assert after[0, 0] == pytest.approx(after[1, 0], abs=0.01)


def test_a_robot_that_wants_to_stand_holds_half_against_one_that_wants_to_pass():
    position, velocity, _ = drive([[-0.25, 0.0], [0.25, 0.0]], held([[0.4, 0.0], [0.0, 0.0]], 6.0))
    # (0.4 - v) m / tau forwards, (0 - v) m / tau backwards; both below the limit.
    np.testing.assert_allclose(velocity[-1], [[0.2, 0.0], [0.2, 0.0]], atol=1e-3)
    assert np.linalg.norm(position[:, 0] - position[:, 1], axis=-1).min() > 2 * SPEC.radius - SLOP


def test_a_robot_that_is_pushed_resists_with_no_more_than_its_limit():
    # The pusher is at its limit as long as it is slower than 1.7 m/s, the other as soon as it is faster than 0.3 m/s: nobody wins.
    _, velocity, _ = drive([[-0.25, 0.0], [0.25, 0.0]], held([[2.0, 0.0], [0.0, 0.0]], 6.0))
    speed = velocity[-100:, :, 0]
    assert speed.min() > SPEC.acceleration_limit * SPEC.velocity_time_constant
    np.testing.assert_allclose(speed, speed[0, 0], atol=1e-6)


def test_five_robots_in_a_scrum_stay_whole():
    starts = np.array([[0.0, 0.0], [0.5, 0.0], [-0.5, 0.0], [0.0, 0.5], [0.0, -0.5]])
    # For 0.2 s to the centre, for 0.2 s to a random place, and so on.
    targets = np.random.default_rng(0).uniform(-2.0, 2.0, (30, 5, 2)).repeat(10, axis=0)
    targets.reshape(15, 20, 5, 2)[:, :10] = 0.0
    world = world_of(5)
    state = world.reset(Layouts(starts[None], np.zeros((1, 5, 2)), np.array([0])))
    contacts = 0
    for target in targets:
        state = world.step(state, 1.5 * (target - state.position))
        distance = np.linalg.norm(state.position[0, :, None] - state.position[0, None], axis=-1) + 9 * np.eye(5)
        contacts += distance.min() < 2 * SPEC.radius + SLOP
        assert distance.min() > 2 * SPEC.radius - 0.002
        assert np.abs(state.velocity).max() < 2 * SPEC.speed_limit
        np.testing.assert_array_equal(state.heading, 0.0)
    world.close()
    assert contacts > 30


def test_starts_inside_one_another_begin_apart_and_at_rest():
    starts = np.array([[0.1, 0.0], [0.1, 0.0], [0.2, 0.1], [1.5, 1.5]])
    position, velocity, _ = drive(starts, held(np.zeros((4, 2)), 1.0))
    distance = np.linalg.norm(position[0, :, None] - position[0, None], axis=-1) + 9 * np.eye(4)
    assert distance.min() >= 2 * SPEC.radius + START_GAP
    np.testing.assert_array_equal(position[0, 3], starts[3])
    np.testing.assert_allclose(velocity, 0.0, atol=1e-9)


@settings(deadline=None)
@given(st.integers(1, 8), st.integers(0, 2**32 - 1))
def test_moving_starts_apart_is_enough_and_touches_nothing_else(robots, seed):
    starts = np.random.default_rng(seed).uniform(-1.0, 1.0, (3, robots, 2))
    moved = apart(starts, 0.41)
    for before, after in zip(starts, moved, strict=True):
        distance = np.linalg.norm(after[:, None] - after[None], axis=-1) + 9 * np.eye(robots)
        assert distance.min() >= 0.41
        np.testing.assert_allclose(after.mean(axis=0), before.mean(axis=0), atol=1e-9)
        originally = np.linalg.norm(before[:, None] - before[None], axis=-1) + 9 * np.eye(robots)
        if originally.min() >= 0.41:
            np.testing.assert_array_equal(after, before)


def test_an_older_state_a_wrong_shape_and_a_bad_number_are_refused():
    world = world_of(3)
    first = world.reset(random_layouts(2, 3, 3, 2.0, seed=0))
    action = np.zeros((2, 3, 2))
    world.step(first, action)
    with pytest.raises(ValueError, match="the last reset or step gave; this one, of tick 0,"):
        world.step(first, action)
    latest = world.reset(random_layouts(2, 3, 3, 2.0, seed=0))
    with pytest.raises(ValueError, match=r"shape \[1, 3, 2\].*\[2, 3, 2\]"):
        world.step(latest, action[:1])
    with pytest.raises(ValueError, match="not finite"):
        world.step(latest, np.full((2, 3, 2), np.nan))
    world.step(latest, action)  # a refused action changes nothing
    world.close()
    world.close()


def test_a_kind_that_does_not_take_set_points_is_refused():
    with pytest.raises(InputError, match="robot kind 'point' takes 'force'"):
        BulletWorld([load_spec("omni"), load_spec("point")], 1.0)
