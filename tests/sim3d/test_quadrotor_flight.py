"""The quadrotor in PyBullet: stays up, answers set-points as its spec says, takes off, lands, and copes when set-points stop."""

import numpy as np
import pytest

from robots.quadrotor.airframe import CRAZYFLIE, GRAVITY
from robots.quadrotor.flight_stack import LEVEL_AFTER, MISSION_HEIGHT, OFF_AFTER, Mode
from robots.quadrotor.velocity_control import TILT_LIMIT
from robots.spec import load_spec
from sim3d.disturbances.disturbance import Disturbances
from sim3d.profile import load_profile
from sim3d.world import WorldState
from tests.sim3d.quadrotor_flight import Flight, Track

SPEC = load_spec("quadrotor")
TICK = SPEC.loop_period
ORIGIN = np.zeros((1, 2))
STANDING = 0.5 * CRAZYFLIE.height


def largest_height_error(track: Track) -> float:
    return np.abs(track.position[:, 2] - MISSION_HEIGHT).max()


def step_response(speed: float, angle: float = 0.0) -> tuple[Track, np.ndarray]:
    """A step to a speed [m/s]: the track, and the speed along it at each tick."""
    direction = np.array([np.cos(angle), np.sin(angle)])
    with Flight(ORIGIN) as flight:
        track = flight.fly(3.0, speed * direction[None])
    return track, track.velocity[:, :2, 0] @ direction


def test_a_mission_begins_in_hover_and_stays_there():
    with Flight([[0.3, -0.7]]) as flight:
        track = flight.fly(5.0, [0.0, 0.0])
    np.testing.assert_allclose(track.position[:, :2, 0], np.broadcast_to([0.3, -0.7], (251, 2)), atol=1e-6)
    assert largest_height_error(track) < 1e-3
    np.testing.assert_allclose(track.angles, 0.0, atol=1e-6)


@pytest.mark.parametrize(("mass", "motor_gain"), [(1.2, 0.9), (0.8, 1.1)])
def test_a_heavy_or_weak_vehicle_begins_in_hover_too(mass, motor_gain):
    with Flight(ORIGIN, mass=mass, motor_gain=motor_gain) as flight:
        track = flight.fly(3.0, [0.0, 0.0])
    assert largest_height_error(track) < 1e-3
    np.testing.assert_allclose(track.position[:, :2], 0.0, atol=1e-6)


@pytest.mark.parametrize("angle", [0.0, 2.0, 4.5])
def test_a_set_point_step_of_1_m_per_s_is_followed_without_loss_of_height(angle):
    track, speed = step_response(1.0, angle)
    assert speed.max() < 1.06
    assert speed[-1] == pytest.approx(1.0, abs=0.02)
    assert largest_height_error(track) < 0.1
    assert np.abs(track.angles[:, :2]).max() < 1.15 * TILT_LIMIT


def planar_model(setpoints: np.ndarray) -> np.ndarray:
    """Where v' = clip((v_set - v) / tau, a_max) with the spec's figures leads after each of the set-points [T, M, 2]: [T, M, 2]."""
    position, velocity, places = np.zeros(setpoints.shape[1:]), np.zeros(setpoints.shape[1:]), []
    for setpoint in setpoints:
        acceleration = -np.expm1(-TICK / SPEC.velocity_time_constant) / TICK * (setpoint - velocity)
        size = np.linalg.norm(acceleration, axis=-1, keepdims=True)
        following = velocity + TICK * acceleration * np.minimum(1.0, SPEC.acceleration_limit / size)
        position, velocity = position + 0.5 * TICK * (velocity + following), following
        places.append(position)
    return np.stack(places)


