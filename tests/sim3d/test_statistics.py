"""Figures of scores, tests and intervals: by hand, against rliable and scipy, and by how often intervals hold."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from sim3d.statistics.aggregates import area, break_point, cvar, improvement, iqm, never_breaks, profile, retention, tail_weights
from sim3d.statistics.compare import cells_together, exchanged_seeds, holm, improvement_interval, mcnemar, sign_flip
from sim3d.statistics.interval import (
    Resampled,
    difference,
    interval,
    kinked_interval,
    layout_weights,
    ratio_interval,
    ratios,
    shares,
    stratified_bootstrap,
)
from sim3d.statistics.tail import lowest
from tests.benchmarks.intervals import Situation, coverage

# Scores of 8 and 6 runs in 4 tasks, and what rliable 1.2.0 makes of them, with 50 000 resamples (5 000 for two policies):
# get_interval_estimates({"x": X}, lambda a: np.array([metrics.aggregate_iqm(a)]), reps=50000) and so on. It is not installed with
# fieldswarm: it needs pandas, statsmodels and seaborn, and does not run on pandas 3.
X = np.array(
    [
        *([0.946, 0.859, 0.553, 0.265], [0.949, 0.873, 0.598, 0.043], [0.901, 0.807, 0.627, 0.176], [1.0, 0.923, 0.527, 0.21]),
        *([0.907, 0.891, 0.612, 0.159], [0.998, 0.912, 0.598, 0.116], [0.922, 0.856, 0.656, 0.34], [0.954, 0.769, 0.527, 0.254]),
    ]
)
Y = np.array(
    [
        *([0.902, 1.0, 0.657, 0.351], [0.961, 0.9, 0.723, 0.264], [1.0, 0.884, 0.754, 0.254], [1.0, 0.994, 0.768, 0.273]),
        *([0.918, 0.961, 0.724, 0.298], [0.922, 0.991, 0.782, 0.31]),
    ]
)
IQM_X, IQM_X_INTERVAL = 0.7225625, (0.7003125, 0.7445)
IQM_Y, IQM_Y_INTERVAL = 0.82458333, (0.80416667, 0.84991667)
IQM_MEANS, IQM_MEANS_INTERVAL = 0.6454375, (0.626875, 0.6664375)
IMPROVEMENT, IMPROVEMENT_INTERVAL = 0.82291667, (0.7109375, 0.91927083)
PROFILE = [1.0, 0.96875, 0.875, 0.78125, 0.75, 0.75, 0.59375, 0.5, 0.46875, 0.3125, 0.0]


def ends(resamples):
    return np.quantile(resamples, [0.025, 0.975])


def monte_carlo_error(resamples, count):
    """Standard error of the ends of an interval by two runs of `count` resamples: a quantile's, with the density of a normal law."""
    density = stats.norm.pdf(stats.norm.ppf(0.025)) / np.std(resamples)
    return np.sqrt(2 * 0.025 * 0.975 / count) / density


def test_figures_are_those_of_rliable():
    assert iqm(X.ravel()) == pytest.approx(IQM_X)
    assert iqm(Y.ravel()) == pytest.approx(IQM_Y)
    assert iqm(X.mean(axis=1)) == pytest.approx(IQM_MEANS)
    assert improvement(X, Y) == pytest.approx(IMPROVEMENT)
    assert profile(X.ravel(), np.linspace(0, 1, 11)) == pytest.approx(PROFILE)


def test_the_bootstrap_is_that_of_rliable():
    """Its strata are the tasks: each is resampled by itself."""
    for scores, expected in ((X, IQM_X_INTERVAL), (Y, IQM_Y_INTERVAL), (X.mean(axis=1, keepdims=True), IQM_MEANS_INTERVAL)):
        resamples = stratified_bootstrap(list(scores.T), lambda strata: iqm(np.concatenate(strata, axis=1)), 50_000, seed=0)
        # Four and a half standard errors, and half of the finest step that three decimals and a mean of four or more can make.
        assert ends(resamples) == pytest.approx(expected, abs=4.5 * monte_carlo_error(resamples, 50_000) + 1e-4)
    resamples = stratified_bootstrap(
        [*X.T, *Y.T], lambda strata: improvement(np.stack(strata[:4], axis=-1), np.stack(strata[4:], axis=-1)), 5000, seed=0
    )
    # Steps of a half in 8 x 6 x 4 pairs.
    assert ends(resamples) == pytest.approx(IMPROVEMENT_INTERVAL, abs=4.5 * monte_carlo_error(resamples, 5000) + 0.5 / 192)


