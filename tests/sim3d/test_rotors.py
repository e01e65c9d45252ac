"""Rotors in air: where their thrust, torque, lag, drag, ground cushion and wash point, and how strong they are."""

import numpy as np
import pytest

from robots.quadrotor.airframe import CRAZYFLIE
from robots.quadrotor.motion import Motion
from sim3d.bodies.rotors import Rotors

PERIOD = 0.002
HIGH = 50.0


def at(positions, velocity=(0.0, 0.0, 0.0), attitude=(0.0, 0.0, 0.0, 1.0)):
    """Vehicles at [M, 3], all with this velocity and attitude."""
    rows = np.tile(np.concatenate([np.zeros(3), attitude, velocity, np.zeros(3)]), (len(positions), 1))
    rows[:, :3] = positions
    return Motion.of(rows.T.copy())


def rotors_of(vehicles, thrust=CRAZYFLIE.hover_thrust, members=1):
    return Rotors(CRAZYFLIE, np.full((4, vehicles), thrust), np.ones((4, vehicles)), members, PERIOD)


def hover(motion, members=1):
    """Force and torque on vehicles whose rotors have long given hover thrust."""
    vehicles = motion.position.shape[1]
    return rotors_of(vehicles, members=members).push(np.full((4, vehicles), CRAZYFLIE.hover_thrust), motion)


def test_far_from_everything_hover_thrust_carries_the_vehicle_and_turns_nothing():
    force, torque = hover(at([[0.0, 0.0, HIGH]]))
    np.testing.assert_allclose(force[:, 0], [0.0, 0.0, CRAZYFLIE.mass * 9.81], rtol=1e-5)
    np.testing.assert_allclose(torque, 0.0, atol=1e-12)


@pytest.mark.parametrize("rotor", range(4))
def test_each_rotor_turns_the_vehicle_from_where_it_sits_and_against_its_spin(rotor):
    rotors, commanded = rotors_of(1, thrust=0.0), np.zeros((4, 1))
    commanded[rotor] = 0.1
    for _ in range(500):
        force, torque = rotors.push(commanded, at([[0.0, 0.0, HIGH]]))
    x, y = CRAZYFLIE.rotor_positions[rotor]
    spin = (-1.0, 1.0, -1.0, 1.0)[rotor]
    np.testing.assert_allclose(force[:, 0], [0.0, 0.0, 0.1], rtol=1e-5)
    np.testing.assert_allclose(torque[:, 0], [0.1 * y, -0.1 * x, 0.1 * spin * CRAZYFLIE.torque_ratio], rtol=1e-5)


def test_thrust_follows_its_command_with_the_time_constant_of_the_motors():
    rotors, commanded = rotors_of(1, thrust=0.0), np.full((4, 1), 0.05)
    rise = [rotors.push(commanded, at([[0.0, 0.0, HIGH]]))[0][2, 0] for _ in range(200)]
    time = PERIOD * np.arange(1, 201)
    np.testing.assert_allclose(rise, 0.2 * (1.0 - np.exp(-time / CRAZYFLIE.motor_time_constant)), rtol=1e-5)


def test_a_weak_motor_gives_its_share():
    gain = np.array([[0.9], [1.0], [1.0], [1.0]])
    rotors = Rotors(CRAZYFLIE, np.full((4, 1), 0.06), gain, 1, PERIOD)
    for _ in range(500):
        force, _ = rotors.push(np.full((4, 1), 0.06), at([[0.0, 0.0, HIGH]]))
    assert force[2, 0] == pytest.approx(3.9 * 0.06, rel=1e-5)


def test_drag_is_against_the_motion_in_the_axes_of_the_body():
    still, _ = hover(at([[0.0, 0.0, HIGH]]))
    moving, _ = hover(at([[0.0, 0.0, HIGH]], velocity=(1.0, -2.0, 0.5)))
    speeds = 4 * np.sqrt(CRAZYFLIE.hover_thrust / CRAZYFLIE.thrust_coefficient)
    np.testing.assert_allclose((moving - still)[:, 0], -np.array(CRAZYFLIE.drag) * speeds * [1.0, -2.0, 0.5])
    # A quarter of a turn to the left: what was east is now to the right.
    turned, _ = hover(at([[0.0, 0.0, HIGH]], velocity=(1.0, 0.0, 0.0), attitude=(0.0, 0.0, np.sqrt(0.5), np.sqrt(0.5))))
    np.testing.assert_allclose((turned - still)[:, 0], [0.0, CRAZYFLIE.drag[1] * speeds, 0.0], atol=1e-12)


def test_the_ground_cushion_grows_towards_the_ground_to_its_limit():
    heights = [0.01, 0.0378, 0.1, 0.3, 1.0, HIGH]
    force, _ = hover(at([[0.0, 0.0, height] for height in heights]))
    gain = force[2] / (CRAZYFLIE.mass * 9.81) - 1.0
    assert gain[0] == gain[1] == pytest.approx(0.266, abs=0.001)
    assert gain[2] == pytest.approx(11.36859 * (0.0231348 / 0.4) ** 2)
    assert (np.diff(gain[1:]) < 0).all()
    assert gain[-2] < 5e-4, "a mission is flown above the cushion"
    upside_down, _ = hover(at([[0.0, 0.0, 0.1]], attitude=(1.0, 0.0, 0.0, 0.0)))
    assert upside_down[2, 0] == pytest.approx(CRAZYFLIE.mass * 9.81)


def test_wash_presses_on_those_below_and_on_nobody_else():
    #              above          below, 1 m    aside          another room, below
    places = [[0.0, 0.0, 3.0], [0.0, 0.0, 2.0], [0.5, 0.0, 2.0], [0.0, 0.0, 1.0], [0.3, 0.0, 1.0], [0.6, 0.0, 1.0]]
    force, _ = hover(at(places), members=3)
    alone, _ = hover(at(places))
    wash = (alone - force)[2]
    assert wash[0] == 0.0
    assert wash[1] == pytest.approx(2267.18 * (0.0231348 / 4.0) ** 2, rel=1e-6)
    assert wash[2] < 1e-9
    np.testing.assert_array_equal(wash[3:], 0.0)


def test_wash_is_bounded_and_begins_softly():
    below = np.array([0.0, 1e-6, 0.001, 0.01, 0.05, 0.1, 0.3, 0.69, 0.7, 1.0, 3.0])
    wash = []
    for distance in below:
        force, _ = hover(at([[0.0, 0.0, 5.0], [0.0, 0.0, 5.0 - distance]]), members=2)
        alone, _ = hover(at([[0.0, 0.0, 5.0 - distance]]))
        wash.append((alone[2, 0] - force[2, 1]) / (CRAZYFLIE.mass * 9.81))
    assert wash[0] == 0.0
    assert max(wash) < 0.6
    assert (np.diff(wash[:6]) > 0).all()
    assert wash[3] < 0.1
    # Side by side, rotors 2 cm apart and 1 cm of height between them.
    force, _ = hover(at([[0.0, 0.0, 5.0], [0.16, 0.0, 4.99]]), members=2)
    alone, _ = hover(at([[0.16, 0.0, 4.99]]))
    assert (alone[2, 0] - force[2, 1]) / (CRAZYFLIE.mass * 9.81) < 1e-3
