"""95 % intervals: how far a figure may be off because other layouts, or other training seeds, would have been drawn.

**One bundle.** What is random is the layouts. They are resampled by the Bayesian bootstrap (Rubin, Annals of Statistics 9 (1981) 130):
each layout gets a weight drawn from Exp(1), the same in all cells, since all cells share their layouts; so figures of several cells know
how these go together. In a cell where nothing succeeded, or everything, resamples of the share would all be alike; so they get one more
layout, of a kind that was not drawn, with a weight from Exp(1), in which each such cell goes the other way with probability 1/2. That makes
the upper end of no successes 3.0 / E: the rule of three. The interval is that of the percentiles, but of a ratio (`ratio_interval`).

**Several bundles** of one policy: S training seeds. The figure is computed for each, and the interquartile mean of them counts. Its
interval is value +- sqrt(t^2 v + z^2 c), with Student's t of S - 1 degrees of freedom, z = 1.96, and

- v, the variance of the interquartile mean of seeds drawn anew with replacement (Efron's bootstrap; a seed is drawn with all its cells and
  episodes), times S / (S - 1) where S < 4 and nothing is trimmed, for the bootstrap of a mean is too small by that;
- c, the covariance of two bundles under resampled layouts: what the layouts add that all of them share.

For the difference of two policies the variances v are added, and t has Welch's degrees of freedom. A break point's interval is at least
that of the very bundles on other layouts (`kinked_interval`).

Percentiles of so few seeds do not hold: those of 3, 5 and 10 normal scores do 0.74, 0.89 and 0.94 of the time, and those of BCa 0.71, 0.88
and 0.93. `python -m tests.benchmarks.intervals` measures how often the intervals of every figure that is reported hold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from scipy.stats import norm, skew
from scipy.stats import t as student

from sim3d.statistics.aggregates import TRIMMED, iqm

LEVEL = 0.95
UPPER = (1 + LEVEL) / 2
RESAMPLES = 2000
"""The ends of a 95 % interval scatter by a thirtieth of its width or so."""
_TINY = 1e-9
"""What is equal but for rounding differs by less."""
_LAYOUTS, _ANOTHER, _OUTCOME, _SEEDS = 1, 2, 3, 4
"""What numbers are drawn for; two purposes share none."""


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """A figure and its 95 % interval; None where there is no such figure, such as the time to cover of missions that never do."""

    value: float | None
    low: float | None
    high: float | None


NONE = Estimate(value=None, low=None, high=None)


@dataclass(frozen=True)
class Resampled:
    """A figure of each of the S bundles of a policy.

    Attributes:
        value: [S, ...].
        resamples: [R, S, ...], under resampled layouts; in resample r all bundles of an evaluation have the same ones.
    """

    value: np.ndarray
    resamples: np.ndarray

    def map(self, figure: Callable[[np.ndarray], np.ndarray]) -> Resampled:
        """A figure made of it, by a function that takes any leading dimensions."""
        return Resampled(figure(self.value), figure(self.resamples))


def layout_weights(episodes: int, resamples: int = RESAMPLES) -> np.ndarray:
    """Weights [R, E] of the layouts in each resample, 1 on average; the same whenever they are asked for."""
    return np.random.default_rng((_LAYOUTS, episodes)).exponential(size=(resamples, episodes))


def shares(scores: np.ndarray, weights: np.ndarray, policy: int = 0) -> Resampled:
    """Mean scores of S bundles in C cells.

    Args:
        scores: [S, E, C], from 0 to 1, of the same layouts for all bundles and in all cells.
        weights: [R, E], of `layout_weights`.
        policy: a number of its own for each policy of an evaluation.

    Returns:
        [S, C] and [R, S, C].
    """
    value = scores.mean(axis=1)
    sums, total = np.stack([weights @ each for each in scores.astype(float)], axis=1), weights.sum(axis=1)[:, None]
    resamples = sums / total[..., None]
    alike = (value == 0) | (value == 1)
    if alike.any():
        another = np.random.default_rng(_ANOTHER).exponential(size=(len(weights), 1))
        success = (np.random.default_rng((_OUTCOME, policy)).random((len(weights), int(alike.sum()))) < 0.5) ^ (value[alike] == 1)
        resamples[:, alike] = (sums[:, alike] + another * success) / (total + another)
    return Resampled(value, resamples)


def ratios(above: np.ndarray, below: np.ndarray, weights: np.ndarray) -> Resampled:
    """Sums of `above` over sums of `below`, [S, E, C] each: such as contacts over metres, or times over missions that have one.

    Returns:
        [S, C] and [R, S, C]; NaN where there is nothing below.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        value = above.sum(axis=1) / below.sum(axis=1)
        resamples = np.stack([(weights @ over) / (weights @ under) for over, under in zip(above, below, strict=True)], axis=1)
    return Resampled(value, resamples)


def interval(figure: Resampled, bounds: tuple[float, float] = (-np.inf, np.inf)) -> Estimate:
    """The figure of a policy, [S] and [R, S], with its interval, which does not leave the bounds."""
    if len(figure.value) == 1:
        return _percentiles(float(figure.value[0]), figure.resamples[:, 0])
    layouts = _of_two(np.cov(figure.resamples, rowvar=False))
    return _combined(float(iqm(figure.value)), [figure.value], layouts, lambda: iqm(figure.resamples), bounds)


