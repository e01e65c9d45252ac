"""Each law of the link, on numpy and on torch, and that a robot finds the same as a simulation of all."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from runtime.figure import Law
from runtime.gilbert_elliott import GilbertElliott
from runtime.link import Fault, Link, LinkProfile
from runtime.link_model import MESSAGE_BYTES, LinkModel

torch.set_num_threads(1)
LIKES = {"numpy": np.zeros(0), "torch": torch.zeros(0, dtype=torch.float64)}
SEEDS = np.arange(100)
ROBOTS, TICK = 3, 0.1
TAIL = 1e-4


@pytest.fixture(params=LIKES)
def like(request):
    return LIKES[request.param]


def ages(like, ticks=60, seeds=SEEDS, faults=(), place=None, tick_period=TICK, **figures):
    """Ages of what each robot has heard of its peers [T, B, N, N - 1], s. At tick k robot n is at (k, n) unless `place` says otherwise."""
    heard = listen(like, ticks, seeds, faults, place, tick_period, **figures)[0]
    return np.stack([np.asarray(each.age).copy() for each in heard])


def listen(like, ticks, seeds, faults=(), place=None, tick_period=TICK, receivers=None, **figures):
    library = np if isinstance(like, np.ndarray) else torch
    profile = LinkProfile(link=Link(**figures), faults=tuple(faults))
    model = LinkModel(profile, seeds, ROBOTS, tick_period, receivers, like)
    rows = list(range(ROBOTS)) if receivers is None else receivers
    results, told = [], []
    for tick in range(ticks):
        spots = np.array([(tick, robot) for robot in range(ROBOTS)], dtype=np.float64) if place is None else place(tick)
        position = library.zeros((len(seeds), ROBOTS, 2), dtype=like.dtype) + library.asarray(spots)
        results.append(model.step(tick, position[:, rows], position, -position))
        told.append(spots)
    return results, np.stack(told)


def delays(found, ticks=60):
    """Of the messages that were heard while they were the newest, the age in ticks at which each was: from ages [T, ...]."""
    held = np.round(np.arange(ticks).reshape(-1, *(1,) * (found.ndim - 1)) - found / TICK)
    new = held[1:] != held[:-1]
    return np.round(found[1:] / TICK)[new]


def is_share(happened, share):
    return stats.binomtest(int(happened.sum()), happened.size, share).pvalue > TAIL


def test_a_perfect_link_is_heard_at_once(like):
    heard, told = listen(like, 4, SEEDS[:2])
    for tick in range(4):
        assert (np.asarray(heard[tick].age) == 0).all()
        for me, peers in enumerate([(1, 2), (0, 2), (0, 1)]):
            expected = np.broadcast_to(told[tick][list(peers)], (2, 2, 2))
            np.testing.assert_array_equal(np.asarray(heard[tick].position)[:, me], expected)
            np.testing.assert_array_equal(np.asarray(heard[tick].velocity)[:, me], -expected)


@pytest.mark.parametrize(("delay", "ticks"), [(0.1, 1), (0.3, 3), (0.08, 1), (0.31, 4)])
def test_a_delayed_message_is_heard_at_the_first_tick_after(like, delay, ticks):
    found = ages(like, 12, SEEDS[:3], delay=delay)
    expected = np.minimum(np.arange(12), ticks) * TICK
    np.testing.assert_allclose(found, expected.reshape(-1, 1, 1, 1) + 0 * found, atol=1e-9)


def test_what_is_heard_is_the_message_of_that_age(like):
    heard, _ = listen(like, 60, SEEDS[:10], delay=0.15, jitter=0.15, loss=0.3)
    for tick, each in enumerate(heard):
        np.testing.assert_allclose(np.asarray(each.position)[..., 0], tick - np.asarray(each.age) / TICK, atol=1e-9)
        np.testing.assert_array_equal(np.asarray(each.position)[:, 0, :, 1], np.broadcast_to([1, 2], (10, 2)))


def test_the_newest_that_was_heard_counts_whatever_comes_later(like):
    found = ages(like, 100, delay=0.3, jitter=0.3)
    held = np.round(np.arange(100).reshape(-1, 1, 1, 1) - found / TICK)
    assert (np.diff(held, axis=0) >= 0).all()
    assert found[10:].min() == 0 and found.max() <= 0.6 + 1e-9


def test_jitter_is_uniform_about_the_delay(like):
    # Messages 1 s apart cannot overtake each other; each is heard at the first tick of 10 ms after its delay.
    profile = LinkProfile(link=Link(delay=0.3, jitter=0.2))
    library = np if isinstance(like, np.ndarray) else torch
    model = LinkModel(profile, SEEDS, ROBOTS, 0.01, None, like)
    nowhere = library.zeros((len(SEEDS), ROBOTS, 2), dtype=like.dtype)
    first = np.full((len(SEEDS), ROBOTS, ROBOTS - 1), np.nan)
    for tick in range(151):
        heard = model.step(tick, nowhere, nowhere, nowhere, came=library.zeros((1, 1, 1), dtype=like.dtype) + (tick in (0, 100)) > 0)
        age = np.asarray(heard.age)
        first = np.where(np.isnan(first) & (tick > 100) & (age < 0.99), age, first)
    assert stats.kstest((first - 0.005).ravel(), stats.uniform(0.1, 0.4).cdf).pvalue > TAIL


def test_losses_are_as_many_as_the_profile_says_and_independent(like):
    found = ages(like, 80, loss=0.2)
    lost = found[1:] > 0
    assert is_share(lost, 0.2)
    assert is_share(lost[1:][lost[:-1]], 0.2)
    pairs = lost.reshape(-1, ROBOTS * (ROBOTS - 1))
    correlation = np.corrcoef(pairs, rowvar=False)[~np.eye(6, dtype=bool)]
    assert np.abs(correlation).max() < stats.norm.isf(TAIL / 30) / math.sqrt(len(pairs))


def test_bursts_are_as_long_and_as_frequent_as_the_profile_says(like):
    """Gilbert: all is lost in the bad state, nothing in the good one; the length of a burst is geometric."""
    lost = (ages(like, 400, bursts=0.25, burst_length=0.4)[1:] > 0).reshape(399, -1)
    assert lost.mean() == pytest.approx(0.25, abs=0.015)
    changes = np.diff(np.pad(lost, ((1, 1), (0, 0))).astype(int), axis=0)
    lengths = np.concatenate([np.flatnonzero(column < 0) - np.flatnonzero(column > 0) for column in changes.T])
    # Mean and law, both up to the bursts that the end cuts.
    assert lengths.mean() == pytest.approx(4.0, rel=0.03)
    for length in (1, 2, 4, 8):
        assert (lengths > length).mean() == pytest.approx(0.75**length, abs=0.02)


def test_losses_inside_and_outside_of_bursts_add_up(like):
    found = ages(like, 300, loss=0.1, bursts=0.3, burst_length=1.0, burst_loss=0.6)
    assert (found[1:] > 0).mean() == pytest.approx(0.7 * 0.1 + 0.3 * 0.6, abs=0.015)


@given(st.floats(0, 1), st.floats(0, 30), st.integers(0, 100))
def test_a_link_is_in_a_burst_for_its_share_of_the_time(bursts, length, seed):
    chance = np.random.default_rng(seed)
    chain = GilbertElliott(*(np.full(20_000, value) for value in (0.0, bursts, length, 1.0)))
    for tick in range(30):
        chain.advance(chance.random(20_000))
        if tick in (0, 29):
            assert chain.bad.mean() == pytest.approx(bursts, abs=0.02)


def test_a_copy_makes_a_message_come_sooner_and_more_surely(like):
    once, twice = (ages(like, 80, delay=0.2, jitter=0.2, loss=0.3, duplication=share) for share in (0.0, 1.0))
    assert twice[10:].mean() < 0.75 * once[10:].mean()
    certain = ages(like, 80, loss=0.3, duplication=0.5)[1:] > 0
    assert is_share(certain, 0.5 * 0.3 + 0.5 * 0.3 * 0.3)


def test_messages_in_order_wait_for_those_before_them(like):
    free, ordered = (ages(like, 200, delay=0.3, jitter=0.3, in_order=flag) for flag in (False, True))
    assert ordered[10:].mean() > 1.2 * free[10:].mean()
    assert ordered.max() <= 0.6 + 1e-9
    # With a jitter that is below half a tick there is nothing to wait for.
    np.testing.assert_array_equal(*(ages(like, 60, delay=0.2, jitter=0.04, loss=0.2, in_order=flag) for flag in (False, True)))


def test_nothing_is_heard_from_beyond_the_range(like):
    def apart(tick):
        return np.array([(0.0, 0.0), (0.5 + 0.125 * tick, 0.0), (0.0, -0.75)])

    found = ages(like, 8, SEEDS[:2], place=apart, range=1.0)
    np.testing.assert_allclose(found[:, 0, 0, 0], [0, 0, 0, 0, 0, 0.1, 0.2, 0.3], atol=1e-9)  # r1, at most 1.0 away until tick 4
    assert (found[:, 0, 0, 1] == 0).all()
    never = ages(like, 3, SEEDS[:2], place=lambda tick: np.array([(0, 0), (5, 0), (-5, 0)]), range=1.0)
    assert np.isinf(never).all()


@pytest.mark.parametrize("share", [0.3, 0.75, 1.0, 4.0])
def test_bandwidth_lets_that_many_messages_pass(like, share):
    found = ages(like, 400, SEEDS[:2], bandwidth=share * MESSAGE_BYTES / TICK)
    assert (found[1:] == 0).mean() == pytest.approx(min(share, 1.0), abs=0.01)
    assert found.max() <= (math.ceil(1 / share) - 1) * TICK + 1e-9


def test_after_a_pause_two_messages_pass_at_once():
    model = LinkModel(LinkProfile(link=Link(bandwidth=0.25 * MESSAGE_BYTES / TICK)), SEEDS[:1], ROBOTS, TICK)
    here, found = np.zeros((1, ROBOTS, 2)), []
    for tick in range(60):
        heard = model.step(tick, here, here, here, came=np.full((1, 1, 1), tick == 0 or tick >= 50))
        found.append(float(heard.age[0, 0, 0]))
    np.testing.assert_allclose(found[50:], [0, 0, 0.1, 0.2, 0, 0.1, 0.2, 0.3, 0, 0.1], atol=1e-9)


def test_the_first_message_of_a_peer_passes_at_once(like):
    found = ages(like, 3, delay=0.5, loss=1.0)
    np.testing.assert_allclose(found, (np.arange(3) * TICK).reshape(-1, 1, 1, 1) + 0 * found)


def test_each_link_has_the_figures_that_it_drew(like):
    found = ages(like, 12, delay=Law(choice=(0.0, 0.1, 0.2, 0.3)))
    late = np.round(found[-1] / TICK).reshape(-1)
    assert stats.chisquare([np.sum(late == ticks) for ticks in range(4)]).pvalue > TAIL
    shared = np.round(ages(like, 12, delay=Law(choice=(0.0, 0.1, 0.2, 0.3), shared=True))[-1] / TICK).reshape(len(SEEDS), -1)
    assert (shared == shared[:, :1]).all() and len(set(shared[:, 0])) == 4


def test_a_robot_finds_for_its_own_links_what_a_simulation_of_all_finds():
    link = Link(delay=Law(uniform=(0, 0.2)), jitter=0.1, loss=0.2, bursts=0.1, burst_length=0.3, duplication=0.3, bandwidth=1200, range=40)
    figures = msgspec.structs.asdict(link)
    together, _ = listen(LIKES["numpy"], 70, SEEDS, **figures)
    for me in range(ROBOTS):
        alone, _ = listen(LIKES["numpy"], 70, SEEDS[13:14], receivers=[me], **figures)
        for all_of_them, mine in zip(together, alone, strict=True):
            for name in ("position", "velocity", "age"):
                np.testing.assert_array_equal(getattr(all_of_them, name)[13, me], getattr(mine, name)[0, 0])


def test_the_same_seeds_repeat_and_others_do_not(like):
    figures = {"delay": 0.1, "jitter": 0.1, "loss": 0.2}
    one, again, other = (ages(like, 40, seeds, **figures) for seeds in (SEEDS, SEEDS, SEEDS + 1000))
    np.testing.assert_array_equal(one, again)
    assert (one != other).mean() > 0.3


def test_time_does_not_go_back():
    model = LinkModel(LinkProfile(link=Link(delay=0.1)), SEEDS[:1], ROBOTS, TICK)
    here = np.zeros((1, ROBOTS, 2))
    model.step(3, here, here, here)
    with pytest.raises(ValueError, match="tick 3 after tick 3"):
        model.step(3, here, here, here)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=20), st.floats(0, 0.6))
def test_left_out_ticks_lose_no_message(gaps, delay):
    model = LinkModel(LinkProfile(link=Link(delay=delay)), SEEDS[:1], ROBOTS, TICK)
    ticks = np.cumsum(gaps).tolist()
    for tick in ticks:
        here = np.full((1, ROBOTS, 2), float(tick))
        heard = model.step(tick, here, here, here)
        due = [sent for sent in ticks if sent == ticks[0] or sent * TICK + delay <= tick * TICK + 1e-6]
        assert heard.position[0, 0, 0, 0] == max(sent for sent in due if sent <= tick)


# Faults


def test_a_silent_robot_is_not_heard_any_more_and_hears_on(like):
    found = ages(like, 8, SEEDS[:2], faults=[Fault(kind="silent", robot=1, at=0.35)])
    np.testing.assert_allclose(found[:, 0, 0, 0], [0, 0, 0, 0, 0.1, 0.2, 0.3, 0.4], atol=1e-9)
    assert (found[:, :, 1] == 0).all() and (found[:, :, 0, 1] == 0).all()


def test_a_late_robot_is_heard_once_it_has_joined(like):
    found = ages(like, 7, SEEDS[:2], faults=[Fault(kind="late", robot=2, at=0.5)])
    np.testing.assert_array_equal(np.isinf(found[:, 0, 0, 1]), [True, True, True, True, True, False, False])
    assert np.isfinite(found[:, :, 2]).all()


def test_a_lie_moves_what_is_told_by_its_offset_in_a_direction_of_each_episode(like):
    heard, told = listen(like, 6, SEEDS, faults=[Fault(kind="lie", robot=0, at=0.3, offset=0.5)])
    error = [np.asarray(each.position)[:, 1] - told[tick][[0, 2]] for tick, each in enumerate(heard)]
    assert all((each == 0).all() for each in error[:3]) and (error[4][:, 1] == 0).all()
    np.testing.assert_allclose(np.linalg.norm(error[4][:, 0], axis=-1), 0.5)
    np.testing.assert_allclose(error[3], error[5])
    angles = np.arctan2(error[4][:, 0, 1], error[4][:, 0, 0])
    assert stats.kstest(angles, stats.uniform(-math.pi, 2 * math.pi).cdf).pvalue > TAIL


def test_a_fault_hits_any_robot_alike_and_as_often_as_it_is_likely(like):
    silent = np.isinf(ages(like, 1, np.arange(3000), faults=[Fault(kind="late", probability=0.4, at=1.0)])[0])
    by_robot = np.stack([silent[:, 1, 0], silent[:, 0, 0], silent[:, 0, 1]], axis=-1)
    assert is_share(by_robot.any(axis=-1), 0.4)
    assert (by_robot.sum(axis=-1) <= 1).all()
    assert stats.chisquare(by_robot.sum(axis=0)).pvalue > TAIL