def test_the_spec_predicts_where_random_set_points_lead():
    vehicles, ticks = 20, 500
    setpoints = np.random.default_rng(0).uniform(-SPEC.cruise_speed, SPEC.cruise_speed, (ticks // 25, vehicles, 2)).repeat(25, axis=0)
    with Flight(np.zeros((vehicles, 2))) as flight:
        track = flight.fly(ticks * TICK, lambda tick: setpoints[tick])
    flown = track.position[:, :2].swapaxes(1, 2)
    path = np.linalg.norm(np.diff(flown, axis=0), axis=-1).sum(axis=0)
    error = np.linalg.norm(flown[1:] - planar_model(setpoints), axis=-1)
    assert (error[-1] / path).max() < 0.05
    assert np.sqrt((error**2).mean()) < 0.03
    assert largest_height_error(track) < 0.1


def test_it_holds_a_place_for_a_minute_under_field():
    """A robot that steers to its place on what it measures, 5 cm wrong at each tick, with commands that are 120 ms late."""
    disturbances = Disturbances(load_profile("field"), np.array([7]), 1, TICK, SPEC.command_latency)
    with Flight(ORIGIN) as flight:

        def steer(tick: int) -> np.ndarray:
            motion = flight.bodies.motion
            position, velocity = motion.position[:2].T[None], motion.velocity[:2].T[None]
            state = WorldState(position, velocity, np.zeros((1, 1)), np.zeros((1, 0, 2)), tick)
            return disturbances.actuate(-1.0 * disturbances.sense(state).position)[0]

        track = flight.fly(60.0, steer)
    assert largest_height_error(track) < 0.1
    assert np.linalg.norm(track.position[:, :2], axis=1).max() < 0.1
    assert np.abs(track.position[:, :2]).max() > 0.005, "nothing disturbed it"


def test_it_stays_up_when_one_motor_drops_to_90_percent_in_flight():
    with Flight(np.zeros((4, 2))) as flight:
        before = flight.fly(1.0, [0.0, 0.0])
        np.fill_diagonal(flight.bodies.rotors.gain, 0.9)
        hover = flight.fly(3.0, [0.0, 0.0])
        steps = flight.fly(8.0, lambda tick: [[1.0, -1.0][tick // 100 % 2], 0.0])
    for track in (before, hover, steps):
        assert largest_height_error(track) < 0.1
    assert np.abs(hover.position[:, 2] - MISSION_HEIGHT).max(axis=0).min() > 0.01, "nothing happened to one of them"
    np.testing.assert_allclose(hover.angles[-1], 0.0, atol=0.01)
    assert np.abs(steps.velocity[99::100, 0]).min() > 0.9
    assert np.abs(steps.angles[:, 2]).max() < 0.2


def test_it_comes_back_to_its_height_when_all_motors_drop_to_90_percent_in_flight():
    with Flight(ORIGIN) as flight:
        flight.bodies.rotors.gain[:] = 0.9
        track = flight.fly(4.0, [0.0, 0.0])
    height = track.position[:, 2, 0] - MISSION_HEIGHT
    assert -0.15 < height.min() < -0.03
    assert np.abs(height[-50:]).max() < 0.02


def test_it_takes_off_hovers_and_lands_where_it_stood():
    vehicle = np.array([True])
    with Flight([[0.5, 0.2]]) as flight:
        bodies = flight.bodies
        bodies.stand(np.array([[0.5, 0.2]]))
        np.testing.assert_allclose(flight.fly(0.5).position[:, 2], STANDING, atol=1e-4)
        bodies.stack.take_off(bodies.motion, vehicle)
        rise = flight.fly(6.0)
        assert bodies.stack.mode == Mode.HOLD
        hover = flight.fly(5.0)
        bodies.stack.land(bodies.motion, vehicle)
        sink = flight.fly(5.0)
        assert bodies.stack.mode == Mode.OFF
    above = MISSION_HEIGHT + STANDING
    assert rise.position[:, 2].max() < above + 0.1
    assert rise.velocity[:, 2].max() < 0.6, "it went up too fast"
    assert np.abs(hover.position[:, 2] - above).max() < 0.05
    assert sink.velocity[:, 2].min() > -0.6, "it came down too fast"
    np.testing.assert_allclose(sink.position[-1, 2], STANDING, atol=1e-3)
    np.testing.assert_allclose(np.concatenate([rise.position, sink.position])[:, :2, 0] - [0.5, 0.2], 0.0, atol=0.02)


def test_it_lands_where_it_was_told_to_even_if_it_was_fast():
    with Flight(ORIGIN) as flight:
        bodies = flight.bodies
        flight.fly(2.0, [1.0, 0.0])
        told = bodies.motion.position[0, 0]
        bodies.stack.land(bodies.motion, np.array([True]))
        flight.fly(5.0)
        assert bodies.stack.mode == Mode.OFF
        np.testing.assert_allclose(bodies.motion.position[:, 0], [told, 0.0, STANDING], atol=0.05)


def test_set_points_do_not_move_it_while_it_takes_off_and_end_its_hold():
    with Flight(ORIGIN) as flight:
        bodies = flight.bodies
        bodies.stand(ORIGIN)
        bodies.stack.take_off(bodies.motion, np.array([True]))
        rise = flight.fly(2.0, [1.0, 0.0])
        np.testing.assert_allclose(rise.position[:, :2], 0.0, atol=0.01)
        flight.fly(3.0, [1.0, 0.0])
        assert bodies.stack.mode == Mode.FLY
        assert bodies.motion.velocity[0, 0] > 0.9


def test_without_set_points_it_levels_out_and_then_stops_its_motors():
    with Flight(ORIGIN) as flight:
        flight.fly(2.0, [1.0, 0.0])
        silent = flight.fly(OFF_AFTER - 2 * TICK)
        assert flight.bodies.stack.mode == Mode.FLY
        flight.fly(4 * TICK)
        assert flight.bodies.stack.mode == Mode.OFF
        flight.fly(2.0, [1.0, 0.0])
        lies = flight.bodies.motion.position[2, 0]
    level = np.abs(silent.angles[:, :2, 0]).max(axis=1)
    after = round(LEVEL_AFTER / TICK)
    assert silent.velocity[after, 0, 0] == pytest.approx(1.0, abs=0.03), "the last set-point holds until then"
    assert level[after + 30 :].max() < np.radians(0.3)
    assert level[5:after].min() > np.radians(1.0), "against the drag"
    # Level, only the air brakes: 0.25 1/s.
    drag = CRAZYFLIE.drag[0] * 4 * np.sqrt(CRAZYFLIE.hover_thrust / CRAZYFLIE.thrust_coefficient) / CRAZYFLIE.mass
    braked = np.log(silent.velocity[after + 20, 0, 0] / silent.velocity[-1, 0, 0]) / ((len(silent.velocity) - after - 21) * TICK)
    assert braked == pytest.approx(drag, rel=0.1)
    assert largest_height_error(silent) < 0.1
    assert lies < MISSION_HEIGHT - 0.9, "set-points must not start the motors of a vehicle that fell"


def test_a_stale_set_point_that_comes_again_in_time_changes_nothing():
    with Flight(ORIGIN) as flight:
        flight.fly(1.0, [0.5, 0.0])
        track = flight.fly(4.0, lambda tick: [0.5, 0.0])
        for _ in range(8):
            flight.fly(0.02, [0.5, 0.0])
            flight.fly(LEVEL_AFTER - 2 * TICK)
        assert flight.bodies.motion.velocity[0, 0] == pytest.approx(track.velocity[-1, 0, 0], abs=0.01)


def test_friction_slows_it_and_its_controllers_make_up_for_that_in_time():
    with Flight(ORIGIN, friction=1.0) as flight:
        track = flight.fly(3.0, [0.5, 0.0])
    # 25 degrees for each m/s, 0.436 g in m/s^2: the loop holds all but friction / (kp + friction) of the speed.
    expected = 0.5 / (1.0 + 1.0 / (np.radians(25.0) * GRAVITY))
    assert track.velocity[-1, 0, 0] == pytest.approx(expected, rel=0.05)
