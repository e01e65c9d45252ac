"""Each law of the sensors, on numpy and on torch: mean, variance, how it goes on over time, how often it happens."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from runtime.figure import Law
from sim3d.disturbances.disturbance import Disturbances
from sim3d.profile import Profile, Sensing
from sim3d.world import WorldState

torch.set_num_threads(1)
LIKES = {"numpy": np.zeros(0), "torch": torch.zeros(0, dtype=torch.float64)}
SEEDS = np.arange(300)
ROBOTS, TICK = 3, 0.1
TAIL = 1e-4
"""Chance that a statistical test fails although the law holds; the seeds are fixed, so it either does or does not."""


@pytest.fixture(params=LIKES)
def like(request):
    return LIKES[request.param]


def measure(like, ticks=40, seeds=SEEDS, path=lambda tick: 0.0, tick_period=TICK, **figures):
    """Robots whose every coordinate and heading is `path(tick)`: measurements [ticks, B, N, ...] by name."""
    library = np if isinstance(like, np.ndarray) else torch
    disturbances = Disturbances(Profile(name="p", sensing=Sensing(**figures)), seeds, ROBOTS, tick_period, like=like)
    found = {"position": [], "velocity": [], "heading": [], "age": []}
    for tick in range(ticks):
        where = library.zeros((len(seeds), ROBOTS, 2), dtype=like.dtype) + path(tick)
        state = WorldState(where, where, where[..., 0], where, tick)
        measured = disturbances.sense(state)
        assert type(measured.age) is type(like)
        for name, values in found.items():
            values.append(np.asarray(getattr(measured, name)).copy())
    return {name: np.stack(values) for name, values in found.items()} | {"draws": disturbances.draws}


def is_variance(samples, variance):
    """A chi-square test on independent normal numbers of mean zero."""
    low, high = stats.chi2.ppf([TAIL / 2, 1 - TAIL / 2], df=samples.size)
    return low < np.sum(samples**2) / variance < high


def is_share(happened, share):
    """A binomial test."""
    return stats.binomtest(int(happened.sum()), happened.size, share).pvalue > TAIL


@pytest.mark.parametrize("quantity", ["position", "velocity", "heading"])
def test_a_bias_is_constant_over_an_episode_and_normal_over_episodes(like, quantity):
    values = measure(like, 5, **{f"{quantity}_bias": 0.3})[quantity]
    np.testing.assert_array_equal(values, np.broadcast_to(values[:1], values.shape))
    assert is_variance(values[0].ravel(), 0.09)
    assert stats.kstest(values[0].ravel() / 0.3, "norm").pvalue > TAIL


@pytest.mark.parametrize("quantity", ["position", "velocity", "heading"])
def test_a_random_walk_has_independent_steps_and_a_variance_that_grows_with_time(like, quantity):
    values = measure(like, 41, **{f"{quantity}_walk": 0.2})[quantity]
    assert (values[0] == 0).all()
    steps = np.diff(values, axis=0)
    assert is_variance(steps.ravel(), 0.04 * TICK)
    assert is_variance(values[40].ravel(), 0.04 * 40 * TICK)
    # Its autocorrelation: cov(x(s), x(t)) = walk^2 min(s, t), so steps that do not overlap are uncorrelated.
    for lag in (1, 2, 7):
        products = (steps[lag:] * steps[:-lag]).ravel() / (0.04 * TICK)
        assert abs(products.mean()) * math.sqrt(products.size) < stats.norm.isf(TAIL / 2)
    assert np.mean(values[10] * values[40]) == pytest.approx(0.04 * 10 * TICK, rel=0.15)


def test_a_walk_is_the_same_at_any_rate_of_sensing():
    slow = measure(LIKES["numpy"], 40, tick_period=0.1, position_walk=0.2)["position"]
    fast = measure(LIKES["numpy"], 40, tick_period=0.025, position_walk=0.2)["position"]
    assert is_variance(slow[10].ravel(), 0.04) and is_variance(fast[39].ravel(), 0.04 * 39 * 0.025)


def test_outliers_come_as_often_and_are_as_large_as_the_profile_says(like):
    values = measure(like, 40, outliers=0.05, outlier_sigma=2.0)
    happened = (values["position"] != 0).any(axis=-1)
    assert is_share(happened, 0.05)
    assert is_variance(values["position"][happened].ravel(), 4.0)
    assert (values["velocity"] == 0).all() and (values["heading"] == 0).all()
    # And each at a time and of a size that say nothing about the next.
    assert is_share(happened[1:][happened[:-1]], 0.05)
    assert len(np.unique(values["position"][happened])) == 2 * happened.sum()


def test_quantised_measurements_are_the_nearest_multiples(like):
    values = measure(like, 60, path=lambda tick: 0.013 * tick, position_step=0.05, heading_step=0.5)
    truth = 0.013 * np.arange(60)[:, None, None, None]
    assert np.abs(values["position"] - truth).max() <= 0.025 + 1e-12
    np.testing.assert_allclose(values["position"] / 0.05, np.round(values["position"] / 0.05), atol=1e-9)
    np.testing.assert_allclose(values["heading"], np.round(truth[..., 0] / 0.5) * 0.5 + 0 * values["heading"])
    np.testing.assert_allclose(values["velocity"], np.broadcast_to(truth, values["velocity"].shape))


def test_a_lost_measurement_is_the_last_one_again_with_its_age(like):
    values = measure(like, 60, path=float, dropout=0.3)
    ages = np.round(values["age"] / TICK)
    np.testing.assert_allclose(values["age"], ages * TICK, atol=1e-9)
    for name in ("position", "velocity", "heading"):
        seen = values[name][..., 0] if name != "heading" else values[name]
        np.testing.assert_allclose(seen, np.arange(60)[:, None, None] - ages)
    assert (ages[0] == 0).all()
    assert is_share(ages[1:] > 0, 0.3)
    # A geometric law: the age is at least k with probability 0.3^k, once k ticks have passed.
    assert (ages[20] >= 2).mean() == pytest.approx(0.09, abs=0.03)


@pytest.mark.parametrize(("rate", "every"), [(5.0, 2), (3.4, 3), (10.0, 1), (100.0, 1), (0.0, 1)])
def test_a_slow_sensor_measures_every_so_many_ticks(like, rate, every):
    values = measure(like, 13, seeds=SEEDS[:2], path=float, rate=rate)
    expected = np.arange(13) % every
    np.testing.assert_allclose(values["age"], (expected * TICK)[:, None, None] + 0 * values["age"])
    np.testing.assert_allclose(values["position"][:, 0, 0, 0], np.arange(13) - expected)


@given(delay=st.floats(0, 1.2), kind=st.sampled_from(sorted(LIKES)))
def test_a_late_sensor_tells_the_truth_of_that_time_ago(delay, kind):
    values = measure(LIKES[kind], 15, seeds=SEEDS[:1], path=lambda tick: 7.0 + tick, delay=delay)
    expected = 7.0 + np.maximum(np.arange(15) - delay / TICK, 0.0)
    np.testing.assert_allclose(values["position"][:, 0, 0, 0], expected, atol=1e-6)
    np.testing.assert_allclose(values["age"][:, 0, 0], np.minimum(delay, TICK * np.arange(15)), atol=1e-12)


def test_a_late_heading_turns_the_short_way(like):
    values = measure(like, 3, seeds=SEEDS[:1], path=lambda tick: (3.1, 3.1, -3.1)[tick], delay=0.05)
    halfway = values["heading"][2, 0, 0]
    assert abs(math.remainder(halfway - math.pi, 2 * math.pi)) < 1e-9


def test_robots_that_drew_other_figures_are_disturbed_by_their_own(like):
    laws = {"position_sigma": Law(uniform=(0.0, 1.0)), "delay": Law(choice=(0.0, 0.2)), "dropout": Law(choice=(0.0, 0.5))}
    values = measure(like, 60, path=float, **laws)
    sigma, delay, dropout = (np.asarray(values["draws"][f"sensing.{name}"]) for name in laws)
    error = values["position"] - (np.arange(60)[:, None, None] - values["age"] / TICK)[..., None]
    steady = dropout == 0
    assert is_variance((error / sigma[..., None])[:, steady].ravel(), 1.0)
    assert ((values["age"][5:].min(axis=0) > 0.1) == (delay > 0)).mean() > 0.95
    assert ((values["age"][5:].max(axis=0) > 0.25) == (dropout > 0)).mean() > 0.95


def test_sensors_with_a_memory_want_every_tick_once(like):
    with pytest.raises(ValueError, match="tick 2 after tick 0; sense every tick"):
        truth = torch.zeros(1, 3, 2, dtype=torch.float64) if LIKES["torch"] is like else np.zeros((1, 3, 2))
        late = Disturbances(Profile(name="p", sensing=Sensing(delay=0.1)), np.array([1]), 3, TICK, like=like)
        first = late.sense(WorldState(truth, truth, truth[..., 0], truth, 0))
        assert late.sense(WorldState(truth, truth, truth[..., 0], truth, 0)) is first
        late.sense(WorldState(truth, truth, truth[..., 0], truth, 2))


def test_everything_at_once_repeats_for_the_same_seeds(like):
    everything = {name: 0.3 for name in Sensing.__struct_fields__ if name not in ("rate", "outliers", "dropout")} | {
        "rate": 5.0,
        "outliers": 0.1,
        "dropout": 0.2,
    }
    one, other = measure(like, 20, **everything), measure(like, 20, **everything)
    for name in ("position", "velocity", "heading", "age"):
        np.testing.assert_array_equal(one[name], other[name])


def test_an_episode_is_disturbed_alike_in_any_batch():
    figures = {
        "position_walk": 0.2,
        "position_bias": 0.1,
        "dropout": 0.4,
        "outliers": 0.2,
        "outlier_sigma": 1.0,
        "delay": Law(uniform=(0, 0.3)),
    }
    together = measure(LIKES["numpy"], 20, path=float, **figures)
    alone = measure(LIKES["numpy"], 20, seeds=SEEDS[17:18], path=float, **figures)
    np.testing.assert_array_equal(together["position"][:, 17:18], alone["position"])
