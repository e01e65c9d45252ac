"""From the stored runs of a study to its figures: interquartile means over training seeds with 95 % intervals, and which variant is best.

Seeds are the unit of uncertainty; intervals are those of `sim3d.statistics.interval`, which also know what the common layouts add.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec
import numpy as np

from sim3d.statistics.aggregates import improvement
from sim3d.statistics.compare import exchanged_seeds, holm, improvement_interval
from sim3d.statistics.interval import NONE, Estimate, Resampled, difference, interval, layout_weights, ratios, shares
from training.studies.measures import MEASURES, Measure, Run, seconds_to
from training.studies.run import RunTask
from training.studies.store import StudyStore

DIGITS = 10
"""Significant ones of stored figures: sums in another order differ in the last of sixteen."""


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One measure of one variant.

    Attributes:
        estimate: interquartile mean over seeds, with its interval; of one seed the interval is that of its layouts, if it has one.
        runs: of each seed; None where there is no such figure.
        attained: seeds whose figure is what it says; those of the others are lower bounds.
    """

    estimate: Estimate
    runs: tuple[float | None, ...]
    attained: int

    @property
    def known(self) -> int:
        """Seeds that have this figure."""
        return sum(each is not None for each in self.runs)


class Times(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds on the machine that trained, medians over seeds: of the whole budget, and up to the success that counts as learned."""

    training: float
    to_reach: float


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """The best variant against another.

    Attributes:
        other: its name.
        difference: of the best's figure less the other's.
        improvement: probability that a run of the best is better than one of the other.
        p: that they are alike, by seeds that change hands; corrected for the number of comparisons (Holm).
    """

    other: str
    difference: Estimate
    improvement: Estimate
    p: float


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Which variant is best, and by how much.

    Attributes:
        measure: by which.
        best: variant.
        comparisons: with each other, the closest first.
    """

    measure: str
    best: str
    comparisons: tuple[Comparison, ...]


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """All figures of a study.

    Attributes:
        figures: variant -> measure -> figure.
        verdicts: one for each measure by which the study judges, where two variants have it.
        commits: of the code, with the number of runs that each has made.
        signatures: variant -> failure signature -> runs in which it was seen (`training.signatures`).
        failed: variant, seed and reason of runs without figures.
    """

    figures: dict[str, dict[str, Figure]]
    verdicts: tuple[Verdict, ...]
    commits: dict[str, int]
    signatures: dict[str, dict[str, int]]
    failed: tuple[tuple[str, int, str], ...]


def summarise_study(store: StudyStore, failed: dict[RunTask, str] | None = None) -> tuple[Summary, dict[str, Times], dict[str, list[Run]]]:
    """Figures, times and runs by variant of a study.

    Args:
        store: of the study.
        failed: runs without a result, and why.

    Raises:
        InputError: the result of another run is missing.
    """
    failed = failed or {}
    study = store.manifest.study
    runs: dict[str, list[Run]] = {variant: [] for variant in study.variants}
    for task in store.tasks:
        if task not in failed:
            runs[task.variant].append(store.load(task))
    names = [*study.measures, *study.judges, *(name for panel in study.panels for name in (panel.measure, panel.over) if name in MEASURES)]
    weights = layout_weights(study.episodes)
    figures = {
        variant: {name: _figure(MEASURES[name], own, weights, number) for name in dict.fromkeys(names)}
        for number, (variant, own) in enumerate(runs.items())
    }
    verdicts = [_verdict(judge, figures, runs, weights) for judge in study.judges]
    times = {
        variant: Times(
            training=float(np.median([run["curve.seconds"][-1] for run in own])),
            to_reach=float(np.median([seconds_to(run) for run in own])),
        )
        for variant, own in runs.items()
        if own
    }
    summary = Summary(
        figures=figures,
        verdicts=tuple(verdict for verdict in verdicts if verdict is not None),
        commits=_counts(str(run["training.commit"]) for own in runs.values() for run in own),
        signatures={variant: _counts(name for run in own for name in run["training.signatures"].tolist()) for variant, own in runs.items()},
        failed=tuple((task.variant, task.seed, why) for task, why in sorted(failed.items(), key=lambda each: store.tasks.index(each[0]))),
    )
    return summary, times, runs


def resampled(measure: Measure, runs: Sequence[Run], weights: np.ndarray, number: int) -> Resampled | None:
    """A measure of those runs that have it; None where none has.

    Args:
        measure: which.
        runs: of one variant.
        weights: [R, E], of `layout_weights`.
        number: of the variant, its own in the study.
    """
    values = [measure.of(run) for run in runs]
    values = [each for each in values if np.isfinite(each).any()]
    if not values:
        return None
    stacked = np.stack(values)[..., None]
    if stacked.shape[1] == 1:  # of a run as a whole: layouts change nothing
        value = stacked[:, 0, 0]
        return Resampled(value, np.broadcast_to(value, (len(weights), len(value))))
    known = np.isfinite(stacked)
    found = shares(stacked, weights, number) if stacked.dtype == bool else ratios(np.where(known, stacked, 0.0), known, weights)
    return found.map(lambda each: each[..., 0])


def _figure(measure: Measure, runs: Sequence[Run], weights: np.ndarray, number: int) -> Figure:
    found = resampled(measure, runs, weights, number)
    estimate = NONE if found is None else interval(found, measure.bounds)
    if len(runs) == 1 and len(measure.of(runs[0])) == 1 and estimate.value is not None:
        estimate = Estimate(value=estimate.value, low=None, high=None)
    each = [measure.of(run) for run in runs]
    means = [_rounded(float(np.nanmean(values))) if np.isfinite(values).any() else None for values in each]
    return Figure(
        estimate=Estimate(value=_rounded(estimate.value), low=_rounded(estimate.low), high=_rounded(estimate.high)),
        runs=tuple(means),
        attained=sum(measure.attained(run) for run in runs),
    )


def _verdict(judge: str, figures: dict[str, dict[str, Figure]], runs: dict[str, list[Run]], weights: np.ndarray) -> Verdict | None:
    """None where fewer than two variants have that figure."""
    measure, sign = MEASURES[judge], -1.0 if MEASURES[judge].less_is_better else 1.0
    found = {name: resampled(measure, own, weights, number) for number, (name, own) in enumerate(runs.items())}
    found = {name: each for name, each in found.items() if each is not None}
    if len(found) < 2:
        return None
    best = max(found, key=lambda name: sign * figures[name][judge].estimate.value)
    others = [name for name in found if name != best]
    p = [exchanged_seeds(_digits(found[name].value), _digits(found[best].value)) for name in others]
    comparisons = []
    for name, corrected in zip(others, holm(np.array(p)), strict=True):
        ours, theirs = found[best], found[name]
        apart = difference(theirs, ours)
        probability = float(improvement(sign * _digits(theirs.value)[:, None], sign * _digits(ours.value)[:, None]))
        comparisons.append(
            Comparison(
                other=name,
                difference=Estimate(value=_rounded(apart.value), low=_rounded(apart.low), high=_rounded(apart.high)),
                improvement=improvement_interval(probability, len(theirs.value), len(ours.value)),
                p=_rounded(float(corrected)),
            )
        )
    comparisons.sort(key=lambda each: abs(each.difference.value))
    return Verdict(measure=judge, best=best, comparisons=tuple(comparisons))


def _counts(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{DIGITS}g}")


def _digits(values: np.ndarray) -> np.ndarray:
    return np.array([_rounded(float(each)) for each in values])
