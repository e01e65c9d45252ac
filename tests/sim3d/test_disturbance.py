import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sim3d.disturbances.delay import FractionalDelay
from sim3d.disturbances.disturbance import Disturbances
from sim3d.profile import Actuation, Profile, Sensing
from sim3d.world import WorldState

torch.set_num_threads(1)
NUMPY = np.zeros(0)
TORCH = torch.zeros(0, dtype=torch.float64)
NOISY = Profile(name="noisy", sensing=Sensing(position_sigma=0.05, velocity_sigma=0.2, heading_sigma=0.01))
ROBOTS, TICKS = 3, 400
SEEDS = np.arange(40)
TAIL = 1e-4
"""Chance that a statistical test fails although the law holds; the seeds are fixed, so it either does or does not."""


def truth(episodes, tick, like=NUMPY):
    """A state that is not zero, so that a scale error shows as well as an offset."""
    library = np if isinstance(like, np.ndarray) else torch
    ones = library.ones((episodes, ROBOTS, 2), dtype=like.dtype)
    return WorldState(position=3 * ones, velocity=-2 * ones, heading=ones[..., 0], landmarks=ones, tick=tick)


def errors(like, seeds=SEEDS, profile=NOISY, ticks=TICKS):
    """Measurement minus truth by quantity, in units of its sigma: [ticks, B, numbers]."""
    disturbances = Disturbances(profile, seeds, ROBOTS, tick_period=0.02, like=like)
    series = {"position": [], "velocity": [], "heading": []}
    for tick in range(ticks):
        state = truth(len(seeds), tick, like)
        measurement = disturbances.sense(state)
        for name, values in series.items():
            sigma = getattr(profile.sensing, f"{name}_sigma")
            values.append(np.asarray(getattr(measurement, name) - getattr(state, name)).reshape(len(seeds), -1) / sigma)
    return {name: np.stack(values) for name, values in series.items()}


@pytest.fixture(scope="module", params=["numpy", "torch"])
def noise(request):
    return errors(NUMPY if request.param == "numpy" else TORCH)


@pytest.mark.parametrize("quantity", ["position", "velocity", "heading"])
def test_noise_is_gaussian_with_zero_mean_and_the_given_sigma(noise, quantity):
    samples = noise[quantity].ravel()
    assert abs(samples.mean()) * np.sqrt(samples.size) < stats.norm.isf(TAIL / 2)
    low, high = stats.chi2.ppf([TAIL / 2, 1 - TAIL / 2], df=samples.size)
    assert low < np.sum(samples**2) < high
    assert stats.kstest(samples, "norm").pvalue > TAIL


@pytest.mark.parametrize("lag", [1, 2, 5, 64])
@pytest.mark.parametrize("quantity", ["position", "velocity", "heading"])
def test_noise_is_white_over_time(noise, quantity, lag):
    samples = noise[quantity]
    products = (samples[lag:] * samples[:-lag]).ravel()
    assert abs(products.mean()) * np.sqrt(products.size) < stats.norm.isf(TAIL / 2)


def test_noise_is_independent_between_robots_axes_quantities_and_episodes(noise):
    within = np.concatenate([noise[name] for name in noise], axis=-1).reshape(-1, 5 * ROBOTS)
    between = noise["position"].transpose(0, 2, 1).reshape(-1, noise["position"].shape[1])
    for samples in (within, between):
        correlation = np.corrcoef(samples, rowvar=False)
        off_diagonal = correlation[~np.eye(len(correlation), dtype=bool)]
        bound = stats.norm.isf(TAIL / 2 / off_diagonal.size) / np.sqrt(len(samples))
        assert np.abs(off_diagonal).max() < bound


@pytest.mark.parametrize("like", [NUMPY, TORCH], ids=["numpy", "torch"])
def test_the_same_state_sensed_twice_gives_the_same_measurement(like):
    first, second = errors(like, ticks=70), errors(like, ticks=70)
    disturbances = Disturbances(NOISY, SEEDS, ROBOTS, 0.02, like=like)
    again = [np.asarray(disturbances.sense(truth(40, tick, like)).position) for tick in (69, 3, 69)]
    for name in first:
        np.testing.assert_array_equal(first[name], second[name])
    np.testing.assert_array_equal(again[0], again[2])
    np.testing.assert_allclose((again[1].reshape(40, -1) - 3) / 0.05, first["position"][3])


