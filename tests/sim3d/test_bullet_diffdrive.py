"""The differential drive in world `bullet`: its control point goes where it is told, on wheels that roll."""

import numpy as np
import pytest

from robots.diffdrive.drive import BURGER
from robots.spec import load_spec
from sim3d.bullet import BulletWorld
from sim3d.quiet_pybullet import pybullet
from sim3d.world import Dynamics, Layouts

SPEC = load_spec("diffdrive")
TICK = SPEC.loop_period
EVERYWHERE = np.radians([0, 45, 90, 135, 170, 180, 250, 315])


@pytest.fixture(scope="module")
def crowd():
    """As many robots as there are directions, far from each other."""
    world = BulletWorld([SPEC] * len(EVERYWHERE), 10.0)
    yield world
    world.close()


def drive(world, setpoints, starts=None, dynamics=None):
    """One episode: position, velocity [T + 1, N, 2], heading [T + 1, N]."""
    starts = 2.0 * np.stack([np.arange(world.robots), np.zeros(world.robots)], axis=-1) if starts is None else np.asarray(starts, float)
    states = [state := world.reset(Layouts(starts[None], np.zeros((1, world.landmarks, 2)), np.array([0])), dynamics)]
    for setpoint in setpoints:
        states.append(state := world.step(state, np.asarray(setpoint, dtype=float)[None]))
    return tuple(np.stack([getattr(each, name)[0] for each in states]) for name in ("position", "velocity", "heading"))


def directions(speed):
    return speed * np.stack([np.cos(EVERYWHERE), np.sin(EVERYWHERE)], axis=-1)


def held(setpoint, seconds):
    return [setpoint] * round(seconds / TICK)


def bodies(world):
    """PyBullet's numbers of the client and of the robots."""
    (engine,) = world._physics._busy
    (kind,) = engine._kinds
    return engine._client, kind.bodies._bodies


def test_robots_told_to_stand_stand(crowd):
    position, velocity, heading = drive(crowd, held(np.zeros((crowd.robots, 2)), 10.0))
    assert np.abs(position - position[0]).max() < 1e-4
    assert np.abs(velocity).max() < 1e-4 and np.abs(heading).max() < 1e-3


def test_the_control_point_goes_in_any_direction_whatever_the_robot_heads(crowd):
    wanted = directions(0.15)
    position, velocity, heading = drive(crowd, held(wanted, 8.0))
    np.testing.assert_allclose(velocity[-1], wanted, atol=0.01 * 0.15)
    way = position[-1] - position[0]
    along = (way * wanted).sum(axis=-1) / 0.15
    astray = np.abs(way[:, 0] * wanted[:, 1] - way[:, 1] * wanted[:, 0]) / 0.15
    # Less what is lost at the start.
    np.testing.assert_allclose(along, 0.15 * 7.9, atol=0.005)
    assert astray.max() < 0.004
    # It has turned to where it goes, but for the one that goes exactly backwards, which balances.
    turned = np.angle(np.exp(1j * (heading[-1] - EVERYWHERE)))
    assert np.abs(np.delete(turned, 5)).max() < 0.02


def test_a_step_is_answered_with_the_limit_and_the_time_constant_of_the_spec_in_all_directions(crowd):
    setpoint, tau = directions(0.15), SPEC.velocity_time_constant
    _, velocity, _ = drive(crowd, held(setpoint, 1.0))
    speed = (velocity * setpoint).sum(axis=-1) / 0.15
    time = np.arange(len(speed)) * TICK
    # Full acceleration until v_set - v = tau a_max, exponential from there on.
    wanted, limit = 0.15, SPEC.acceleration_limit
    switch = (wanted - tau * limit) / limit
    expected = np.where(time < switch, limit * time, wanted - tau * limit * np.exp(-(time - switch) / tau))
    np.testing.assert_allclose(speed, np.broadcast_to(expected[:, None], speed.shape), atol=0.06 * wanted)


