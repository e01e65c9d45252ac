"""A robot's idea of where it is, from noisy positions and its own motion."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robots.spec import load_spec
from runtime.localisation import Localiser
from runtime.team import SMOOTHED, Localisation

PERIOD = 0.02


def drive(localiser, ticks, seed=0, sigma=0.0, velocity_sigma=0.0, robots=1):
    """Robots that accelerate at random up to 1 m/s; true positions and estimates [T, R, 2]."""
    random = np.random.default_rng(seed)
    position, velocity = random.uniform(-1, 1, (2, robots, 2))
    truth, estimates = [], []
    for tick in range(ticks):
        measured = position + sigma * random.standard_normal(position.shape)
        estimates.append(localiser(measured, velocity + velocity_sigma * random.standard_normal(velocity.shape), tick))
        truth.append(position)
        following = np.clip(velocity + random.uniform(-2, 2, velocity.shape) * PERIOD, -1, 1)
        position, velocity = position + 0.5 * PERIOD * (velocity + following), following
    return np.stack(truth), np.stack(estimates)


def test_without_noise_the_estimate_is_the_measurement():
    """A robot that speeds up and slows down is not left behind: the motion between two measurements is known."""
    truth, estimates = drive(Localiser(SMOOTHED, PERIOD), 500)
    np.testing.assert_allclose(estimates, truth, atol=1e-12)


def test_noise_shrinks_as_the_gain_says():
    """White noise through x += g (z - x): variance g / (2 - g) of it, and of velocity noise (w h)^2 (1 - g)^2 / (1 - (1 - g)^2).

    The velocity counts by the mean of two ticks, so its noise is the same in neighbouring ticks by half; that adds a little.
    """
    sigma, slip = 0.05, 0.05
    gain = -math.expm1(-PERIOD / SMOOTHED.time_constant)
    truth, estimates = drive(Localiser(SMOOTHED, PERIOD), 400, sigma=sigma, velocity_sigma=slip, robots=500)
    found = (estimates - truth)[100:].std()
    keep = (1 - gain) ** 2
    expected = math.sqrt(sigma**2 * gain / (2 - gain) + (slip * PERIOD) ** 2 * keep / (1 - keep))
    assert found == pytest.approx(expected, rel=0.03)
    assert found < 0.3 * sigma


def test_a_velocity_that_is_always_wrong_puts_it_wrong_by_the_time_constant():
    localiser = Localiser(Localisation(time_constant=0.5), PERIOD)
    for tick in range(1000):
        # The measurements differ in their last bits, or they would be one measurement.
        estimate = localiser(np.array([1e-9 * (tick % 2), 0.0]), np.array([0.1, 0.0]), tick)
    assert estimate[0] == pytest.approx(0.1 * 0.5, rel=0.03)


def test_a_measurement_that_is_repeated_counts_once():
    """A sensor at 10 Hz on a robot that drives at 1 m/s: between its measurements the estimate goes on, and is not drawn back."""
    localiser, truth = Localiser(SMOOTHED, PERIOD), []
    for tick in range(200):
        x = tick * PERIOD
        held = (tick // 5) * 5 * PERIOD
        estimate = localiser(np.array([held, 0.0]), np.array([1.0, 0.0]), tick)
        truth.append(abs(estimate[0] - x))
    assert max(truth) < 1e-9


def test_ticks_that_were_missed_are_driven_all_the_same():
    localiser = Localiser(SMOOTHED, PERIOD)
    localiser(np.zeros(2), np.array([1.0, 0.0]), 0)
    np.testing.assert_allclose(localiser(np.array([0.2, 0.0]), np.array([1.0, 0.0]), 10), [0.2, 0.0])


@given(st.integers(0, 2**20), st.integers(1, 5))
def test_many_robots_at_once_are_each_alone(seed, robots):
    random = np.random.default_rng(seed)
    positions, velocities = random.uniform(-1, 1, (2, 20, robots, 2))
    positions[1::3] = positions[0::3][: len(positions[1::3])]
    together, alone = Localiser(SMOOTHED, PERIOD), [Localiser(SMOOTHED, PERIOD) for _ in range(robots)]
    for tick in range(20):
        batch = together(positions[tick], velocities[tick], tick)
        np.testing.assert_array_equal(batch, [each(positions[tick, n], velocities[tick, n], tick) for n, each in enumerate(alone)])


def test_an_episode_begins_at_its_first_measurement():
    localiser = Localiser(SMOOTHED, PERIOD)
    localiser(np.zeros(2), np.zeros(2), 0)
    localiser.begin()
    np.testing.assert_array_equal(localiser(np.array([5.0, 6.0]), np.ones(2), 0), [5.0, 6.0])


def test_a_driver_whose_ticks_go_backwards_is_believed_what_it_measures():
    for shape in ((2,), (1, 2)):
        localiser = Localiser(SMOOTHED, PERIOD)
        localiser(np.zeros(shape), np.zeros(shape), 2**40)
        np.testing.assert_array_equal(localiser(np.full(shape, 5.0), np.ones(shape), 3), np.full(shape, 5.0))


def test_robots_that_take_forces_and_teams_that_say_so_do_without():
    assert Localiser.for_robot(SMOOTHED, load_spec("point"), PERIOD) is None
    assert Localiser.for_robot(None, load_spec("omni"), PERIOD) is None
    assert isinstance(Localiser.for_robot(SMOOTHED, load_spec("omni"), PERIOD), Localiser)
