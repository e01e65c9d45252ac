"""Figures of scores: what is typical, what is worst, how it falls with severity, where it breaks.

A score is a share of episodes, from 0 to 1; more is better. All functions take arrays with any leading dimensions, so that they give the
figure of a policy and of each of its resamples alike.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import trim_mean

TRIMMED = 0.25
"""Cut off at either end by the interquartile mean."""
KEPT = 0.9
"""Share of the clean score that still counts as working; as in the latency margin of a bundle."""


def iqm(scores: np.ndarray, axis: int = -1) -> np.ndarray:
    """Interquartile mean: the mean of what is left without the lowest and the highest quarter; of fewer than four, of all.

    Agarwal et al., "Deep Reinforcement Learning at the Edge of the Statistical Precipice", NeurIPS 2021: as robust as the median, and with
    less scatter.
    """
    return trim_mean(scores, TRIMMED, axis=axis)


def cvar(values: np.ndarray, share: float) -> np.ndarray:
    """Conditional value at risk: the mean of the lowest `share` of values [..., C]: [...].

    Rockafellar and Uryasev, Journal of Banking & Finance 26 (2002) 1443.
    """
    return (values * tail_weights(values, share)).sum(axis=-1)


def tail_weights(values: np.ndarray, share: float) -> np.ndarray:
    """Weights [..., C] of the lowest `share` of values [..., C], the last of them in part, and of the lowest at least; their sum is 1."""
    rank = np.argsort(np.argsort(values, axis=-1, kind="stable"), axis=-1, kind="stable")
    weights = np.clip(max(share * values.shape[-1], 1.0) - rank, 0.0, 1.0)
    return weights / weights.sum(axis=-1, keepdims=True)


def area(severities: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Mean height of the curve of scores [..., K] over severities [K], by trapezoids: [...], from 0 to 1."""
    return np.trapezoid(scores, severities, axis=-1) / (severities[-1] - severities[0])


def break_point(along: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Where a curve first falls below KEPT of its first score, straight lines between its points.

    Args:
        along: [K], rising or falling: severities, or the figure on a ladder's axis.
        scores: [..., K].

    Returns:
        [...], in the unit of `along`: its last value where the curve never falls so low (see `never_breaks`), and its first for a policy
        that succeeds in nothing.
    """
    needed = KEPT * scores[..., :1]
    above = scores - needed
    below = above < 0
    broken = below.any(axis=-1)
    # The first point below has one at or above before it: the first score never is below KEPT of itself.
    after = np.where(broken, below.argmax(axis=-1), 1)[..., None]
    high = np.take_along_axis(above, after - 1, axis=-1)[..., 0]
    low = np.take_along_axis(above, after, axis=-1)[..., 0]
    start, end = along[after[..., 0] - 1], along[after[..., 0]]
    with np.errstate(divide="ignore", invalid="ignore"):
        crossing = start + (end - start) * high / (high - low)
    found = np.where(broken, crossing, along[-1])
    return np.where(scores[..., 0] > 0, found, along[0])


def never_breaks(scores: np.ndarray) -> np.ndarray:
    """Whether all scores [..., K] are at least KEPT of the first, which is above 0: [...]."""
    return (scores[..., 0] > 0) & (scores >= KEPT * scores[..., :1]).all(axis=-1)


def retention(scores: np.ndarray, clean: np.ndarray) -> np.ndarray:
    """Scores [...] over that of the clean cell [...]; NaN for a policy that succeeds in nothing."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(clean > 0, scores / clean, np.nan)


def profile(scores: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Performance profile: the share of scores [..., C] above each threshold [K]: [..., K].

    Dolan and More, Mathematical Programming 91 (2002) 201; of all runs and tasks, as Agarwal et al. (2021) have it.
    """
    return (scores[..., None, :] > thresholds[:, None]).mean(axis=-1)


def improvement(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Probability that a run of `other` beats a run of `one` in the same cell, ties counting half, mean over cells.

    Args:
        one: [..., X, C].
        other: [..., Y, C].

    Returns:
        [...]. As in Agarwal et al. (2021): the Mann-Whitney statistic over its number of pairs. It is of scores in so many episodes: the
        fewer these are, the nearer to 1/2, for chance decides more.
    """
    difference = other[..., None, :, :] - one[..., :, None, :]
    return (0.5 * (np.sign(difference) + 1.0)).mean(axis=(-3, -2, -1))
