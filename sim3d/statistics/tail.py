"""The worst cells: the lowest score of all, and the mean of the lowest tenth, with intervals that allow for having looked for them.

Of many cells that are equally bad one looks the worst by chance, so the lowest of the measured scores is too low, and its own interval does
not hold. Its lower end does: it is too low at worst. For the upper end, cells are chosen on some of the data and scored on the rest, which
never gives less than the lowest on average: on halves of the layouts for one bundle, and for each of several bundles on the others. Where
cells are clearly apart both are the same; where many tie the interval is wider than it need be. A minimum has a kink where cells tie, so no
estimate of it is unbiased there and no interval exact, whatever its method (Hirano and Porter, Econometrica 80 (2012) 1769).
"""

from __future__ import annotations

import numpy as np

from sim3d.statistics.aggregates import iqm, tail_weights
from sim3d.statistics.interval import Estimate, Resampled, interval, shares


def lowest(scores: np.ndarray, weights: np.ndarray, share: float) -> Estimate:
    """Mean of the lowest `share` of a policy's cells; of the lowest one alone where the share is less than one cell.

    Args:
        scores: [S, E, C], as in `statistics_interval.shares`.
        weights: [R, E].
        share: of the cells.

    Returns:
        The measured value, and its interval.
    """
    measured = shares(scores, weights)
    value = interval(_scored(measured, tail_weights(iqm(measured.value, axis=0), share)), (0.0, 1.0))
    elsewhere = _of_halves(scores, weights, share) if len(scores) == 1 else _of_others(measured, share)
    return Estimate(value=value.value, low=value.low, high=max(value.high, interval(elsewhere, (0.0, 1.0)).high))


def _scored(measured: Resampled, chosen: np.ndarray) -> Resampled:
    """Scores by cells that were chosen, [C] or [S, C] weights."""
    return measured.map(lambda each: (each * chosen).sum(axis=-1))


def _of_halves(scores: np.ndarray, weights: np.ndarray, share: float) -> Resampled:
    middle = scores.shape[1] // 2
    halves = [shares(scores[:, part], weights[:, part]) for part in (slice(None, middle), slice(middle, None))]
    chosen = [tail_weights(half.value[0], share) for half in halves]
    one, other = _scored(halves[0], chosen[1]), _scored(halves[1], chosen[0])
    return Resampled((one.value + other.value) / 2, (one.resamples + other.resamples) / 2)


def _of_others(measured: Resampled, share: float) -> Resampled:
    others = [iqm(np.delete(measured.value, bundle, axis=0), axis=0) for bundle in range(len(measured.value))]
    return _scored(measured, tail_weights(np.stack(others), share))