def test_iqm_leaves_out_the_quarters():
    assert iqm(np.array([0.0, 0.5, 0.7, 1.0])) == pytest.approx(0.6)
    assert iqm(np.array([0.0, 0.3, 0.9])) == pytest.approx(0.4)


def test_cvar_is_the_mean_of_the_worst_share():
    scores = np.arange(25) / 24
    assert cvar(scores[::-1], 0.1) == pytest.approx((0 + 1 + 0.5 * 2) / 24 / 2.5)
    assert cvar(np.array([[0.3, 0.2], [1.0, 0.9]]), 0.1) == pytest.approx([0.2, 0.9])


@given(arrays(float, st.tuples(st.integers(1, 4), st.integers(1, 30)), elements=st.floats(0, 1)), st.floats(0, 1))
def test_tails_lie_between_the_lowest_and_the_mean(scores, share):
    assert tail_weights(scores, share).sum(axis=-1) == pytest.approx(1)
    tail = cvar(scores, share)
    assert (tail >= scores.min(axis=-1) - 1e-12).all() and (tail <= scores.mean(axis=-1) + 1e-12).all()


def test_area_is_the_mean_height():
    assert area(np.array([0, 1, 3]), np.array([[1.0, 1.0, 1.0], [1.0, 0.0, 0.0]])) == pytest.approx([1.0, 0.5 / 3])


def test_break_point_is_where_a_tenth_is_gone():
    along = np.array([0.0, 0.1, 0.2, 0.3])
    assert break_point(along, np.array([1.0, 0.95, 0.85, 0.1])) == pytest.approx(0.15)
    assert break_point(along, np.array([0.8, 0.8, 0.0, 0.8])) == pytest.approx(0.11)
    # Once is enough; exactly a tenth is not.
    assert break_point(along, np.array([1.0, 0.9, 0.9, 0.9])) == pytest.approx(0.3)
    assert break_point(along, np.zeros(4)) == 0.0
    assert break_point(1 - along, np.array([1.0, 0.95, 0.85, 0.1])) == pytest.approx(0.85)
    assert never_breaks(np.array([[1.0, 0.9], [1.0, 0.89], [0.0, 0.0]])).tolist() == [True, False, False]


@given(arrays(float, st.tuples(st.integers(1, 5), st.integers(2, 6)), elements=st.floats(0, 1)))
def test_a_break_point_is_on_the_ladder_and_the_curve_is_at_nine_tenths_there(scores):
    along = np.arange(scores.shape[1], dtype=float)
    for curve, point in zip(scores, break_point(along, scores), strict=True):
        assert 0 <= point <= along[-1]
        if never_breaks(curve):
            assert point == along[-1]
        elif curve[0] > 1e-3:
            assert np.interp(point, along, curve) == pytest.approx(0.9 * curve[0], abs=1e-9)
            assert (curve[: int(np.floor(point)) + 1] >= 0.9 * curve[0] - 1e-9).all()


def test_retention_is_of_the_clean_score():
    assert retention(np.array([0.4, 0.9, 0.3]), np.array([0.8, 0.6, 0.0])) == pytest.approx([0.5, 1.5, np.nan], nan_ok=True)


def test_mcnemar_counts_who_alone_succeeds():
    one, other = np.array([1, 1, 0, 0, 0, 0, 0, 0], bool), np.array([1, 0, 1, 1, 1, 1, 1, 0], bool)
    # One against five: 2 (1 + 6) / 2^6.
    assert mcnemar(one, other) == pytest.approx(14 / 64)
    assert mcnemar(one, one) == 1.0


def test_sign_flip_agrees_with_all_flips_and_with_mcnemar():
    generator = np.random.default_rng(3)
    differences = generator.normal(0.4, 1.0, (10, 2))
    flips = np.array(list(product((-1, 1), repeat=10)))
    exact = (np.abs(flips @ differences) >= np.abs(differences.sum(axis=0)) - 1e-12).mean(axis=0)
    # Four and a half standard errors of 10 000 flips.
    assert sign_flip(differences) == pytest.approx(exact, abs=4.5 * np.sqrt(0.25 / 10_000))
    one, other = generator.random(60) < 0.5, generator.random(60) < 0.75
    assert sign_flip((other.astype(float) - one)[:, None])[0] == pytest.approx(mcnemar(one, other), abs=4.5 * np.sqrt(0.25 / 10_000))


