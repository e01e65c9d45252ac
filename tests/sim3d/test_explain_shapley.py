"""Shapley values of a team: their axioms hold exactly, and a robot that is left out does nothing."""

from __future__ import annotations

import math
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robots.errors import InputError
from runtime.bundle import read_bundle
from sim3d.explain.shapley import MOST_ROBOTS, coalitions, contributions, only, orders
from sim3d.explain.watched import WatchedTeam
from sim3d.profile import Profile
from sim3d.spread_task import separations
from sim3d.suite.runner import Settings

CLEAN = Profile(name="clean")


@st.composite
def games(draw: st.DrawFn) -> np.ndarray:
    """A whole number for each coalition of 1 to 5 robots."""
    robots = draw(st.integers(1, 5))
    return np.array(draw(st.lists(st.integers(-1000, 1000), min_size=2**robots, max_size=2**robots)), dtype=np.int64)


def _robots(game: np.ndarray) -> int:
    return len(game).bit_length() - 1


@given(games())
def test_values_are_mean_marginal_contributions_over_all_orders(game: np.ndarray) -> None:
    robots = _robots(game)
    total = [0] * robots
    for order in permutations(range(robots)):
        coalition = 0
        for robot in order:
            total[robot] += int(game[coalition | 1 << robot] - game[coalition])
            coalition |= 1 << robot
    assert (orders(robots) @ game).tolist() == total


@given(games())
def test_values_sum_to_what_all_have_over_none(game: np.ndarray) -> None:
    robots = _robots(game)
    assert (orders(robots) @ game).sum() == math.factorial(robots) * (game[-1] - game[0])


@given(games(), st.data())
def test_a_robot_that_never_adds_anything_gets_nothing(game: np.ndarray, data: st.DataObject) -> None:
    robots = _robots(game)
    null = data.draw(st.integers(0, robots - 1))
    without = np.arange(len(game)) & ~(1 << null)
    assert (orders(robots) @ game[without])[null] == 0


@given(games(), st.data())
def test_two_robots_that_add_the_same_get_the_same(game: np.ndarray, data: st.DataObject) -> None:
    robots = _robots(game)
    one, other = data.draw(st.integers(0, robots - 1)), data.draw(st.integers(0, robots - 1))
    numbers = np.arange(len(game))
    swapped = numbers & ~(1 << one | 1 << other) | (numbers >> one & 1) << other | (numbers >> other & 1) << one
    values = orders(robots) @ (game + game[swapped])
    assert values[one] == values[other]


def test_estimates_name_the_coalitions_and_keep_the_axioms() -> None:
    # Robot 0 covers half of the landmarks on even layouts, robot 1 the other half always, robot 2 nothing.
    even = np.arange(200) % 2 == 0
    scores = np.stack([0.5 * (name[0] == "1") * even + 0.5 * (name[1] == "1") for name in coalitions(3)], axis=1)
    found = contributions("coverage", scores)
    assert list(found.coalitions) == ["000", "100", "010", "110", "001", "101", "011", "111"]
    assert found.coalitions["110"].value == found.coalitions["111"].value == 0.75
    values = [each.value for each in found.values]
    assert values == pytest.approx([0.25, 0.5, 0.0], abs=1e-12)
    assert sum(values) == pytest.approx(found.coalitions["111"].value - found.coalitions["000"].value, abs=1e-12)
    # A share of 200 layouts that is a half varies by 0.035: robot 0's value by half of that.
    assert found.values[0].low == pytest.approx(0.25 - 1.96 * 0.5 * 0.0354, abs=0.006)
    assert found.values[0].high == pytest.approx(0.25 + 1.96 * 0.5 * 0.0354, abs=0.006)


def test_who_is_left_out_stands_where_it_started_and_says_so(point_bundle: Path) -> None:
    team = WatchedTeam(read_bundle(point_bundle).verify(), "spread", Settings(), str(point_bundle))
    layouts = team.layouts(0, 40, seed=3)
    (record,) = team.missions(layouts, only("101", CLEAN))
    alone = (separations(record.position)[:, :, 1, [0, 2]] > 0.4).all(axis=(1, 2))
    assert alone.sum() >= 10
    assert (record.position[alone, :, 1] == layouts.starts[alone, None, 1]).all()
    for worker in (0, 2):
        assert (np.linalg.norm(record.position[:, -1, worker] - layouts.starts[:, worker], axis=-1) > 0.1).all()
    for view in record.views:
        assert (view.peers[alone, 0, 0] == layouts.starts[alone, 1]).all()
        assert (view.peers[alone, 2, 1] == layouts.starts[alone, 1]).all()


def test_too_large_a_team_is_refused_with_both_numbers() -> None:
    with pytest.raises(InputError, match=f"{MOST_ROBOTS + 1} robots.*at most {MOST_ROBOTS}"):
        coalitions(MOST_ROBOTS + 1)