def test_an_episode_is_disturbed_alike_in_any_batch():
    seeds = np.array([7, 2**63 - 2, 11])
    together, alone = errors(NUMPY, seeds, ticks=3), errors(NUMPY, seeds[1:2], ticks=3)
    for name in together:
        np.testing.assert_array_equal(together[name][:, 1:2], alone[name])
        assert not np.array_equal(together[name][:, 0], together[name][:, 1])


def test_switching_one_noise_on_leaves_the_others_as_they_were():
    velocity_alone = Profile(name="v", sensing=Sensing(velocity_sigma=0.2))
    disturbances = Disturbances(velocity_alone, SEEDS, ROBOTS, 0.02)
    state = truth(40, 0)
    measurement = disturbances.sense(state)
    np.testing.assert_allclose((measurement.velocity - state.velocity).reshape(40, -1) / 0.2, errors(NUMPY, ticks=1)["velocity"][0])
    assert measurement.position is state.position
    assert measurement.heading is state.heading


@pytest.mark.parametrize("like", [NUMPY, np.zeros(0, np.float32), torch.zeros(0)], ids=["float64", "float32", "torch float32"])
def test_measurements_keep_library_and_precision(like):
    state = truth(2, 0, like)
    measurement = Disturbances(NOISY, np.arange(2), ROBOTS, 0.02, like=like).sense(state)
    for name in ("position", "velocity", "heading"):
        assert type(getattr(measurement, name)) is type(state.position)
        assert getattr(measurement, name).dtype == state.position.dtype


def test_a_batch_of_another_size_is_refused():
    disturbances = Disturbances(NOISY, np.arange(5), ROBOTS, 0.02)
    with pytest.raises(ValueError, match=r"\[5, 3, 2\] were given \[1, 3, 2\]"):
        disturbances.sense(truth(1, 0))
    with pytest.raises(ValueError, match=r"\[5, 3, 2\] were given \[1, 3, 2\]"):
        disturbances.actuate(np.zeros((1, 3, 2)))


FINE = 200
"""Sub-ticks by which the delay is checked against a held and delayed command."""


@given(st.integers(0, 4 * FINE), st.lists(st.floats(-2, 2), min_size=1, max_size=12))
def test_delay_is_the_mean_over_the_tick_of_the_held_and_delayed_command(sub_ticks, commands):
    delay = FractionalDelay(sub_ticks / FINE)
    applied = [delay(np.array([command]))[0] for command in commands]
    delayed = np.concatenate([np.zeros(sub_ticks), np.repeat(commands, FINE)])[: len(commands) * FINE]
    np.testing.assert_allclose(applied, delayed.reshape(-1, FINE).mean(axis=1), atol=1e-12)


@pytest.mark.parametrize(("delay", "latency", "period", "whole"), [(0.1, 0.05, 0.05, 3), (0.3, 0.0, 0.1, 3), (0.0, 0.0, 0.02, 0)])
def test_delays_of_whole_ticks_are_exact(delay, latency, period, whole):
    profile = Profile(name="late", actuation=Actuation(delay=delay))
    disturbances = Disturbances(profile, np.arange(2), ROBOTS, period, command_latency=latency)
    commands = np.random.default_rng(0).normal(size=(9, 2, ROBOTS, 2))
    applied = np.stack([disturbances.actuate(command) for command in commands])
    np.testing.assert_array_equal(applied[:whole], 0)
    np.testing.assert_array_equal(applied[whole:], commands[: len(commands) - whole])


def test_delay_is_the_same_in_numpy_and_torch():
    profile = Profile(name="late", actuation=Actuation(delay=0.033))
    commands = np.random.default_rng(0).normal(size=(9, 2, ROBOTS, 2))
    one, other = (Disturbances(profile, np.arange(2), ROBOTS, 0.02, like=like) for like in (NUMPY, TORCH))
    for command in commands:
        np.testing.assert_array_equal(one.actuate(command), other.actuate(torch.from_numpy(command)).numpy())


def test_a_command_buffer_may_be_reused_by_the_caller():
    delay = FractionalDelay(1.0)
    buffer = np.ones(1)
    delay(buffer)
    buffer[:] = 5.0
    assert delay(buffer) == 1.0


def test_no_command_reaches_the_robot_before_the_delay_even_when_it_is_not_finite():
    delay = FractionalDelay(1.5)
    assert delay(np.array([np.nan])) == 0.0