def test_tests_hold_their_level_where_there_is_nothing_to_find():
    """p values are at most 0.05 in at most 5 % of the cases: of 400, in no more than 37, or the chance of a false alarm exceeds 1e-4."""
    generator = np.random.default_rng(4)
    allowed = stats.binom.isf(1e-4, 400, 0.05)
    assert sum(mcnemar(*(generator.random((2, 40)) < 0.6)) <= 0.05 for _ in range(400)) <= allowed
    assert (sign_flip(generator.exponential(size=(40, 400)) - generator.exponential(size=(40, 400))) <= 0.05).sum() <= allowed
    assert sum(exchanged_seeds(generator.normal(size=5), generator.normal(size=4)) <= 0.05 for _ in range(400)) <= allowed


@pytest.mark.parametrize("sizes", [(5, 4), (9, 8)])
def test_seeds_change_hands_as_in_scipy(sizes):
    """All ways of the few, and a draw of the many."""
    generator = np.random.default_rng(8)
    one, other = generator.normal(0.0, 1.0, sizes[0]), generator.normal(0.7, 1.0, sizes[1])

    def gap(first, second, axis):
        return np.abs(iqm(second, axis=axis) - iqm(first, axis=axis))

    theirs = stats.permutation_test((one, other), gap, n_resamples=9999, alternative="greater", vectorized=True, rng=generator)
    assert exchanged_seeds(one, other) == pytest.approx(theirs.pvalue, abs=4.5 * np.sqrt(2 * 0.25 / 9999) * (sum(sizes) > 9))
    # One bundle against several: it might be any of them.
    assert exchanged_seeds(np.array([9.0]), other) == pytest.approx(1 / (sizes[1] + 1))


def test_seeds_that_are_all_better_are_told():
    assert exchanged_seeds(np.array([0.1, 0.2, 0.3, 0.15, 0.25]), np.array([0.8, 0.9, 0.7, 0.85, 0.95])) < 0.02


def test_holm_multiplies_by_what_is_left():
    assert holm(np.array([0.01, 0.04, 0.03])) == pytest.approx([0.03, 0.06, 0.06])
    assert holm(np.array([0.5, 0.9])) == pytest.approx([1.0, 1.0])


def test_resamples_of_one_bundles_share_follow_their_law():
    """Draws of Beta(k, n - k); where nothing succeeded, half of them are 0 and the others draws of Beta(1, n)."""
    episodes, cells = 50, (0, 3, 25, 50)
    scores = np.array([[[row < successes for successes in cells] for row in range(episodes)]])
    found = shares(scores, layout_weights(episodes, 20_000))
    assert found.value[0].tolist() == [0, 0.06, 0.5, 1]
    nothing, few, half, everything = found.resamples[:, 0].T
    for resamples, law in ((few, stats.beta(3, 47)), (half, stats.beta(25, 25)), (nothing[nothing > 0], stats.beta(1, 50))):
        assert stats.kstest(resamples, law.cdf).pvalue > 1e-4
    assert stats.kstest(everything[everything < 1 - 1e-9], stats.beta(50, 1).cdf).pvalue > 1e-4
    assert (nothing == 0).mean() == pytest.approx(0.5, abs=0.02) and (everything > 1 - 1e-9).mean() == pytest.approx(0.5, abs=0.02)


def test_what_always_succeeds_is_as_unsure_in_many_cells_as_the_layouts_are_few():
    """All cells have the same layouts: a hundred cells are not a hundred times as many missions, and may differ on a layout not seen."""
    weights = layout_weights(30)
    found = shares(np.ones((1, 30, 100), dtype=bool), weights)
    mean = interval(found.map(lambda each: each.mean(axis=-1)), (0.0, 1.0))
    assert mean.value == mean.high == 1 and 0.92 < mean.low < 0.96
    one, other = (found.map(lambda each, at=at: each[..., at]) for at in (0, 1))
    apart = difference(one, other)
    assert apart.low < -0.05 and apart.high > 0.05
    elsewhere = shares(np.ones((1, 30, 100), dtype=bool), weights, policy=1).map(lambda each: each[..., 0])
    assert difference(one, elsewhere).low < -0.05


