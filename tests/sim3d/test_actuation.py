"""Each law of the actuators, on numpy and on torch."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from runtime.figure import Law
from runtime.link import Fault
from sim3d.disturbances.disturbance import Disturbances
from sim3d.profile import Actuation, Profile

torch.set_num_threads(1)
LIKES = {"numpy": np.zeros(0), "torch": torch.zeros(0, dtype=torch.float64)}
SEEDS = np.arange(200)
TICK = 0.1
TAIL = 1e-4


@pytest.fixture(params=LIKES)
def like(request):
    return LIKES[request.param]


def applied(like, commands, seeds=SEEDS, faults=(), command_latency=0.0, **figures):
    """What comes of commands [T, 2] that all robots are given: [T, B, 3, 2], and the disturbances."""
    library = np if isinstance(like, np.ndarray) else torch
    profile = Profile(name="p", actuation=Actuation(**figures), faults=tuple(faults))
    disturbances = Disturbances(profile, seeds, 3, TICK, command_latency, like)
    results = []
    for command in np.asarray(commands, dtype=np.float64):
        batch = library.zeros((len(seeds), 3, 2), dtype=like.dtype) + library.asarray(command)
        result = disturbances.actuate(batch)
        assert type(result) is type(like) and result.dtype == like.dtype
        results.append(np.asarray(result).copy())
    return np.stack(results), disturbances


def ramp(ticks):
    """The command of tick k is k: what is applied tells how old it is."""
    return np.repeat(np.arange(ticks, dtype=float)[:, None], 2, axis=1)


def test_each_robot_has_the_delay_that_it_drew(like):
    out, disturbances = applied(like, ramp(20), delay=Law(uniform=(0.0, 0.3)), command_latency=0.05)
    delay = np.asarray(disturbances.draws["actuation.delay"])
    np.testing.assert_allclose(np.asarray(disturbances.latency), delay + 0.05)
    np.testing.assert_allclose(out[-1], (19 - (delay + 0.05) / TICK)[..., None] + np.zeros(2), atol=1e-9)
    assert stats.kstest(delay.ravel(), stats.uniform(0, 0.3).cdf).pvalue > TAIL


def test_a_shared_delay_is_one_for_the_team(like):
    _, disturbances = applied(like, ramp(1), delay=Law(choice=(0.0, 0.1, 0.2), shared=True))
    delay = np.asarray(disturbances.draws["actuation.delay"])
    assert (delay == delay[:, :1]).all() and set(np.round(delay[:, 0], 6)) == {0.0, 0.1, 0.2}


@given(st.lists(st.floats(-2, 2), min_size=1, max_size=12), st.floats(0, 0.5), st.sampled_from(sorted(LIKES)))
def test_a_drawn_delay_is_the_same_as_a_given_one(commands, delay, kind):
    commands = np.repeat(np.array(commands)[:, None], 2, axis=1)
    given_one, _ = applied(LIKES[kind], commands, SEEDS[:2], delay=delay)
    drawn, _ = applied(LIKES[kind], commands, SEEDS[:2], delay=Law(uniform=(delay, delay)))
    np.testing.assert_allclose(drawn, given_one, atol=1e-9)


def test_jittered_delays_are_uniform_about_their_mean(like):
    out, _ = applied(like, ramp(100), delay=0.25, jitter=0.05)
    delays = (np.arange(100)[:, None, None] - out[..., 0])[10:] * TICK
    assert stats.kstest(delays.ravel(), stats.uniform(0.2, 0.1).cdf).pvalue > TAIL
    products = ((delays[1:] - 0.25) * (delays[:-1] - 0.25)).ravel() * 1200  # variance of the law: 0.1^2 / 12
    assert abs(products.mean()) * math.sqrt(products.size) < stats.norm.isf(TAIL / 2)


def test_a_command_does_not_overtake_a_later_one(like):
    out, _ = applied(like, ramp(200), delay=0.3, jitter=0.3)
    assert (np.diff(out[..., 0], axis=0) >= -1e-9).all()
    delays = (np.arange(200)[:, None, None] - out[..., 0])[10:] * TICK
    assert delays.min() >= -1e-9 and delays.max() <= 0.6 + 1e-9


def test_a_command_within_the_deadband_does_nothing(like):
    out, _ = applied(like, [(0.03, 0.04), (0.0299, 0.04), (-1.0, 0.0)], deadband=0.05)
    np.testing.assert_array_equal(out[:, 0, 0], [(0.03, 0.04), (0.0, 0.0), (-1.0, 0.0)])


def test_gain_scales_and_saturation_shortens_without_turning(like):
    out, _ = applied(like, [(0.3, 0.4), (3.0, -4.0), (0.0, 0.0)], gain=2.0, saturation=1.5)
    np.testing.assert_allclose(out[:, 5, 1], [(0.6, 0.8), (0.9, -1.2), (0.0, 0.0)])
    free, _ = applied(like, [(3.0, -4.0)], saturation=Law(choice=(0.0, 1e-3)))
    assert {round(value, 3) for value in free[0, ..., 0].ravel().tolist()} == {3.0, 0.001}


def test_lag_is_the_exact_first_order_response_to_a_step(like):
    out, _ = applied(like, np.ones((30, 2)), lag=0.25)
    np.testing.assert_allclose(out[:, 3, 2, 0], 1 - np.exp(-TICK * np.arange(1, 31) / 0.25), rtol=1e-12)
    mixed, disturbances = applied(like, np.ones((5, 2)), lag=Law(choice=(0.0, 0.5)))
    tau = np.asarray(disturbances.draws["actuation.lag"])
    expected = np.where(tau > 0, 1 - np.exp(-TICK * 5 / np.where(tau > 0, tau, 1)), 1.0)
    np.testing.assert_allclose(mixed[-1, ..., 0], expected, rtol=1e-12)


def test_a_robot_that_stops_does_nothing_from_that_moment_on(like):
    out, _ = applied(like, np.ones((10, 2)), faults=[Fault(kind="stop", robot=1, at=0.45)], delay=0.2)
    np.testing.assert_array_equal(out[:, 0, :, 0], [[0, 0, 0]] * 2 + [[1, 1, 1]] * 3 + [[1, 0, 1]] * 5)


def test_a_robot_that_is_late_commands_nothing_before(like):
    out, _ = applied(like, np.ones((8, 2)), faults=[Fault(kind="late", robot=0, at=0.3)], delay=0.2)
    np.testing.assert_array_equal(out[:, 0, :, 0], [[0, 0, 0]] * 2 + [[0, 1, 1]] * 3 + [[1, 1, 1]] * 3)


def test_a_command_that_is_not_finite_does_not_reach_back_in_time():
    out, _ = applied(LIKES["numpy"], [(np.nan, np.nan)], SEEDS[:1], delay=Law(uniform=(0.2, 0.25)))
    assert (out == 0).all()
