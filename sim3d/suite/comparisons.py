"""Two policies that were evaluated on the same layouts: where they differ, how sure that is, and how often one beats the other."""

from __future__ import annotations

import numpy as np

from sim3d.statistics.aggregates import improvement
from sim3d.statistics.compare import cells_together, exchanged_seeds, holm, improvement_interval, mcnemar, sign_flip
from sim3d.statistics.interval import Estimate, Resampled, difference, interval, shares
from sim3d.suite.figures import PolicyFigures
from sim3d.suite.results import CellComparison, Comparison
from sim3d.suite.scores import PolicyScores

_BOUNDS = (-1.0, 1.0)


def compare(
    name: str,
    scores: PolicyScores,
    figures: PolicyFigures,
    against: str,
    others: PolicyScores,
    other_figures: PolicyFigures,
    families: tuple[str, ...],
) -> Comparison:
    """One policy against another."""
    resilience, other_resilience = figures.resilience(), other_figures.resilience()
    return Comparison(
        policy=name,
        against=against,
        robustness=difference(other_figures.robustness(), figures.robustness(), _BOUNDS),
        resilience=None if resilience is None or other_resilience is None else difference(other_resilience, resilience, _BOUNDS),
        families={
            family: difference(other_figures.family_robustness(family), figures.family_robustness(family), _BOUNDS) for family in families
        },
        improvement=_improvement(scores, others),
        cells=_cells(scores, others),
    )


def _cells(scores: PolicyScores, others: PolicyScores) -> dict[str, CellComparison]:
    measured, other = (each.shares("during", each.score) for each in (scores, others))
    test, p = _tests(scores, others, measured, other)
    return {
        cell: CellComparison(
            difference=difference(
                other.map(lambda each, at=column: each[..., at]), measured.map(lambda each, at=column: each[..., at]), _BOUNDS
            ),
            test=test,
            p=float(p[column]),
            p_holm=float(corrected),
        )
        for column, (cell, corrected) in enumerate(zip(scores.cells["during"], holm(p), strict=True))
    }


def _tests(scores: PolicyScores, others: PolicyScores, measured: Resampled, other: Resampled) -> tuple[str, np.ndarray]:
    """The test that fits the data, and its p of each cell."""
    cells = range(len(scores.cells["during"]))
    if scores.bundles > 1 or others.bundles > 1:
        return "exchanged seeds", np.array([exchanged_seeds(other.value[:, cell], measured.value[:, cell]) for cell in cells])
    one, two = (each.episodes("during", each.score)[0] for each in (others, scores))
    if one.dtype == bool:
        return "mcnemar", np.array([mcnemar(one[:, cell], two[:, cell]) for cell in cells])
    return "sign-flip", sign_flip(two.astype(float) - one)


def _improvement(scores: PolicyScores, others: PolicyScores) -> Estimate:
    disturbed = scores.disturbed("during")
    if scores.bundles > 1 or others.bundles > 1:
        measured, other = (each.shares("during", each.score).value[:, disturbed] for each in (scores, others))
        return improvement_interval(float(improvement(other, measured)), len(other), len(measured), cells_together(other, measured))
    one, two = (each.episodes("during", each.score)[0][:, disturbed].astype(float) for each in (others, scores))
    wins = (0.5 * (np.sign(two - one) + 1.0)).mean(axis=1)
    measured = shares(wins[None, :, None], scores.weights)
    return interval(measured.map(lambda each: each[..., 0]), (0.0, 1.0))