def test_means_have_the_percentile_interval_of_scipy():
    values = np.random.default_rng(5).gamma(2.0, size=(1, 400, 1))
    ours = interval(Resampled(*(part[..., 0] for part in vars(ratios(values, np.ones_like(values), layout_weights(400, 8000))).values())))
    theirs = stats.bootstrap((values.ravel(),), np.mean, n_resamples=8000, method="percentile", rng=np.random.default_rng(0))
    error = 4.5 * monte_carlo_error(theirs.bootstrap_distribution, 8000)
    assert ours.value == pytest.approx(values.mean())
    # Weights and draws differ by one part in 400 of the variance, and a little in skewness.
    assert (ours.low, ours.high) == pytest.approx(
        tuple(theirs.confidence_interval), abs=error + 0.01 * np.std(theirs.bootstrap_distribution) * 4
    )


def test_ratios_without_anything_below_are_not_there():
    found = ratios(np.zeros((1, 5, 1)), np.zeros((1, 5, 1)), layout_weights(5, 10))
    assert interval(Resampled(found.value[..., 0], found.resamples[..., 0])).high is None


def retained(scores, clean):
    both = shares(np.stack([scores, clean], axis=-1)[None], layout_weights(len(scores)))
    return ratio_interval(both.map(lambda each: retention(each[..., 0], each[..., 1])))


def test_retention_is_as_unsure_as_its_scores():
    generator = np.random.default_rng(9)
    clean, scores = generator.random(2000) < 0.9, generator.random(2000) < 0.6
    kept = retained(scores, clean)
    # Standard error of the logarithm of a ratio of independent shares (Katz et al., 1978), of resamples that scatter by 2 %.
    error = np.sqrt(0.4 / (2000 * 0.6) + 0.1 / (2000 * 0.9))
    assert kept.value == pytest.approx(scores.mean() / clean.mean())
    assert np.log(kept.high / kept.low) == pytest.approx(2 * stats.norm.ppf(0.975) * error, rel=0.1)
    alike = retained(clean, clean)
    assert (alike.low, alike.value, alike.high) == pytest.approx((1, 1, 1))


def test_retention_holds_where_nearly_all_succeed():
    """In as many of 1 000 experiments as a coverage of 0.95 gives but for a chance of 1e-4, both ways."""
    generator, weights = np.random.default_rng(12), layout_weights(100, 400)
    held = 0
    for share in generator.uniform(0.88, 0.97, 1000):
        found = shares(generator.random((1, 100, 2)) < share, weights)
        kept = ratio_interval(found.map(lambda each: retention(each[..., 1], each[..., 0])))
        held += kept.low <= 1 <= kept.high
    fewest, most = stats.binom.ppf([1e-4, 1 - 1e-4], 1000, 0.95)
    assert fewest <= held <= most


def test_what_retains_nothing_has_the_rule_of_three():
    nothing = retained(np.zeros(100, dtype=bool), np.ones(100, dtype=bool))
    assert nothing.low == nothing.value == 0 and nothing.high == pytest.approx(0.03, rel=0.15)


def test_break_points_that_agree_by_chance_are_as_unsure_as_those_of_the_bundles():
    generator = np.random.default_rng(10)
    resamples = 3.0 + generator.normal(0.0, 0.2, (2000, 3))
    agree, apart = (Resampled(np.array(value), resamples) for value in ([3.0, 3.01, 3.02], [2.0, 3.0, 4.0]))
    # Three bundles whose layouts tell them apart by 0.2 each.
    assert kinked_interval(agree).high - kinked_interval(agree).low == pytest.approx(2 * 1.96 * 0.2 / np.sqrt(3), rel=0.1)
    assert kinked_interval(apart) == interval(apart)
    assert kinked_interval(agree, (2.95, 3.05)).low == 2.95 and kinked_interval(agree, (2.95, 3.05)).high == 3.05
    one = Resampled(np.array([3.0]), resamples[:, :1])
    assert kinked_interval(one) == interval(one)


