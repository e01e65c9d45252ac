"""The differential drive: set-points become wheel speeds and come back; its model agrees with its spec where a figure stands in both."""

import math
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robots.diffdrive.drive import BURGER
from robots.spec import load_spec, robot_folder

SPEC = load_spec("diffdrive")
ANY_DIRECTION = SPEC.speed_limit / math.sqrt(2.0)
"""To this speed the wheels can turn the robot from any heading [m/s]."""

angles = st.floats(-10.0, 10.0)


def planar(speed, angle):
    return speed * np.array([np.cos(angle), np.sin(angle)])


@given(st.floats(0.0, ANY_DIRECTION), angles, angles)
def test_up_to_the_speed_of_any_direction_the_wheels_give_the_set_point_exactly(speed, angle, heading):
    setpoint = planar(speed, angle)
    np.testing.assert_allclose(BURGER.velocity(BURGER.wheel_speeds(setpoint, heading), heading), setpoint, atol=1e-12)


@given(st.floats(0.01, 10.0), angles, angles)
def test_beyond_the_limit_the_control_point_keeps_its_direction_and_one_wheel_is_at_its_limit(speed, angle, heading):
    setpoint = planar(speed, angle)
    wheels = BURGER.wheel_speeds(setpoint, heading)
    moved = BURGER.velocity(wheels, heading)
    assert np.abs(wheels).max() <= BURGER.wheel_speed_limit * (1 + 1e-12)
    share = np.linalg.norm(moved) / speed
    np.testing.assert_allclose(moved, share * setpoint, atol=1e-9)
    if share < 1 - 1e-9:
        assert np.abs(wheels).max() == pytest.approx(BURGER.wheel_speed_limit)


def test_straight_ahead_it_goes_at_its_speed_limit_and_across_at_that_too_once_it_has_turned():
    assert BURGER.velocity(BURGER.wheel_speeds(np.array([9.0, 0.0]), 0.0), 0.0)[0] == pytest.approx(SPEC.speed_limit)
    heading, speeds = 0.0, []
    for _ in range(400):
        left, right = BURGER.wheel_speeds(np.array([0.0, 9.0]), heading)
        speeds.append(np.linalg.norm(BURGER.velocity(np.array([left, right]), heading)))
        heading += 0.01 * BURGER.wheel_radius * (right - left) / BURGER.wheel_separation
    assert heading == pytest.approx(math.pi / 2, abs=1e-2)
    assert min(speeds) == pytest.approx(ANY_DIRECTION, rel=0.01) and speeds[-1] == pytest.approx(SPEC.speed_limit, rel=1e-3)


@given(angles, angles)
def test_the_cruise_speed_on_both_axes_is_the_speed_of_any_direction(angle, heading):
    corner = np.hypot(SPEC.cruise_speed, SPEC.cruise_speed)
    assert corner == pytest.approx(ANY_DIRECTION)
    assert np.abs(BURGER.wheel_speeds(planar(corner, angle), heading)).max() <= BURGER.wheel_speed_limit * (1 + 1e-9)


def roll(wheels, setpoint, heading, ticks):
    """Wheels that follow their commands with the time constant; the robot does not turn. Speeds after each tick, [ticks + 1, 2]."""
    speeds = [wheels]
    share = -np.expm1(-SPEC.loop_period / SPEC.velocity_time_constant)
    for _ in range(ticks):
        turning = (wheels[1] - wheels[0]) * BURGER.wheel_radius / BURGER.wheel_separation
        command = BURGER.command(setpoint, heading - BURGER.lead * turning, wheels, SPEC.loop_period)
        wheels = wheels + share * (command - wheels)
        speeds.append(wheels)
    return np.array(speeds)


@given(angles, angles, angles, st.floats(0.0, 0.22))
def test_the_control_point_accelerates_no_faster_than_the_spec_says_and_arrives(before, after, heading, speed):
    speeds = roll(BURGER.wheel_speeds(planar(speed, before), heading), planar(speed, after), heading, ticks=60)
    changes = np.diff(BURGER.velocity(speeds, heading), axis=0)
    assert np.linalg.norm(changes, axis=-1).max() <= SPEC.acceleration_limit * SPEC.loop_period * (1 + 1e-9)
    np.testing.assert_allclose(speeds[-1], BURGER.wheel_speeds(planar(speed, after), heading), atol=0.01)


