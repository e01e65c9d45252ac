"""`python -m tests.benchmarks.intervals`: how often do 95 % intervals hold? 1 000 simulated evaluations with a known truth for each row.

A bundle succeeds on a layout of a cell with probability 1 / (1 + exp(-(m + s + d + l))): m of the cell, s ~ N(0, 0.4^2) of the training
seed, d ~ N(0, 0.2^2) of the seed in the cell, l ~ N(0, 1) of the layout. The truth is the same figure of infinitely many layouts and, for
several bundles, of infinitely many seeds. `cliff` falls along its ladder and breaks; in `flat` all cells are alike, so nothing breaks and
the worst cells tie: there intervals of the break point, the lowest cell and the tail hold more often, and are wider than need be.

Beside how often stands how wide, on average. "told" is the interval of the lowest cell or the tail for who was told beforehand which cells
these truly are, the best that could be. "as scored" is the probability of improvement whose truth is that of scores of so many episodes:
fewer episodes bring it closer to 1/2, since chance then decides more, and the runs do not say by how much. "profile" is the share of cells
above 0.5, which no cell is near, so it is hardly ever anything else than the truth; "profile .95" that above 0.95, which many are near.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit
from scipy.stats import bootstrap

from sim3d.metrics import wilson_interval
from sim3d.statistics.aggregates import area, break_point, cvar, improvement, iqm, profile, retention, tail_weights
from sim3d.statistics.compare import cells_together, improvement_interval
from sim3d.statistics.interval import (
    RESAMPLES,
    Estimate,
    Resampled,
    difference,
    interval,
    kinked_interval,
    layout_weights,
    ratio_interval,
    shares,
)
from sim3d.statistics.tail import lowest

SEED, CELL, LAYOUT = 0.4, 0.2, 1.0
"""Standard deviations of s, d and l, in logits."""
LADDER = 6
"""Cells of the ladder, the clean one first; as many more belong to no ladder."""
MEANS = {"cliff": (3.5, 3.4, 3.2, 2.2, -1.0, -4.0) * 2, "flat": (3.5,) * 12}
BETTER = 0.5
"""By how much the other policy of a comparison is better, in logits."""
SHARE = 0.25
FAR, NEAR = 0.5, 0.95
"""Thresholds of the profile: no cell's score is near the one, many are near the other."""
FIGURES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "share": lambda scores: scores[..., 3],
    "retention": lambda scores: retention(scores[..., 3], scores[..., 0]),
    "area": lambda scores: area(np.arange(float(LADDER)), scores[..., :LADDER]),
    "break point": lambda scores: break_point(np.arange(float(LADDER)), scores[..., :LADDER]),
    "profile": lambda scores: profile(scores, np.array([FAR]))[..., 0],
    "profile .95": lambda scores: profile(scores, np.array([NEAR]))[..., 0],
}
INTERVALS: dict[str, Callable[[Resampled], Estimate]] = {
    "retention": ratio_interval,
    "break point": lambda found: kinked_interval(found, (0.0, LADDER - 1.0)),
    "profile": lambda found: interval(found, (0.0, 1.0)),
    "profile .95": lambda found: interval(found, (0.0, 1.0)),
}
"""Where it is not that of most figures."""


@dataclass(frozen=True)
class Situation:
    """What is simulated."""

    means: str
    bundles: int
    episodes: int


@dataclass(frozen=True)
class Quality:
    """Of the intervals of a figure: the share that hold the truth, and their mean width."""

    coverage: float
    width: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experiments", type=int, default=1000)
    arguments = parser.parse_args()
    situations = [
        Situation(means, bundles, episodes) for means in MEANS for bundles, episodes in ((1, 1000), (1, 100), (3, 300), (5, 300), (10, 300))
    ]
    names = (*FIGURES, "wilson", "lowest", "told", "tail", "tail told", "difference", "improvement", "as scored")
    print(f"{'':18}" + "".join(f"{name:>13}" for name in names))
    for row, situation in enumerate(situations):
        found = qualities(situation, arguments.experiments, seed=row)
        label = f"{situation.means}, {situation.bundles} x {situation.episodes}"
        figures = (f"{found[name].coverage:.3f} ({found[name].width:.2f})" if name in found else "-" for name in names)
        print(f"{label:18}" + "".join(f"{figure:>13}" for figure in figures), flush=True)
    print("\nthe interquartile mean of few seeds, normal scores, whatever the layouts:")
    for seeds in (3, 5, 10):
        found = of_few_seeds(seeds, arguments.experiments)
        print(f"{seeds:6} seeds: " + ", ".join(f"{name} {share:.3f}" for name, share in found.items()), flush=True)
    spread = 2 * np.sqrt(0.95 * 0.05 / arguments.experiments)
    print(f"columns: share of {arguments.experiments} intervals that hold (mean width); chance alone moves 0.95 by +-{spread:.3f}")


def of_few_seeds(seeds: int, experiments: int) -> dict[str, float]:
    """Share of the intervals that hold, by method: percentiles and BCa of scipy's bootstrap, and ours."""
    scores = np.random.default_rng(seeds).normal(size=(experiments, seeds))
    held = {}
    for method in ("percentile", "BCa"):
        found = bootstrap((scores,), iqm, axis=-1, n_resamples=RESAMPLES, method=method, batch=100, rng=np.random.default_rng(0))
        held[method] = float(((found.confidence_interval.low <= 0) & (found.confidence_interval.high >= 0)).mean())
    # Layouts that change nothing.
    ours = [interval(Resampled(row, np.tile(row, (2, 1)))) for row in scores]
    held["fieldswarm"] = float(np.mean([estimate.low <= 0 <= estimate.high for estimate in ours]))
    return held