def test_a_difference_knows_that_layouts_are_common():
    """Two bundles that fail on nearly the same layouts differ by little, however much either depends on the layouts."""
    generator = np.random.default_rng(6)
    easy = generator.random(500) < 0.5
    one, other = easy.copy(), easy ^ (generator.random(500) < 0.02)
    weights = layout_weights(500)
    both = [Resampled(found.value[:, 0], found.resamples[:, :, 0]) for found in (shares(x[None, :, None], weights) for x in (one, other))]
    apart = difference(*both)
    assert apart.value == pytest.approx(other.mean() - one.mean())
    # Independent layouts would make it 0.124 wide.
    assert apart.high - apart.low < 0.03
    # Training seeds that differ a little from each other, and all depend on the layouts alike.
    seeds = np.stack([easy ^ (generator.random(500) < 0.02) for _ in range(8)])
    found = shares(seeds[..., None], weights).map(lambda each: each[..., 0])
    several = difference(found, both[1])
    assert several.high - several.low < 0.04


def test_the_lowest_cell_is_found_and_its_interval_is_wider_where_many_tie():
    generator = np.random.default_rng(7)
    apart = generator.random((1, 400, 10)) < np.linspace(0.3, 0.9, 10)
    tied = generator.random((1, 400, 10)) < 0.3
    weights = layout_weights(400)
    clear, unclear = lowest(apart, weights, 0.0), lowest(tied, weights, 0.0)
    assert clear.value == apart.mean(axis=1).min() and unclear.value == tied.mean(axis=1).min()
    assert clear.high - clear.low == pytest.approx(4 * np.sqrt(0.3 * 0.7 / 400), rel=0.15)
    assert unclear.low < 0.3 < unclear.high
    assert lowest(apart, weights, 1.0).value == pytest.approx(apart.mean())


def test_improvement_that_is_certain_has_an_interval_all_the_same():
    certain = improvement_interval(1.0, 5, 5)
    assert certain.high == 1.0 and 0.5 < certain.low < 0.9
    assert improvement_interval(0.0, 5, 5).high == pytest.approx(1 - certain.low)
    even = improvement_interval(0.5, 5, 5)
    assert even.low + even.high == pytest.approx(1.0)


def test_improvement_in_many_cells_is_surer_unless_they_go_together():
    generator = np.random.default_rng(11)
    one, other = generator.normal(size=(2, 400, 1))
    assert cells_together(np.tile(one, 8), np.tile(other, 8)) == pytest.approx(1.0)
    assert cells_together(generator.normal(size=(400, 8)), generator.normal(size=(400, 8))) == pytest.approx(1 / 8, rel=0.2)
    # Half of the variance is common: (1 + 7 / 2) / 8; whatever unit a cell is in, and however much better one is there.
    units, better = np.array([1, 10, 1, 0.1, 1, 1, 5, 1]), np.arange(8.0)
    half = [(common + generator.normal(size=(400, 8))) * units for common in (one, other)]
    assert cells_together(half[0], half[1] + better) == pytest.approx(4.5 / 8, rel=0.15)
    assert cells_together(np.ones((3, 8)), np.zeros((3, 8))) == 1.0
    sure, unsure = improvement_interval(0.8, 5, 5, 0.2), improvement_interval(0.8, 5, 5)
    assert unsure.low < sure.low < 0.8 < sure.high < unsure.high


@pytest.mark.parametrize("bundles", [1, 3])
def test_intervals_hold(bundles):
    """Of 200 experiments with a known truth, as many intervals hold it as a coverage of 0.95 gives but for a chance of 1e-4, both ways.

    Percentiles of three seeds, which hold in three of four, fail this by far; `python -m tests.benchmarks.intervals` tells 0.95 from 0.93.
    """
    fewest, most = stats.binom.ppf([1e-4, 1 - 1e-4], 200, 0.95) / 200
    found = coverage(Situation("cliff", bundles=bundles, episodes=100), experiments=200, seed=bundles, resamples=400)
    for figure in ("share", "retention", "area", "break point", "difference"):
        assert fewest <= found[figure] <= most, (figure, found)
    # These hold more often where cells tie, and where few runs have few ways to win.
    for figure in ("lowest", "tail", *["improvement"] * (bundles > 1)):
        assert found[figure] >= fewest, (figure, found)


def test_intervals_of_the_worst_cells_hold_where_many_tie():
    """Taken as if the lowest had been known beforehand, two in three would."""
    fewest = stats.binom.ppf(1e-4, 200, 0.95) / 200
    found = coverage(Situation("flat", bundles=1, episodes=100), experiments=200, seed=0, resamples=400)
    assert found["lowest"] >= fewest and found["tail"] >= fewest