def ratio_interval(figure: Resampled) -> Estimate:
    """A ratio of two shares, such as retention, [S] and [R, S], with its interval.

    One bundle's is value +- z s, s the standard deviation of the resamples, on the scale on which they are less skewed: that of the ratio,
    or of its logarithm (value * exp(+-z s); Katz et al., Biometrics 34 (1978) 469). Percentiles of a ratio lean to the wrong side: a clean
    score that came out high by chance makes the ratio low, and its resamples scatter less. They are left where the value or a resample
    is 0, which has no logarithm, so that no success at all has the rule of three, and where all resamples are alike.
    """
    if len(figure.value) > 1 or not np.isfinite(figure.value[0]):
        return interval(figure, (0.0, np.inf))
    value, resamples = float(figure.value[0]), figure.resamples[:, 0]
    known = resamples[np.isfinite(resamples)]
    if value == 0 or not known.size or known.min() <= 0 or np.ptp(known) < _TINY:
        return _percentiles(value, resamples)
    if abs(skew(known)) < abs(skew(np.log(known))):
        half_width = norm.ppf(UPPER) * np.std(known)
        return Estimate(value=value, low=float(max(value - half_width, 0.0)), high=float(value + half_width))
    factor = np.exp(norm.ppf(UPPER) * np.std(np.log(known)))
    return Estimate(value=value, low=float(value / factor), high=float(value * factor))


def kinked_interval(figure: Resampled, bounds: tuple[float, float] = (-np.inf, np.inf)) -> Estimate:
    """A figure that bends sharply with the scores, such as a break point, [S] and [R, S], with its interval, within the bounds.

    Few bundles that break on the same steep stretch of a curve lie closer together than they would if other layouts had been drawn, so
    Student's interval of theirs is too narrow. It is at least that of these very bundles on other layouts, value +- z s, s the standard
    deviation of the interquartile mean of their resamples.
    """
    found = interval(figure, bounds)
    if len(figure.value) == 1 or found.value is None:
        return found
    half_width = norm.ppf(UPPER) * np.std(iqm(figure.resamples))
    low, high = np.clip([found.value - half_width, found.value + half_width], *bounds)
    return Estimate(value=found.value, low=min(found.low, float(low)), high=max(found.high, float(high)))


def difference(one: Resampled, other: Resampled, bounds: tuple[float, float] = (-np.inf, np.inf)) -> Estimate:
    """The figure of `other` minus that of `one`, [S] and [R, S] each, on common layouts.

    A policy of one bundle is compared as that bundle, not as a sample of its training seeds.
    """
    value = float(iqm(other.value) - iqm(one.value))
    if len(one.value) == len(other.value) == 1:
        return _percentiles(value, other.resamples[:, 0] - one.resamples[:, 0])
    covariance = np.cov(np.concatenate([one.resamples, other.resamples], axis=1), rowvar=False)
    first = len(one.value)
    layouts = _of_two(covariance[:first, :first]) + _of_two(covariance[first:, first:]) - 2 * float(covariance[:first, first:].mean())
    policies = [policy.value for policy in (one, other) if len(policy.value) > 1]
    return _combined(value, policies, layouts, lambda: iqm(other.resamples) - iqm(one.resamples), bounds)


def stratified_bootstrap(
    strata: Sequence[np.ndarray], figure: Callable[[list[np.ndarray]], np.ndarray], resamples: int, seed: int
) -> np.ndarray:
    """A figure of samples whose members are drawn anew, with replacement, within each stratum.

    Args:
        strata: [n, ...] each, n of its own.
        figure: of drawn strata, [R, n, ...] each: [R].
        resamples: R.
        seed: of the draws.

    Returns:
        [R].
    """
    generator = np.random.default_rng((_SEEDS, seed))
    return figure([stratum[generator.integers(len(stratum), size=(resamples, len(stratum)))] for stratum in strata])


def _of_seeds(values: np.ndarray) -> float:
    """Variance of the interquartile mean of training seeds [S]."""
    count = len(values)
    drawn = stratified_bootstrap([values], lambda strata: iqm(strata[0]), RESAMPLES, count)
    nothing_trimmed = int(TRIMMED * count) == 0
    return float(np.var(drawn)) * (count / (count - 1) if nothing_trimmed else 1.0)


def _of_two(covariance: np.ndarray) -> float:
    """Mean covariance of two different bundles out of [S, S]; of a single one its variance."""
    count = len(np.atleast_2d(covariance))
    if count == 1:
        return float(np.squeeze(covariance))
    return float((covariance.sum() - np.trace(covariance)) / (count * (count - 1)))


def _percentiles(value: float, resamples: np.ndarray) -> Estimate:
    known = resamples[np.isfinite(resamples)]
    if not (np.isfinite(value) and known.size):
        return NONE
    low, high = np.quantile(known, [1 - UPPER, UPPER])
    # Where everything succeeded every resample is below 1.
    return Estimate(value=value, low=min(float(low), value), high=max(float(high), value))


def _combined(
    value: float, policies: Sequence[np.ndarray], layouts: float, as_they_are: Callable[[], np.ndarray], bounds: tuple[float, float]
) -> Estimate:
    """From the seeds of each policy and the covariance by layouts; of seeds that are all alike, from what layouts do to the bundles."""
    if not np.isfinite(value):
        return NONE
    variances = [_of_seeds(seeds) for seeds in policies]
    if any(variances):
        freedom = sum(variances) ** 2 / sum(each**2 / (len(seeds) - 1) for each, seeds in zip(variances, policies, strict=True))
        half_width = np.sqrt(student.ppf(UPPER, freedom) ** 2 * sum(variances) + norm.ppf(UPPER) ** 2 * max(layouts, 0.0))
    else:
        half_width = norm.ppf(UPPER) * np.std(as_they_are())
    low, high = np.clip([value - half_width, value + half_width], *bounds)
    return Estimate(value=value, low=float(low), high=float(high))