def coverage(situation: Situation, experiments: int, seed: int, resamples: int = RESAMPLES) -> dict[str, float]:
    """Share of the experiments whose interval holds the truth, by figure."""
    return {name: found.coverage for name, found in qualities(situation, experiments, seed, resamples).items()}


def qualities(situation: Situation, experiments: int, seed: int, resamples: int = RESAMPLES) -> dict[str, Quality]:
    """How often the intervals of each figure hold, and how wide they are."""
    generator = np.random.default_rng(seed)
    weights = layout_weights(situation.episodes, resamples)
    population_scores = _infinite(_seeds(situation, 20_000, 0.0, generator))
    population = _figures_of_policy(population_scores)
    other_population = _figures_of_policy(_infinite(_seeds(situation, 20_000, BETTER, generator)))
    wins = _improvement_of_all(situation, generator)
    wins_as_scored = _improvement_as_scored(situation, np.random.default_rng((seed, situation.episodes)))
    held: dict[str, int] = {}
    width: dict[str, float] = {}
    for _ in range(experiments):
        logits, others = (_seeds(situation, situation.bundles, better, generator) for better in (0.0, BETTER))
        ease = LAYOUT * generator.normal(size=(situation.episodes, 1))
        scores, other_scores = (
            generator.random((situation.bundles, situation.episodes, each.shape[-1])) < expit(each[:, None] + ease)
            for each in (logits, others)
        )
        truth, other_truth = population, other_population
        if situation.bundles == 1:
            # One bundle stands for itself.
            truth, other_truth = _figures_of_policy(_infinite(logits)), _figures_of_policy(_infinite(others))
        worst = iqm(population_scores if situation.bundles > 1 else _infinite(logits), axis=0)
        estimates = _estimates(scores, other_scores, weights, worst)
        true = {**truth, "wilson": truth["share"], "difference": other_truth["area"] - truth["area"], "improvement": wins}
        true |= {"told": truth["lowest"], "tail told": truth["tail"], "as scored": wins_as_scored}
        for name, estimate in estimates.items():
            held[name] = held.get(name, 0) + (estimate.low - 1e-12 <= true[name] <= estimate.high + 1e-12)
            width[name] = width.get(name, 0.0) + estimate.high - estimate.low
    return {name: Quality(count / experiments, width[name] / experiments) for name, count in held.items()}


def _seeds(situation: Situation, count: int, better: float, generator: np.random.Generator) -> np.ndarray:
    """Logits [S, C] of training seeds, for a layout that is neither easy nor hard."""
    means = np.array(MEANS[situation.means]) + better
    return means + SEED * generator.normal(size=(count, 1)) + CELL * generator.normal(size=(count, len(means)))


def _infinite(logits: np.ndarray) -> np.ndarray:
    """Shares over all layouts [S, C] (Gauss-Hermite quadrature, looked up)."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(61)
    grid = np.linspace(-12.0, 12.0, 2001)
    return np.interp(logits, grid, expit(grid[:, None] + LAYOUT * nodes) @ weights / weights.sum())


def _figures_of_policy(scores: np.ndarray) -> dict[str, float]:
    figures = {name: float(iqm(figure(scores))) for name, figure in FIGURES.items()}
    typical = iqm(scores, axis=0)
    return {**figures, "lowest": float(typical.min()), "tail": float(cvar(typical, SHARE))}


def _improvement_of_all(situation: Situation, generator: np.random.Generator) -> float:
    one, other = (_infinite(_seeds(situation, 1000, better, generator)) for better in (0.0, BETTER))
    return float(improvement(one, other))


def _improvement_as_scored(situation: Situation, generator: np.random.Generator) -> float:
    """Of scores in so many episodes; what layouts that are common change is the same for both policies."""
    one, other = (
        generator.binomial(situation.episodes, _infinite(_seeds(situation, 1000, better, generator))) / situation.episodes
        for better in (0.0, BETTER)
    )
    return float(improvement(one, other))


def _estimates(scores: np.ndarray, others: np.ndarray, weights: np.ndarray, worst: np.ndarray) -> dict[str, Estimate]:
    """By figure; `worst`: true scores [C] of the cells, for what is told of them."""
    measured, other = shares(scores, weights), shares(others, weights)
    estimates = {name: INTERVALS.get(name, interval)(measured.map(figure)) for name, figure in FIGURES.items()}
    for name, share in (("told", 0.0), ("tail told", SHARE)):
        told = tail_weights(worst, share)
        estimates[name] = interval(measured.map(lambda each, told=told: (each * told).sum(axis=-1)), (0.0, 1.0))
    estimates["lowest"], estimates["tail"] = lowest(scores, weights, 0.0), lowest(scores, weights, SHARE)
    estimates["difference"] = difference(measured.map(FIGURES["area"]), other.map(FIGURES["area"]))
    if len(scores) == 1:
        low, high = wilson_interval(int(scores[0, :, 3].sum()), scores.shape[1])
        estimates["wilson"] = Estimate(value=float(measured.value[0, 3]), low=low, high=high)
    else:
        probability, together = float(improvement(measured.value, other.value)), cells_together(measured.value, other.value)
        estimates["improvement"] = improvement_interval(probability, len(scores), len(others), together)
        estimates["as scored"] = estimates["improvement"]
    return estimates


if __name__ == "__main__":
    main()
