"""World `planar` against PyBullet and against what its docstring says."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from robots.errors import InputError
from robots.spec import load_spec
from sim3d.bullet import BulletWorld
from sim3d.elbow_room import START_GAP
from sim3d.planar import PlanarWorld
from sim3d.world import Dynamics, Layouts, random_layouts

OMNI = load_spec("omni")


def alone(world, setpoints, dynamics=None):
    """Positions [T, B, 2] of single robots from rest under set-points [T, B, 2], each held for ten ticks."""
    count = setpoints.shape[1]
    layouts = Layouts(np.zeros((count, 1, 2)), np.zeros((count, 1, 2)), np.arange(count))
    state = world.reset(layouts, dynamics)
    track = []
    for setpoint in setpoints:
        state = world.step(state, setpoint[:, None], ticks=10)
        track.append(state.position[:, 0])
    world.close()
    return np.stack(track)


@pytest.mark.parametrize(
    "dynamics", [None, Dynamics(np.full((20, 1), 1.3), np.full((20, 1), 0.8), np.full((20, 1), 0.2))], ids=["as specified", "disturbed"]
)
def test_omni_goes_where_it_goes_in_pybullet(dynamics):
    """10 s of random set-points, full speed included; at most 1 % of the path apart. PyBullet's own step is 4 ms, Euler."""
    setpoints = np.random.default_rng(0).uniform(-2.0, 2.0, (50, 20, 2))
    ours, theirs = (alone(world, setpoints, dynamics) for world in (PlanarWorld([OMNI], 2.0), BulletWorld([OMNI], 2.0)))
    path = np.linalg.norm(np.diff(theirs, axis=0), axis=-1).sum(axis=0)
    assert (np.linalg.norm(ours[-1] - theirs[-1], axis=-1) <= 0.01 * path).all()


def test_a_step_response_is_the_specs():
    """A set-point of 0.1 m/s stays below the acceleration limit: v = 0.1 (1 - exp(-t / tau)). One of 2 m/s does not: v = a t at first."""
    world = PlanarWorld([OMNI], 2.0)
    state = world.reset(Layouts(np.zeros((2, 1, 2)), np.zeros((2, 1, 2)), np.arange(2)))
    for tick in range(1, 11):
        state = world.step(state, np.array([[[0.1, 0.0]], [[0.0, 2.0]]]))
        time = tick * OMNI.loop_period
        assert state.velocity[0, 0, 0] == pytest.approx(0.1 * -np.expm1(-time / OMNI.velocity_time_constant))
        assert state.velocity[1, 0, 1] == pytest.approx(OMNI.acceleration_limit * time)


def test_robots_meet_as_plastic_discs():
    """Head-on at different masses: afterwards they move together, with the momentum that they had."""
    heavy = msgspec.structs.replace(OMNI, mass=3 * OMNI.mass)
    world = PlanarWorld([OMNI, heavy], 2.0)
    starts = np.array([[[-0.5, 0.0], [0.5, 0.0]]])
    state = world.reset(Layouts(starts, starts * 0.0, np.zeros(1)))
    state = replace(state, velocity=np.array([[[1.0, 0.0], [-1.0, 0.0]]]))
    free = np.array([[[1.0, 0.0], [-1.0, 0.0]]])
    while np.linalg.norm(state.position[0, 1] - state.position[0, 0]) > 2 * OMNI.radius + 1e-9:
        state = world.step(state, free)
    np.testing.assert_allclose(state.velocity[0], [[-0.5, 0.0], [-0.5, 0.0]], atol=1e-9)
    assert np.linalg.norm(state.position[0, 1] - state.position[0, 0]) == pytest.approx(2 * OMNI.radius)


def test_bodies_never_overlap_and_episodes_do_not_know_each_other():
    layouts, chance = random_layouts(40, 3, 3, 0.8, seed=1), np.random.default_rng(2)
    setpoints = chance.uniform(-2.0, 2.0, (30, 40, 3, 2))
    together, alone_ = PlanarWorld([OMNI] * 3, 0.8), PlanarWorld([OMNI] * 3, 0.8)
    state, single = together.reset(layouts), alone_.reset(layouts[7:8])
    first, second = np.triu_indices(3, 1)
    assert np.linalg.norm(state.position[:, first] - state.position[:, second], axis=-1).min() >= 2 * OMNI.radius + START_GAP - 1e-9
    deepest = 0.0
    for setpoint in setpoints:
        state, single = together.step(state, setpoint, ticks=5), alone_.step(single, setpoint[7:8], ticks=5)
        distance = np.linalg.norm(state.position[:, first] - state.position[:, second], axis=-1)
        deepest = max(deepest, float((2 * OMNI.radius - distance).max()))
    # A robot between two others is moved apart from each in turn, so the last pair is exact and the one before nearly so.
    assert deepest < 0.05 * OMNI.radius
    np.testing.assert_array_equal(state.position[7], single.position[0])


def test_a_point_does_not_live_here():
    with pytest.raises(InputError, match=r"world 'planar' needs robots that take 'velocity_setpoint'; robot kind 'point' takes 'force'"):
        PlanarWorld([load_spec("point")], 1.0)
