"""What world `spread` and its task promise beyond parity with mpe2 (test_spread_parity.py)."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sim3d.spread import DISCRETE_FORCES, DT, SENSITIVITY, SpreadWorld
from sim3d.spread_task import all_covered, distances, reward, separations
from sim3d.world import random_layouts

torch.set_num_threads(1)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 8), st.integers(1, 5), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_numpy_and_torch_simulate_the_same_world(robots, landmarks, ticks, seed):
    layouts = random_layouts(4, robots, landmarks, 1.0, seed)
    action = np.random.default_rng(seed).uniform(-1, 1, (4, robots, 2))
    results = []
    for like in (np.zeros(0), torch.zeros(0, dtype=torch.float64), torch.zeros(0, dtype=torch.float32)):
        world = SpreadWorld(robots, like=like, landmarks=landmarks)
        state = world.reset(layouts)
        for _ in range(5):
            state = world.step(state, action if isinstance(like, np.ndarray) else torch.as_tensor(action, dtype=like.dtype), ticks)
        scores = reward(state.position, state.landmarks, world.robot_radius)
        for array in (state.position, state.velocity, state.heading, state.landmarks, scores):
            assert array.dtype == like.dtype
            assert type(array) is type(like)
        results.append([np.asarray(array, dtype=float) for array in (state.position, state.velocity, scores)])
        assert state.tick == 5 * ticks
    for ours, double, single in zip(*results, strict=True):
        np.testing.assert_allclose(double, ours, rtol=0, atol=1e-9)
        # A contact is a stiff spring: where robots meet, single precision soon differs, so only the free ones are held to it.
        if robots == 1:
            np.testing.assert_allclose(single, ours, rtol=0, atol=1e-5)


def test_holding_an_action_is_the_same_as_giving_it_again():
    world = SpreadWorld(3)
    action = np.random.default_rng(0).uniform(-1, 1, (2, 3, 2))
    start = world.reset(random_layouts(2, 3, 3, 1.0, seed=0))
    one_by_one = world.step(world.step(world.step(start, action), action), action)
    at_once = world.step(start, action, ticks=3)
    np.testing.assert_array_equal(at_once.position, one_by_one.position)
    np.testing.assert_array_equal(at_once.velocity, one_by_one.velocity)


def test_a_step_leaves_the_state_that_it_starts_from():
    world = SpreadWorld(2)
    start = world.reset(random_layouts(1, 2, 2, 1.0, seed=0))
    before = start.position.copy()
    first, second = (world.step(start, np.ones((1, 2, 2))) for _ in range(2))
    np.testing.assert_array_equal(start.position, before)
    np.testing.assert_array_equal(first.velocity, second.velocity)


def test_an_episode_does_not_depend_on_its_batch():
    layouts = random_layouts(6, 3, 3, 1.0, seed=0)
    action = np.random.default_rng(0).uniform(-1, 1, (6, 3, 2))
    world = SpreadWorld(3)
    together = world.step(world.reset(layouts), action, ticks=10)
    for episode in range(6):
        one = slice(episode, episode + 1)
        alone = world.step(world.reset(layouts[one]), action[one], ticks=10)
        np.testing.assert_allclose(alone.position, together.position[one], rtol=0, atol=1e-13)


def test_an_action_reaches_the_position_one_step_later():
    world = SpreadWorld(1)
    start = world.reset(random_layouts(1, 1, 1, 1.0, seed=0))
    pushed = world.step(start, np.array([[[1.0, 0.0]]]))
    np.testing.assert_array_equal(pushed.position, start.position)
    moved = world.step(pushed, np.zeros((1, 1, 2)))
    np.testing.assert_allclose(moved.position - start.position, [[[DT * DT * SENSITIVITY, 0.0]]])


@pytest.mark.parametrize("index", range(5))
def test_a_discrete_action_moves_the_resting_point_by_a_fifth(index):
    # FACTS 1: the lattice of simple_spread.
    world = SpreadWorld(1)
    start = world.reset(random_layouts(1, 1, 1, 1.0, seed=0))
    state = world.step(start, DISCRETE_FORCES[index][None, None])
    rest = world.step(state, np.zeros((1, 1, 2)), ticks=300)
    np.testing.assert_allclose(rest.position - start.position, 0.2 * DISCRETE_FORCES[index][None, None], atol=1e-12)


def test_the_terminal_speed_is_two():
    world = SpreadWorld(1)
    state = world.step(world.reset(random_layouts(1, 1, 1, 1.0, seed=0)), np.array([[[1.0, -1.0]]]), ticks=100)
    np.testing.assert_allclose(state.velocity, [[[2.0, -2.0]]])


@given(st.integers(2, 6), st.integers(0, 2**32 - 1))
def test_contacts_push_equally_and_oppositely(robots, seed):
    layouts = random_layouts(3, robots, 1, 0.3, seed)
    world = SpreadWorld(robots, landmarks=1)
    state = world.step(world.reset(layouts), np.zeros((3, robots, 2)))
    np.testing.assert_allclose(state.velocity.sum(axis=1), 0.0, atol=1e-9)


def test_reward_falls_with_distance_and_with_own_contacts_only():
    landmarks = np.zeros((1, 2))
    position = np.array([[0.0, 0.3], [0.2, 0.3], [2.0, 2.0]])
    np.testing.assert_allclose(reward(position, landmarks, robot_radius=0.15), [-0.65, -0.65, -0.15])
    np.testing.assert_allclose(reward(position, landmarks, robot_radius=0.15, local_ratio=0.0), -0.3)
    np.testing.assert_allclose(reward(10 * position, 10 * landmarks, robot_radius=1.5, unit=10.0), [-0.65, -0.65, -0.15])


@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_distances_and_coverage_are_what_their_names_say(robots, landmarks, seed):
    random = np.random.default_rng(seed)
    position, points = random.uniform(-1, 1, (2, 5, robots, 2)), random.uniform(-1, 1, (2, 5, landmarks, 2))
    found = distances(position, points)
    assert found.shape == (2, 5, robots, landmarks)
    assert found[1, 3, robots - 1, 0] == pytest.approx(np.hypot(*(position[1, 3, robots - 1] - points[1, 3, 0])))
    np.testing.assert_allclose(np.diagonal(separations(position), axis1=-2, axis2=-1), 0.0)
    np.testing.assert_array_equal(all_covered(position, points, 0.7), (found.min(axis=-2) < 0.7).all(axis=-1))


def test_an_episode_of_a_series_is_the_same_however_many_are_asked_for():
    many, few, later = (
        random_layouts(9, 3, 2, 2.0, seed=4),
        random_layouts(2, 3, 2, 2.0, seed=4),
        random_layouts(3, 3, 2, 2.0, seed=4, first=6),
    )
    for name in ("starts", "landmarks", "seeds"):
        np.testing.assert_array_equal(getattr(few, name), getattr(many, name)[:2])
        np.testing.assert_array_equal(getattr(later, name), getattr(many[6:9], name))
    assert len(np.unique(many.seeds)) == 9
    assert np.abs(many.starts).max() <= 2.0
    assert not np.array_equal(random_layouts(9, 3, 2, 2.0, seed=5).starts, many.starts)


@pytest.mark.parametrize(("robots", "landmarks"), [(3, 3), (5, 4), (2, 2)])
def test_landmarks_that_stand_still_are_scored_against_every_step(robots, landmarks):
    """[T, N, 2] against [L, 2], as numpy broadcasts: where L is 2 or N a slip in it would give numbers all the same."""
    rng = np.random.default_rng(0)
    position, marks = rng.uniform(-1, 1, (6, robots, 2)), rng.uniform(-1, 1, (landmarks, 2))
    expected = np.linalg.norm(position[:, :, None] - marks, axis=-1)
    np.testing.assert_allclose(distances(position, marks), expected, atol=1e-12)
    assert (all_covered(position, marks, 0.9) == (expected.min(axis=1) < 0.9).all(axis=-1)).all()
    np.testing.assert_allclose(distances(marks, position), np.swapaxes(expected, -1, -2), atol=1e-12)
