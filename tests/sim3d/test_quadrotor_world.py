"""Quadrotors in world `bullet`: the same episode in every batch, contacts, dynamics of their own, and company of other kinds."""

import numpy as np
import pytest

from robots.quadrotor.flight_stack import MISSION_HEIGHT
from robots.spec import load_spec
from sim3d.bullet import BulletWorld
from sim3d.bullet_engine import ROOMS
from sim3d.world import Dynamics, Layouts, random_layouts

SPEC = load_spec("quadrotor")
ARENA = 0.3
TICKS = 40
EPISODES = ROOMS + 3


@pytest.fixture(scope="module")
def batch():
    """Layouts, and set-points [T, B, 3, 2] that bring all vehicles of an episode together."""
    layouts = random_layouts(EPISODES, 3, 3, ARENA, seed=0)
    random = np.random.default_rng(0).uniform(-0.7, 0.7, (TICKS // 10, EPISODES, 3, 2)).repeat(10, axis=0)
    return layouts, 0.5 * random - 2.0 * layouts.starts


def trajectories(world, layouts, setpoints, dynamics=None):
    """Everything that the world says of each episode: [B, T + 1, N, 5]."""
    states = [state := world.reset(layouts, dynamics)]
    for setpoint in setpoints:
        states.append(state := world.step(state, setpoint))
    return np.stack([np.concatenate([each.position, each.velocity, each.heading[..., None]], axis=-1) for each in states], axis=1)


def taken(layouts, order):
    return Layouts(layouts.starts[order], layouts.landmarks[order], layouts.seeds[order])


def test_an_episode_is_the_same_bit_for_bit_in_any_batch_any_order_and_any_number_of_workers(batch):
    layouts, setpoints = batch
    world = BulletWorld([SPEC] * 3, ARENA)
    expected = trajectories(world, layouts, setpoints)
    distance = np.linalg.norm(expected[..., :, None, :2] - expected[..., None, :, :2], axis=-1) + 9 * np.eye(3)
    assert (distance.min(axis=(1, 2, 3)) < 2 * SPEC.radius + 1e-3).mean() > 0.3, "some episodes must have contacts"
    for order in (np.arange(EPISODES)[::-1], np.array([7]), np.array([EPISODES - 1, 3, 3])):
        np.testing.assert_array_equal(trajectories(world, taken(layouts, order), setpoints[:, order]), expected[order])
    world.close()
    workers = BulletWorld([SPEC] * 3, ARENA, workers=2)
    try:
        np.testing.assert_array_equal(trajectories(workers, layouts, setpoints), expected)
    finally:
        workers.close()


def test_holding_a_set_point_for_two_seconds_is_no_silence():
    layouts = random_layouts(1, 1, 1, 1.0, seed=0)
    world = BulletWorld([SPEC], 1.0)
    setpoint = np.full((1, 1, 2), 0.5)
    at_once = world.step(world.reset(layouts), setpoint, ticks=150)
    state = world.reset(layouts)
    for _ in range(150):
        state = world.step(state, setpoint)
    world.close()
    np.testing.assert_array_equal(at_once.position, state.position)
    np.testing.assert_allclose(at_once.velocity, 0.5, rtol=0.02)


def test_heavy_and_weak_vehicles_fly_and_are_forgotten_at_the_next_reset(batch):
    layouts, setpoints = taken(batch[0], slice(0, 4)), batch[1][:, :4]
    world = BulletWorld([SPEC] * 3, ARENA)
    fresh = trajectories(world, layouts, setpoints)
    shape = layouts.starts.shape[:2]
    harsh = trajectories(world, layouts, setpoints, Dynamics(np.full(shape, 1.2), np.full(shape, 0.9), np.full(shape, 0.5)))
    again = trajectories(world, layouts, setpoints, Dynamics(np.ones(shape), np.ones(shape), np.zeros(shape)))
    bodies = world._physics._busy[0]._kinds[0].bodies
    assert np.abs(bodies.motion.position[2] - MISSION_HEIGHT).max() < 0.2
    world.close()
    np.testing.assert_array_equal(fresh, again)
    assert np.abs(harsh[..., :2] - fresh[..., :2]).max() > 0.005


def test_in_a_mixed_team_each_kind_moves_as_it_does_among_its_own():
    omni = load_spec("omni")
    layouts = Layouts(np.array([[[-1.0, 0.0], [1.0, 0.0]]]), np.zeros((1, 2, 2)), np.array([0]))
    setpoint = np.array([[[0.4, 0.1], [-0.1, 0.4]]])
    ends = {}
    for kinds in ([SPEC, omni], [SPEC, SPEC], [omni, omni]):
        world = BulletWorld(kinds, 2.0)
        ends[tuple(spec.kind for spec in kinds)] = world.step(world.reset(layouts), setpoint, ticks=75).position[0]
        world.close()
    mixed = ends["quadrotor", "omni"]
    np.testing.assert_allclose(mixed[0], ends["quadrotor", "quadrotor"][0], atol=1e-9)
    # The omni's physics runs at the quadrotor's rate here.
    np.testing.assert_allclose(mixed[1], ends["omni", "omni"][1], atol=2e-3)
    assert np.linalg.norm(mixed[1] - layouts.starts[0, 1]) > 0.4