def test_from_a_standstill_it_takes_the_limit_first_and_the_time_constant_then():
    velocity = BURGER.velocity(roll(np.zeros(2), np.array([0.22, 0.0]), 0.0, ticks=20), 0.0)[:, 0]
    np.testing.assert_allclose(np.diff(velocity[:6]), SPEC.acceleration_limit * SPEC.loop_period)
    decay = np.exp(-SPEC.loop_period / SPEC.velocity_time_constant)
    np.testing.assert_allclose((0.22 - velocity[9:]) / (0.22 - velocity[8:-1]), decay)


def test_a_robot_that_turns_is_commanded_for_the_heading_that_it_will_have():
    setpoint = np.array([0.1, 0.0])
    wheels = np.array([0.4, 0.8])
    turning = 0.4 * BURGER.wheel_radius / BURGER.wheel_separation
    expected = BURGER.wheel_speeds(setpoint, 0.5 + turning * BURGER.lead)
    np.testing.assert_allclose(BURGER.command(setpoint, 0.5, wheels, 0.02), expected)


def test_many_robots_at_once_get_what_each_gets_alone():
    random = np.random.default_rng(0)
    setpoint, heading, wheels = random.normal(size=(4, 3, 2)), random.normal(size=(4, 3)), random.normal(size=(4, 3, 2))
    together = BURGER.command(setpoint, heading, wheels, 0.02)
    for index in np.ndindex(4, 3):
        alone = BURGER.command(setpoint[index], heading[index], wheels[index], 0.02)
        np.testing.assert_array_equal(together[index], alone)


def test_the_control_point_is_ahead_of_the_axle():
    np.testing.assert_allclose(BURGER.position(np.array([1.0, 2.0]), math.pi / 2), [1.0, 2.0 + BURGER.control_point])


def test_the_drive_has_the_figures_of_the_spec():
    assert BURGER.wheel_speed_limit * BURGER.wheel_radius == pytest.approx(SPEC.speed_limit)
    assert BURGER.wheel_acceleration_limit * BURGER.wheel_radius / math.sqrt(2.0) == pytest.approx(SPEC.acceleration_limit)
    assert BURGER.lead == SPEC.velocity_time_constant


@pytest.fixture(scope="module")
def model():
    model = ElementTree.parse(robot_folder("diffdrive") / "diffdrive.urdf").getroot()
    assert model.get("name") == "diffdrive"
    return model


def numbers(element, name="xyz"):
    return [float(part) for part in element.get(name).split()]


def test_the_model_weighs_what_the_spec_says(model):
    assert sum(float(mass.get("value")) for mass in model.findall("link/inertial/mass")) == pytest.approx(SPEC.mass)


def test_the_wheels_are_those_of_the_drive_and_stand_on_the_floor(model):
    for side, name in ((1.0, "left"), (-1.0, "right")):
        shapes = model.findall(f"link[@name='{name}_wheel']/*/geometry/*")
        assert [float(shape.get("radius")) for shape in shapes] == [BURGER.wheel_radius] * 2
        place = numbers(model.find(f"joint[@name='{name}_axle']/origin"))
        assert place == [-BURGER.control_point, side * BURGER.wheel_separation / 2, BURGER.wheel_radius]


def test_the_caster_stands_on_the_floor_behind_the_axle(model):
    radius = float(model.find("link[@name='caster']/collision/geometry/sphere").get("radius"))
    x, y, z = numbers(model.find("joint[@name='caster_mount']/origin"))
    assert (y, z) == (0.0, radius) and x < -BURGER.control_point


def test_the_circle_about_the_control_point_holds_the_body_and_is_no_larger_than_it_must_be(model):
    base = model.find("link[@name='base']/collision")
    (x, y, _), (length, width, _) = numbers(base.find("origin")), numbers(base.find("geometry/box"), "size")
    corners = [(x + a * length / 2, y + b * width / 2) for a in (-1, 1) for b in (-1, 1)]
    wheel = (BURGER.control_point + BURGER.wheel_radius, BURGER.wheel_separation / 2 + 0.009)
    farthest = max(math.hypot(*point) for point in (*corners, wheel))
    assert SPEC.radius - 0.001 < farthest <= SPEC.radius
