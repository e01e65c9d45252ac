"""The quadrotor's figures agree wherever they stand, and the parts of its flight stack do what the firmware's do."""

import math
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from robots.quadrotor import velocity_control
from robots.quadrotor.airframe import CRAZYFLIE, GRAVITY, SPIN
from robots.quadrotor.attitude_control import FULL_SCALE, AttitudeControl
from robots.quadrotor.motion import Motion
from robots.quadrotor.pid import Pid
from robots.spec import load_spec, robot_folder

SPEC = load_spec("quadrotor")
angles = st.floats(-math.pi, math.pi)


@pytest.fixture(scope="module")
def link():
    model = ElementTree.parse(robot_folder("quadrotor") / "quadrotor.urdf").getroot()
    assert model.get("name") == "quadrotor"
    (link,) = model.findall("link")
    return link


def test_the_model_has_the_mass_and_inertia_of_the_airframe(link):
    inertia = link.find("inertial/inertia")
    assert float(link.find("inertial/mass").get("value")) == CRAZYFLIE.mass == SPEC.mass
    assert tuple(float(inertia.get(name)) for name in ("ixx", "iyy", "izz")) == CRAZYFLIE.inertia


def test_what_touches_is_the_circle_of_the_spec_and_holds_all_rotors(link):
    body = link.find("collision/geometry/cylinder")
    assert float(body.get("radius")) == SPEC.radius
    assert float(body.get("length")) == CRAZYFLIE.height
    tips = CRAZYFLIE.arm + CRAZYFLIE.rotor_radius
    assert 0 <= SPEC.radius - tips < 0.001


def test_the_rotors_are_seen_where_they_push(link):
    seen = [
        [float(number) for number in visual.find("origin").get("xyz").split()[:2]]
        for visual in link.findall("visual")
        if visual.find("geometry/cylinder") is not None
    ]
    np.testing.assert_allclose(seen, CRAZYFLIE.rotor_positions, atol=1e-6)


def test_the_planar_limits_are_within_what_the_flight_stack_allows():
    assert SPEC.acceleration_limit <= GRAVITY * math.tan(velocity_control.TILT_LIMIT)
    assert SPEC.cruise_speed * math.sqrt(2.0) <= SPEC.speed_limit
    assert CRAZYFLIE.hover_thrust * 1.3 < CRAZYFLIE.thrust_limit, "no thrust left to fly with"


def test_the_feed_forward_is_the_tilt_that_holds_against_the_drag():
    speeds = 4 * math.sqrt(CRAZYFLIE.hover_thrust / CRAZYFLIE.thrust_coefficient)
    drag = CRAZYFLIE.drag[0] * speeds
    assert math.degrees(drag / (CRAZYFLIE.mass * GRAVITY)) == pytest.approx(math.degrees(velocity_control.TILT_KFF), abs=0.01)


def turn(axis, angle):
    """Rotation matrix about one axis."""
    cosine, sine = math.cos(angle), math.sin(angle)
    matrix = np.eye(3)
    first, second = (axis + 1) % 3, (axis + 2) % 3
    matrix[first, first] = matrix[second, second] = cosine
    matrix[first, second], matrix[second, first] = -sine, sine
    return matrix


def quaternion(axis, angle):
    """xyzw of a turn about one axis."""
    parts = np.zeros(4)
    parts[axis], parts[3] = math.sin(angle / 2), math.cos(angle / 2)
    return parts


def product(p, q):
    """Hamilton's, xyzw."""
    vector = p[3] * q[:3] + q[3] * p[:3] + np.cross(p[:3], q[:3])
    return np.append(vector, p[3] * q[3] - p[:3] @ q[:3])