def test_the_wheels_do_not_slip_and_the_robot_stays_level_in_the_hardest_driving_there_is(crowd):
    random = np.random.default_rng(0)
    state = crowd.reset(Layouts(2.0 * np.stack([np.arange(8), np.zeros(8)], -1)[None], np.zeros((1, 8, 2)), np.array([0])))
    client, robots = bodies(crowd)
    slip, height, tilt = [], [], []
    for tick in range(500):
        if tick % 25 == 0:
            setpoint = random.uniform(-2 * SPEC.speed_limit, 2 * SPEC.speed_limit, (1, 8, 2))
        state = crowd.step(state, setpoint)
        wheels = np.array([[wheel[1] for wheel in pybullet.getJointStates(robot, (0, 1), client)] for robot in robots])
        slip.append(np.linalg.norm(BURGER.velocity(wheels, state.heading[0]) - state.velocity[0], axis=-1))
        poses = [pybullet.getBasePositionAndOrientation(robot, client) for robot in robots]
        height += [place[2] for place, _ in poses]
        tilt += [abs(x) + abs(y) for _, (x, y, _, _) in poses]
    assert np.max(slip) < 0.02 * SPEC.speed_limit and np.mean(slip) < 0.006 * SPEC.speed_limit
    assert max(height) - min(height) < 1e-4 and max(tilt) < 1e-3


def test_speed_stays_within_the_limit(crowd):
    random = np.random.default_rng(1)
    setpoints = random.uniform(-1.0, 1.0, (8, 8, 2)).repeat(60, axis=0)
    _, velocity, _ = drive(crowd, setpoints)
    speed = np.linalg.norm(velocity, axis=-1)
    assert 0.99 * SPEC.speed_limit < speed.max() < 1.01 * SPEC.speed_limit


def test_weaker_motors_take_longer_and_weight_and_friction_hardly_count(crowd):
    ones, wanted = np.ones((1, 8)), held(np.full((8, 2), [0.02, 0.0]), 2.0)
    gains, masses, frictions = ones.copy(), ones.copy(), 0.0 * ones
    gains[0, 1], masses[0, 2], frictions[0, 3] = 0.5, 1.3, 0.5
    plain = drive(crowd, wanted)[1]
    _, velocity, _ = drive(crowd, wanted, dynamics=Dynamics(masses, gains, frictions))
    times = np.arange(len(velocity)) * TICK
    reached = [np.interp(0.632 * 0.02, velocity[:, robot, 0], times) for robot in range(4)]
    assert reached[1] == pytest.approx(2 * reached[0], rel=0.1)
    assert reached[2:] == pytest.approx([reached[0]] * 2, rel=0.1)
    np.testing.assert_allclose(velocity[-1, :, 0], 0.02, rtol=0.02)
    np.testing.assert_array_equal(velocity[:, 0], plain[:, 0])
    assert (velocity[:, 1:4] != plain[:, 1:4]).any(axis=(0, 2)).all()
    np.testing.assert_array_equal(drive(crowd, wanted)[1], plain)


def test_head_on_neither_enters_the_other_nor_falls():
    world = BulletWorld([SPEC] * 2, 2.0)
    arm = BURGER.control_point
    position, velocity, heading = drive(world, held(np.array([[0.15, 0.0], [-0.15, 0.01]]), 6.0), starts=[[-0.4, 0.0], [0.4, 0.0]])
    client, robots = bodies(world)
    ahead = np.stack([np.cos(heading), np.sin(heading)], axis=-1)
    middles = position - (arm + 0.032) * ahead
    gap = np.linalg.norm(middles[:, 0] - middles[:, 1], axis=-1)
    assert gap.min() > 0.136, "bodies of 138 mm"
    assert gap.min() < 0.21, "they met"
    for robot in robots:
        (_, _, height), (x, y, _, _) = pybullet.getBasePositionAndOrientation(robot, client)
        assert height == pytest.approx(0.07, abs=0.002) and abs(x) + abs(y) < 0.02
    world.close()
    assert np.abs(velocity).max() < 2 * SPEC.speed_limit
