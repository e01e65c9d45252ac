"""What comes back after faults: the figures of one policy in every cell that has some, beside the clean cell (`sim3d.recovery`).

Shares, and the time below as a share of the time that there is, have the intervals of all shares (`sim3d.statistics.interval`). The others
are ratios of sums to which few missions may add something: only those that fell below and came back have a time to recover, and where every
mission covers what its clean twin does, all resamples of the ratio of the two are 1. There each resample gets one more mission, of a kind
that was not seen, with a weight from Exp(1) and the least or the most that there can be, with probability 1/2 each. Of 2, 5 and 30 missions
out of 200 whose times follow a geometric law, intervals without it hold 0.41, 0.69 and 0.91 of the time, with it 1.00, 0.99 and 0.97; of 30
and 100 missions of which one in 50 loses a landmark of three, 0.44 and 0.85, with it 0.98 (`tests/sim3d/test_recovery.py` repeats both).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sim3d.recovery import Recovery, jain_index, recovery
from sim3d.statistics.interval import NONE, Estimate, Resampled, interval, ratios, shares
from sim3d.suite.cells import CLEAN
from sim3d.suite.results import RECOVERY, RecoveryCurve, RecoveryResult
from sim3d.suite.scores import wilson
from sim3d.suite.store import CellStore

_DIGITS = 4
"""Of times and curves, which are to be looked at."""
_UNSEEN = 5
"""What numbers are drawn for (`sim3d.statistics.interval` has those before it)."""


@dataclass(frozen=True)
class _Episodes:
    """The episodes of S bundles in which a fault struck, the same for all.

    Attributes:
        coverage, clean: [S, E, K], shares of the landmarks at each control step; of the clean twins.
        attainable: [S, E], of the landmarks.
        fairness, fairness_clean: [S, E].
        begins: [E], control step.
        mission: its last control step.
        end: of what the fault is judged by: the same, or the last one of all.
        period: of a control step [s].
    """

    coverage: np.ndarray
    clean: np.ndarray
    attainable: np.ndarray
    fairness: np.ndarray
    fairness_clean: np.ndarray
    begins: np.ndarray
    mission: int
    end: int
    period: float

    @property
    def longest(self) -> float:
        """From a fault to the end [s]."""
        return float((self.end - self.begins.min()) * self.period)

    @property
    def repaired(self) -> bool:
        """Whether there is an aftermath that is not part of it."""
        return self.coverage.shape[-1] > self.end + 1

    def recovery(self, begins: np.ndarray, end: int) -> dict[str, np.ndarray]:
        """Figures [S, E] from control steps [E] to a later one."""
        found = [recovery(coverage, clean, begins, end, self.period) for coverage, clean in zip(self.coverage, self.clean, strict=True)]
        return {name: np.stack([getattr(each, name) for each in found]) for name in Recovery.__dataclass_fields__}


def recoveries_of(store: CellStore, bundles: Sequence[str], weights: np.ndarray, number: int) -> dict[str, RecoveryResult]:
    """All cells with faults.

    Args:
        store: whose cells are all there.
        bundles: of a policy, S names.
        weights: [R, E], of the layouts in each resample.
        number: of the policy (`statistics.interval.shares`).

    Raises:
        InputError: a cell cannot be read.
    """
    if not store.manifest.faulty:
        return {}
    clean = [_read(store, bundle, CLEAN) for bundle in bundles]
    found = {}
    for cell in store.manifest.faulty:
        files = [_read(store, bundle, cell) for bundle in bundles]
        # Who fails, and when, follows from an episode's seed.
        counted = files[0]["begins"] >= 0
        episodes = _episodes(store, cell, [_only(each, counted) for each in files], [_only(each, counted) for each in clean])
        found[cell] = _result(episodes, weights[:, counted], number) if counted.any() else _nothing(episodes)
    return found


def _read(store: CellStore, bundle: str, cell: str) -> dict[str, np.ndarray]:
    return {name.partition(".")[2]: values for name, values in store.load(bundle, cell).items() if name.startswith("recovery.")}


def _only(figures: Mapping[str, np.ndarray], counted: np.ndarray) -> dict[str, np.ndarray]:
    return {name: values[counted] for name, values in figures.items()}


def _episodes(
    store: CellStore, cell: str, files: Sequence[Mapping[str, np.ndarray]], clean: Sequence[Mapping[str, np.ndarray]]
) -> _Episodes:
    manifest = store.manifest
    steps = files[0]["covered"].shape[1]
    end = manifest.periods if cell in manifest.repaired else steps - 1
    moving = [~each["stopped"] for each in files]
    paths, clean_paths = (
        [each["path_length"] + each["path_length_after"] if end > manifest.periods else each["path_length"] for each in some]
        for some in (files, clean)
    )
    return _Episodes(
        coverage=np.stack([each["covered"] for each in files]) / manifest.landmarks,
        # A disturbance that does not end has no aftermath, its clean twin has.
        clean=np.stack([each["covered"][:, :steps] for each in clean]) / manifest.landmarks,
        attainable=np.stack([each["attainable"] for each in files]) / manifest.landmarks,
        fairness=np.stack([jain_index(path, counted) for path, counted in zip(paths, moving, strict=True)]),
        fairness_clean=np.stack([jain_index(path, counted) for path, counted in zip(clean_paths, moving, strict=True)]),
        begins=files[0]["begins"],
        mission=manifest.periods,
        end=end,
        period=manifest.bundles[0].period,
    )


def _result(episodes: _Episodes, weights: np.ndarray, number: int) -> RecoveryResult:
    found = episodes.recovery(episodes.begins, episodes.end)
    measured = {
        "coverage_before": found["before"],
        "coverage_clean": episodes.clean[..., episodes.end],
        "coverage_attainable": episodes.attainable,
        "coverage_lowest": found["lowest"],
        "coverage_after": found["after"],
        "affected": found["affected"],
        "recovered": found["recovered"],
        "time_below": found["time_below"] / episodes.longest,
        "fairness": episodes.fairness,
        "fairness_clean": episodes.fairness_clean,
    }
    sampled = _shares(measured, weights, number)
    below = sampled.pop("time_below").map(lambda each: each * episodes.longest)
    aftermath: dict[str, Estimate | None] = dict.fromkeys(("aftermath_recovered", "aftermath_time_to_recover"))
    if episodes.repaired:
        last = episodes.coverage.shape[-1] - 1
        later = episodes.recovery(np.full_like(episodes.begins, episodes.end), last)
        again = _shares({"recovered": later["recovered"]}, weights, number)["recovered"]
        aftermath = {
            "aftermath_recovered": _share(later["recovered"], again),
            "aftermath_time_to_recover": mean_of_some(later["time_to_recover"], weights, (last - episodes.end) * episodes.period),
        }
    return RecoveryResult(
        episodes=len(episodes.begins),
        begins=round(float(episodes.begins.mean() * episodes.period), _DIGITS),
        **{name: _share(measured[name], each) for name, each in sampled.items()},
        ratio=coverage_ratio(found["after"], episodes.clean[..., episodes.end], weights, 2.0),
        attained=coverage_ratio(found["after"], episodes.attainable, weights, 1.0),
        time_to_recover=mean_of_some(found["time_to_recover"], weights, episodes.longest),
        time_below=interval(below, (0.0, episodes.longest)),
        **aftermath,
        curve=_curve(episodes),
    )


def _nothing(episodes: _Episodes) -> RecoveryResult:
    """Of a cell in whose missions no fault strikes."""
    later = NONE if episodes.repaired else None
    return RecoveryResult(
        episodes=0,
        begins=None,
        **dict.fromkeys(RECOVERY, NONE),
        aftermath_recovered=later,
        aftermath_time_to_recover=later,
        curve=RecoveryCurve(time=(), coverage=(), clean=(), ends=None),
    )


def _shares(measured: Mapping[str, np.ndarray], weights: np.ndarray, number: int) -> dict[str, Resampled]:
    """Means of figures from 0 to 1, [S, E] each."""
    sampled = shares(np.stack([values.astype(float) for values in measured.values()], axis=-1), weights, number)
    return {name: sampled.map(lambda each, at=column: each[..., at]) for column, name in enumerate(measured)}


def _share(values: np.ndarray, sampled: Resampled) -> Estimate:
    """What is true or false of one bundle's episodes has Wilson's interval, as everywhere."""
    return wilson(values) if values.dtype == bool and len(values) == 1 else interval(sampled, (0.0, 1.0))


def mean_of_some(times: np.ndarray, weights: np.ndarray, longest: float) -> Estimate:
    """The mean of those times [S, E] from 0 to `longest` that are no NaN, with an interval that holds for few; `weights` [R, E]."""
    known = ~np.isnan(times)
    return interval(_with_unseen(np.where(known, times, 0.0), known.astype(float), weights, longest), (0.0, longest))


def coverage_ratio(coverage: np.ndarray, other: np.ndarray, weights: np.ndarray, most: float) -> Estimate:
    """Mean coverage over another, [S, E] each, with an interval that is none of a single point where all are equal.

    Args:
        coverage, other: from 0 to 1.
        weights: [R, E].
        most: that the ratio may be in a mission of another kind.
    """
    if np.array_equal(coverage, other):
        return interval(_with_unseen(coverage, other, weights, most), (0.0, most))
    return interval(ratios(coverage[..., None], other[..., None], weights).map(lambda each: each[..., 0]), (0.0, np.inf))


def _with_unseen(above: np.ndarray, below: np.ndarray, weights: np.ndarray, most: float) -> Resampled:
    """Ratios of sums [S, E] over episodes, and one episode more in each resample."""
    measured = ratios(above[..., None], below[..., None], weights[:0]).value[:, 0]
    generator = np.random.default_rng(_UNSEEN)
    unseen, is_most = generator.exponential(size=(len(weights), 1)), generator.random((len(weights), 1)) < 0.5
    return Resampled(measured, (weights @ above.T + unseen * is_most * most) / (weights @ below.T + unseen))


def _curve(episodes: _Episodes) -> RecoveryCurve:
    """Every episode shifted to when its fault strikes."""
    first, last = int(episodes.begins.min()), int(episodes.begins.max())
    steps = np.arange(-first, episodes.coverage.shape[-1] - last)
    at = (episodes.begins[:, None] + steps)[None]
    coverage, clean = (np.take_along_axis(each, at, axis=2).mean(axis=(0, 1)) for each in (episodes.coverage, episodes.clean))
    return RecoveryCurve(
        time=_rounded(steps * episodes.period),
        coverage=_rounded(coverage),
        clean=_rounded(clean),
        ends=round((episodes.mission - first) * episodes.period, _DIGITS)
        if steps[-1] + last > episodes.mission and first == last
        else None,
    )


def _rounded(values: np.ndarray) -> tuple[float, ...]:
    return tuple(round(float(value), _DIGITS) for value in values)