@given(angles, st.floats(-1.5, 1.5), angles)
def test_motion_turns_quaternions_into_rotations_and_angles(roll, pitch, yaw):
    attitude = product(product(quaternion(2, yaw), quaternion(1, pitch)), quaternion(0, roll))
    rates = np.array([0.3, -0.2, 0.5])
    motion = Motion.of(np.concatenate([np.zeros(3), attitude, np.zeros(3), rates])[:, None])
    rotation = turn(2, yaw) @ turn(1, pitch) @ turn(0, roll)
    np.testing.assert_allclose(motion.rotation[..., 0], rotation, atol=1e-12)
    np.testing.assert_allclose(motion.rates[:, 0], rotation.T @ rates, atol=1e-12)
    difference = motion.angles()[:, 0] - [roll, pitch, yaw]
    np.testing.assert_allclose(np.angle(np.exp(1j * difference)), 0.0, atol=1e-9)


@given(arrays(np.float64, (4, 3), elements=st.floats(0.56, 0.64)))
def test_a_trimmed_vehicle_is_commanded_what_it_was_trimmed_to(share):
    motors = share * FULL_SCALE
    control = AttitudeControl(3)
    thrust = control.trim(motors)
    level = np.zeros((3, 3))
    np.testing.assert_allclose(control(level, level, level, thrust), motors, atol=1e-6 * FULL_SCALE)


@pytest.mark.parametrize("axis", range(3))
def test_each_moment_turns_the_vehicle_the_way_it_should(axis):
    wanted, level = np.zeros((3, 1)), np.zeros((3, 1))
    wanted[axis] = 0.1
    motors = AttitudeControl(1)(level, level, wanted, np.array([0.5 * FULL_SCALE]))[:, 0]
    x, y = CRAZYFLIE.rotor_positions.T
    torque = np.array([y @ motors, -x @ motors, CRAZYFLIE.torque_ratio * (SPIN @ motors)])
    assert torque[axis] > 0
    others = np.delete(torque, axis)
    np.testing.assert_allclose(others, 0.0, atol=1e-9 * FULL_SCALE)


@given(arrays(np.float64, (3, 5), elements=st.floats(-20, 20)), arrays(np.float64, 5, elements=st.floats(0, FULL_SCALE)))
def test_motors_are_never_commanded_more_than_they_have(rates, thrust):
    motors = AttitudeControl(5)(np.zeros((3, 5)), rates, np.zeros((3, 5)), thrust)
    assert motors.min() >= 0.0
    assert motors.max() <= FULL_SCALE * (1 + 1e-12)


def test_attitude_goes_before_altitude_when_thrust_is_short():
    wanted, level = np.array([[0.3], [0.0], [0.0]]), np.zeros((3, 1))
    with_room = AttitudeControl(1)(level, level, wanted, np.array([0.5 * FULL_SCALE]))[:, 0]
    at_limit = AttitudeControl(1)(level, level, wanted, np.array([FULL_SCALE]))[:, 0]
    np.testing.assert_allclose(at_limit[2:] - at_limit[:2], with_room[2:] - with_room[:2])
    assert at_limit.max() == pytest.approx(FULL_SCALE)


def test_a_step_of_what_is_wanted_does_not_kick_but_a_moving_vehicle_is_damped():
    pid = Pid(2.0, 0.0, 0.1, 1.0, 0.01, (1, 1))
    still, moved = np.zeros((1, 1)), np.full((1, 1), 0.02)
    assert pid(still, still) == 0.0
    assert pid(still + 1.0, still) == 2.0
    assert pid(still + 1.0, moved) == pytest.approx(2.0 - 0.1 * 0.02 / 0.01)


def test_the_integral_stops_at_its_limit_and_is_forgotten_for_those_who_are_reset():
    pid = Pid(0.0, 3.0, 0.0, 0.5, 0.1, (1, 2))
    error = np.array([[1.0, -1.0]])
    for _ in range(20):
        output = pid(error, error)
    np.testing.assert_allclose(output, [[1.5, -1.5]])
    pid.reset(np.array([True, False]))
    np.testing.assert_allclose(pid(0.0 * error, error), [[0.0, -1.5]])
