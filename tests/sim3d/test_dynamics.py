"""Robots that are heavier, weaker or slower than their spec, in both worlds."""

import numpy as np
import pytest
import torch

from robots.spec import load_spec
from sim3d.bullet import BulletWorld
from sim3d.disturbances.disturbance import Disturbances
from sim3d.profile import Dynamics as Figures
from sim3d.profile import Profile
from sim3d.spread import SpreadWorld
from sim3d.world import Dynamics, Layouts

OMNI = load_spec("omni")
DT = OMNI.loop_period
FAR = Layouts(starts=np.array([[[-2.0, -2.0], [2.0, 2.0]]]), landmarks=np.zeros((1, 2, 2)), seeds=np.array([1]))


def dynamics(mass=1.0, motor_gain=1.0, friction=0.0, shape=(1, 2)):
    return Dynamics(*(np.full(shape, value) for value in (mass, motor_gain, friction)))


@pytest.fixture
def bullet():
    world = BulletWorld([OMNI] * 2, 3.0)
    yield world
    world.close()


def run(world, which, setpoint, ticks, layouts=FAR):
    state = world.reset(layouts, which)
    return world.step(state, np.broadcast_to(np.array(setpoint), state.position.shape), ticks)


@pytest.mark.parametrize(("mass", "gain", "share"), [(1.0, 1.0, 1.0), (2.0, 1.0, 0.5), (1.0, 0.5, 0.5), (2.0, 2.0, 1.0)])
def test_bullet_acceleration_is_the_motors_force_over_the_mass(bullet, mass, gain, share):
    state = run(bullet, dynamics(mass, gain), (1.0, 0.0), ticks=5)
    assert state.velocity[0, 0, 0] == pytest.approx(share * OMNI.acceleration_limit * 5 * DT, rel=1e-6)


def test_bullet_friction_slows_by_its_share_of_the_speed(bullet):
    # Where motors and friction balance: (v_set - v) / tau = friction * v.
    state = run(bullet, dynamics(friction=3.0), (0.25, 0.0), ticks=200)
    assert state.velocity[0, 0, 0] == pytest.approx(0.25 / (1 + 3.0 * OMNI.velocity_time_constant), rel=1e-3)


def test_bullet_momentum_is_kept_when_a_heavy_robot_hits_a_light_one(bullet):
    layouts = Layouts(starts=np.array([[[-0.3, 0.0], [0.3, 0.0]]]), landmarks=np.zeros((1, 2, 2)), seeds=np.array([1]))
    hit = []
    for mass in (1.0, 4.0):
        which = Dynamics(np.array([[mass, 1.0]]), np.array([[mass, 0.0]]), np.zeros((1, 2)))
        hit.append(run(bullet, which, (1.0, 0.0), 40, layouts).velocity[0, 1, 0])
    assert hit[1] > 1.2 * hit[0] > 0.1


def test_bullet_forgets_the_dynamics_of_the_batch_before(bullet):
    fresh = run(bullet, None, (1.0, 0.3), 20)
    run(bullet, dynamics(3.0, 0.4, 2.0), (1.0, 0.3), 20)
    again = run(bullet, None, (1.0, 0.3), 20)
    np.testing.assert_array_equal(fresh.position, again.position)
    np.testing.assert_array_equal(fresh.velocity, again.velocity)
    same = run(bullet, dynamics(), (1.0, 0.3), 20)
    np.testing.assert_array_equal(fresh.position, same.position)


def test_workers_give_each_episode_its_own_dynamics():
    layouts = Layouts(np.repeat(FAR.starts, 33, axis=0), np.zeros((33, 2, 2)), np.arange(33))
    mass = np.linspace(0.5, 3.0, 66).reshape(33, 2)
    ends = []
    for workers in (0, 2):
        world = BulletWorld([OMNI] * 2, 3.0, workers=workers)
        try:
            which = Dynamics(mass, np.ones((33, 2)), np.zeros((33, 2)))
            ends.append(run(world, which, (1.0, 0.0), 5, layouts).velocity)
        finally:
            world.close()
    np.testing.assert_array_equal(*ends)
    np.testing.assert_allclose(ends[0][..., 0], OMNI.acceleration_limit * 5 * DT / mass, rtol=1e-6)


@pytest.mark.parametrize("like", [np.zeros(0), torch.zeros(0, dtype=torch.float64)], ids=["numpy", "torch"])
def test_spread_follows_its_law(like):
    library = np if isinstance(like, np.ndarray) else torch
    world = SpreadWorld(2, like=like)
    which = Dynamics(*(library.full((1, 2), value, dtype=like.dtype) for value in (2.0, 0.5, 1.5)))
    push, state, speed = library.ones((1, 2, 2), dtype=like.dtype), world.reset(FAR, which), 0.0
    state = world.step(world.step(state, push, ticks=3), push, ticks=4)
    for _ in range(7):
        speed = (1 - 0.25 - 0.1 * 1.5) * speed + 0.1 * 0.5 * 5.0 / 2.0
    np.testing.assert_allclose(np.asarray(state.velocity), speed, rtol=1e-12)


def test_spread_with_the_specs_own_dynamics_is_simple_spread():
    world = SpreadWorld(2)
    actions = np.random.default_rng(0).uniform(-1, 1, (25, 1, 2, 2))
    plain, explicit = world.reset(FAR), world.reset(FAR, dynamics())
    for action in actions:
        plain, explicit = world.step(plain, action), world.step(explicit, action)
    np.testing.assert_array_equal(plain.position, explicit.position)


def test_only_a_profile_with_dynamics_has_any():
    assert Disturbances(Profile(name="a"), np.arange(3), 2, 0.1).dynamics is None
    heavy = Disturbances(Profile(name="a", dynamics=Figures(mass=1.5)), np.arange(3), 2, 0.1).dynamics
    np.testing.assert_array_equal(heavy.mass, np.full((3, 2), 1.5))
    np.testing.assert_array_equal(heavy.motor_gain, np.ones((3, 2)))
