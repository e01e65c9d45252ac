"""Figures that are numbers, and figures that are drawn."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from robots.errors import InputError
from runtime.figure import Law, check_figures, draw, ends, is_always
from runtime.link import Link

LIKES = {"numpy": np.zeros(0), "float32": np.zeros(0, np.float32), "torch": torch.zeros(0), "torch64": torch.zeros(0, dtype=torch.float64)}
SEEDS = np.arange(4000)
TAIL = 1e-4


@pytest.fixture(params=LIKES)
def like(request):
    return LIKES[request.param]


def drawn(figure, like, shape=(3,), seeds=SEEDS, purpose="x"):
    values = draw(figure, seeds, shape, purpose, like)
    assert type(values) is type(like) and values.dtype == like.dtype and tuple(values.shape) == (len(seeds), *shape)
    return np.asarray(values, dtype=np.float64)


def test_a_number_is_that_number_everywhere(like):
    assert (drawn(0.25, like) == 0.25).all()


def test_uniform_is_uniform_between_its_ends(like):
    values = drawn(Law(uniform=(-0.5, 1.5)), like).ravel()
    assert stats.kstest(values, stats.uniform(-0.5, 2.0).cdf).pvalue > TAIL


def test_choice_takes_all_alike(like):
    values = drawn(Law(choice=(0.0, 0.5, 0.25)), like).ravel()
    assert set(values) == {0.0, 0.25, 0.5}
    assert stats.chisquare([np.sum(values == value) for value in (0.0, 0.25, 0.5)]).pvalue > TAIL


def test_robots_and_episodes_are_independent_unless_the_draw_is_shared(like):
    values = drawn(Law(uniform=(0.0, 1.0)), like)
    assert np.abs(np.corrcoef(values, rowvar=False)[~np.eye(3, dtype=bool)]).max() < stats.norm.isf(TAIL / 6) / math.sqrt(len(values))
    assert abs(np.corrcoef(values[1:, 0], values[:-1, 0])[0, 1]) < stats.norm.isf(TAIL / 2) / math.sqrt(len(values))
    shared = drawn(Law(uniform=(0.0, 1.0), shared=True), like)
    assert (shared == shared[:, :1]).all() and len(set(shared[:, 0])) > 3900


def test_a_draw_follows_from_seed_and_purpose_alone():
    law, numpy = Law(uniform=(0.0, 1.0)), LIKES["numpy"]
    together = drawn(law, numpy)
    np.testing.assert_array_equal(together[7:8], drawn(law, numpy, seeds=SEEDS[7:8]))
    assert not np.isin(drawn(law, numpy, purpose="y"), together).any()
    np.testing.assert_array_equal(drawn(law, LIKES["torch"]), drawn(law, LIKES["torch"]))


numbers = st.floats(-10, 10).map(lambda value: round(value, 3))
laws = st.one_of(
    st.tuples(numbers, numbers).map(lambda pair: Law(uniform=(min(pair), max(pair)))),
    st.lists(numbers, min_size=1, max_size=4).map(lambda values: Law(choice=tuple(values))),
    numbers,
)


@given(laws, st.sampled_from(sorted(LIKES)), st.integers(0, 2**63 - 1))
def test_no_draw_leaves_the_ends_of_its_law(figure, kind, seed):
    low, high = ends(figure)
    values = drawn(figure, LIKES[kind], seeds=np.array([seed]))
    assert (values >= low - 1e-5).all() and (values <= high + 1e-5).all()
    assert is_always(figure, low) == (low == high)


@pytest.mark.parametrize(
    ("figure", "said"),
    [
        (-0.1, r"lab\.yaml: link\.loss: is -0\.1, must be finite and in 0 \.\.\. 1"),
        (1.5, r"link\.loss: is 1\.5, must be finite and in 0 \.\.\. 1"),
        (math.nan, r"link\.loss: is nan"),
        (Law(uniform=(0.2, 0.1)), r"link\.loss\.uniform: its low end is 0\.2, above its high end 0\.1"),
        (Law(uniform=(0.2, 1.1)), r"link\.loss: is 1\.1"),
        (Law(choice=()), r"link\.loss\.choice: is empty"),
        (Law(choice=(0.1, math.inf)), r"link\.loss: is inf"),
        (Law(), r"link\.loss: has neither of uniform and choice"),
        (Law(uniform=(0, 1), choice=(0.5,)), r"link\.loss: has both of uniform and choice"),
    ],
)
def test_a_figure_that_cannot_be_is_refused_with_place_and_value(figure, said):
    with pytest.raises(InputError, match=said):
        check_figures(Link(loss=figure), {"loss": (0.0, 1.0)}, "lab.yaml: link")
