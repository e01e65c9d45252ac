"""Is one policy better than another? Tests on common layouts, corrected for the number of cells, and probability of improvement."""

from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np
from scipy.optimize import brentq
from scipy.stats import binomtest, norm
from scipy.stats import t as student

from sim3d.statistics.aggregates import iqm
from sim3d.statistics.interval import UPPER, Estimate

FLIPS = 9999
"""Of a sign-flip test: the smallest p is one in ten thousand."""

_TINY = 1e-9
"""Less than any difference of scores; beside an end that is a root by itself, and for what is equal but for rounding."""


def mcnemar(one: np.ndarray, other: np.ndarray) -> float:
    """Exact two-sided p that two bundles succeed alike on common layouts, [E] booleans each.

    Of the layouts on which only one of them succeeds, either has half by chance. McNemar, Psychometrika 12 (1947) 153.
    """
    only_one, only_other = int((one & ~other).sum()), int((other & ~one).sum())
    return float(binomtest(only_one, only_one + only_other).pvalue) if only_one + only_other else 1.0


def sign_flip(differences: np.ndarray) -> np.ndarray:
    """Two-sided p that paired differences [E, C] have mean 0: each might as well have had the other sign. [C].

    Random flips, the same for all columns, the data themselves counted as one (Phipson and Smyth, Statistical Applications in Genetics and
    Molecular Biology 9 (2010) 39); for booleans McNemar's test is the exact one.
    """
    signs = np.random.default_rng(len(differences)).integers(2, size=(FLIPS, len(differences)), dtype=np.int8)
    flipped = np.abs((2.0 * signs - 1.0) @ differences)
    # By rounding, what equals the data may come out a little below.
    return (1 + (flipped >= np.abs(differences.sum(axis=0)) * (1 - 1e-12)).sum(axis=0)) / (FLIPS + 1)


def exchanged_seeds(one: np.ndarray, other: np.ndarray) -> float:
    """Two-sided p that the training seeds of two policies, [X] and [Y] scores, are those of one: they change hands in every way.

    The statistic is the difference of interquartile means. Five seeds against five have 252 ways, so p is no less than 0.004; of more than
    FLIPS ways so many are drawn, and the data themselves counted as one.
    """
    pooled, count = np.concatenate([one, other]), len(one)
    if comb(len(pooled), count) <= FLIPS:
        first = np.array(list(combinations(range(len(pooled)), count)))
        member = np.zeros((len(first), len(pooled)), dtype=bool)
        np.put_along_axis(member, first, True, axis=1)
        # Members first, then the others, either in their order.
        orders, drawn = np.argsort(~member, axis=1, kind="stable"), 0
    else:
        orders, drawn = np.random.default_rng(count).permuted(np.tile(np.arange(len(pooled)), (FLIPS, 1)), axis=1), 1
    gaps = np.abs(iqm(pooled[orders[:, count:]]) - iqm(pooled[orders[:, :count]]))
    observed = abs(float(iqm(other) - iqm(one)))
    return float((drawn + (gaps >= observed - _TINY).sum()) / (drawn + len(orders)))


def holm(p: np.ndarray) -> np.ndarray:
    """p values [C] corrected for being many. Holm, Scandinavian Journal of Statistics 6 (1979) 65."""
    order = np.argsort(p)
    raised = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(raised, 1.0)
    return corrected


def improvement_interval(probability: float, one: int, other: int, together: float | None = None) -> Estimate:
    """Probability of improvement with its interval, from the numbers of runs of both policies.

    Newcombe, Statistics in Medicine 25 (2006) 559, method 5: the score interval of the Mann-Whitney statistic, which holds for few runs
    and where one policy wins all pairs. Its variance is that of one cell; the mean over cells has the part `together` of it, which is
    estimated from the runs, and so the normal quantile gives way to Student's t of one + other - 2 degrees of freedom.

    Args:
        probability: of improvement, mean over cells.
        one, other: numbers of runs.
        together: variance of the mean over cells, of that of a cell (`cells_together`); None where there is but one cell.
    """
    quantile, part = (norm.ppf(UPPER), 1.0) if together is None else (student.ppf(UPPER, one + other - 2), together)
    factor = part * quantile**2 / (one * other)
    half = (one + other) / 2 - 1

    def excess(true: float) -> float:
        variance = true * (1 - true) * (1 + half * ((1 - true) / (2 - true) + true / (1 + true)))
        return (true - probability) ** 2 - factor * variance

    low = 0.0 if probability == 0 else brentq(excess, 0.0, min(probability, 1 - _TINY))
    high = 1.0 if probability == 1 else brentq(excess, max(probability, _TINY), 1.0)
    return Estimate(value=probability, low=float(low), high=float(high))


def cells_together(one: np.ndarray, other: np.ndarray) -> float:
    """How much a mean over cells scatters, of what a cell does: 1 if a run is as good in one cell as in all, 1 / C if none tells of others.

    Args:
        one: [X, C] scores.
        other: [Y, C].

    Returns:
        The variance of runs' mean score over cells, of that of their scores, each cell in units of its own standard deviation: the mean
        correlation of two cells, a cell with itself included; the design effect of clusters of C, over C (Kish, Survey Sampling, 1965).
        Cells in which all runs are alike are left out; 1 if there are no others.
    """
    apart = np.concatenate([one - one.mean(axis=0), other - other.mean(axis=0)])
    scatter = apart.std(axis=0)
    # Of what is equal but for rounding nothing can be told.
    varies = scatter > _TINY
    if not varies.any():
        return 1.0
    return float(np.square((apart[:, varies] / scatter[varies]).mean(axis=1)).mean())
