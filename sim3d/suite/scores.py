"""What one policy did in every cell: the figures of its episodes as they are stored, with their resamples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sim3d.metrics import wilson_interval
from sim3d.statistics.aggregates import cvar
from sim3d.statistics.interval import Estimate, Resampled, interval, layout_weights, ratios, shares
from sim3d.suite.cells import CLEAN
from sim3d.suite.runner import REASONS
from sim3d.suite.store import CellStore

PHASES = ("during", "after")
SHARES = ("success", "success_end", "success_body", "matched", "coverage", "overlap")
"""Metrics from 0 to 1."""
MEANS = (
    "episode_return",
    "steps_to_cover",
    "time_to_cover",
    "contacts",
    "min_separation",
    "mean_separation",
    "path_length",
    "boundary_violations",
    *(f"interventions_{reason}" for reason in REASONS),
)
"""Metrics of which the mean counts, of the episodes that have one; in m and s, in `spread` in its own."""
STORED = (*SHARES, *MEANS)
"""All metrics that figures are made of."""
METRICS = (*SHARES, *MEANS, "contacts_per_100m", "episode_return_tail")
"""All figures of a cell."""
TAIL = 0.1
"""Of the episodes, or cells, that a tail is the mean of."""


class PolicyScores:
    """The episodes of a policy's S bundles in all cells.

    Args:
        store: where they are.
        bundles: S names.
        metrics: that are needed.
    """

    def __init__(self, store: CellStore, bundles: Sequence[str], metrics: Sequence[str]) -> None:
        manifest = store.manifest
        self.number = [bundle.name for bundle in manifest.bundles].index(bundles[0])
        self.score, self.bundles = manifest.suite.score, len(bundles)
        ids = [cell.id for cell in manifest.cells]
        self.cells = {
            "during": tuple(ids),
            "after": tuple(cell.id for cell in manifest.cells if cell.ends and manifest.periods_after),
        }
        """Phase -> ids of the cells that have it, the clean one first."""
        self.weights = layout_weights(manifest.episodes)
        """Of the layouts in each resample [R, E]."""
        self._episodes: dict[tuple[str, str], np.ndarray] = {}
        for row, bundle in enumerate(bundles):
            for cell in ids:
                self._take(row, cell, store.load(bundle, cell), metrics)
        self._shares: dict[tuple[str, str], Resampled] = {}

    def _take(self, row: int, cell: str, figures: Mapping[str, np.ndarray], metrics: Sequence[str]) -> None:
        for phase in PHASES:
            if cell not in self.cells[phase]:
                continue
            for metric in metrics:
                values = figures[f"{phase}.{metric}"]
                shape = (self.bundles, len(values), len(self.cells[phase]))
                whole = self._episodes.setdefault((phase, metric), np.empty(shape, dtype=values.dtype))
                whole[row, :, self.column(phase, cell)] = values

    def episodes(self, phase: str, metric: str) -> np.ndarray:
        """Values [S, E, C] of the episodes, of the cells that have this phase."""
        return self._episodes[phase, metric]

    def shares(self, phase: str, metric: str) -> Resampled:
        """Means of a metric from 0 to 1, of the cells that have this phase: [S, C] and [R, S, C]."""
        key = (phase, metric)
        if key not in self._shares:
            self._shares[key] = shares(self.episodes(*key), self.weights, self.number)
        return self._shares[key]

    def column(self, phase: str, cell: str) -> int:
        """Where a cell is among those that have this phase."""
        return self.cells[phase].index(cell)

    def disturbed(self, phase: str) -> list[int]:
        """Columns of all cells but the clean one."""
        return [column for column, cell in enumerate(self.cells[phase]) if cell != CLEAN]

    def share_of(self, phase: str, metric: str, cell: str) -> Estimate:
        """The mean of a metric from 0 to 1 in one cell; what is true or false of one bundle's episodes has Wilson's interval."""
        column = self.column(phase, cell)
        values = self.episodes(phase, metric)[..., column]
        if values.dtype != bool or self.bundles > 1:
            return interval(_column(self.shares(phase, metric), column), (0.0, 1.0))
        return wilson(values)

    def cell_figures(self, phase: str) -> dict[str, dict[str, Estimate]]:
        """Cell -> figure -> estimate, of all metrics."""
        figures: dict[str, dict[str, Estimate]] = {cell: {} for cell in self.cells[phase]}
        if not figures:
            return figures
        for metric in SHARES:
            for cell, known in figures.items():
                known[metric] = self.share_of(phase, metric, cell)
        for metric in MEANS:
            values = self.episodes(phase, metric).astype(float)
            known = ~np.isnan(values)
            self._put(figures, metric, ratios(np.where(known, values, 0.0), known.astype(float), self.weights))
        contacts, path = (self.episodes(phase, metric).astype(float) for metric in ("contacts", "path_length"))
        self._put(figures, "contacts_per_100m", ratios(100.0 * contacts, path, self.weights))
        self._put(figures, "episode_return_tail", self._tail_of_returns(phase))
        return figures

    def _tail_of_returns(self, phase: str) -> Resampled:
        """Mean of the lowest tenth of the returns: [S, C] and [R, S, C]. Of resampled layouts that of the lowest tenth of the weight."""
        values = np.moveaxis(self.episodes(phase, "episode_return"), 1, -1)
        # The lowest tenth of the weight lies in these, by more than ten standard deviations of weights drawn from Exp(1).
        few = min(values.shape[-1], 100 + int(2 * TAIL * values.shape[-1]))
        order = np.argsort(values, axis=-1)[..., :few]
        ordered = np.take_along_axis(values, order, axis=-1)
        limit = TAIL * self.weights.sum(axis=1, keepdims=True)
        resamples = np.empty((len(self.weights), *values.shape[:2]))
        for index in np.ndindex(*values.shape[:2]):
            weights = self.weights[:, order[index]]
            counted = np.clip(limit - (np.cumsum(weights, axis=1) - weights), 0.0, weights)
            resamples[(slice(None), *index)] = counted @ ordered[index] / limit[:, 0]
        return Resampled(cvar(values, TAIL), resamples)

    @staticmethod
    def _put(figures: dict[str, dict[str, Estimate]], name: str, found: Resampled) -> None:
        for column, cell in enumerate(figures):
            figures[cell][name] = interval(_column(found, column))


def wilson(values: np.ndarray) -> Estimate:
    """The share of booleans that are true, with its interval; NaN of none."""
    low, high = wilson_interval(int(values.sum()), values.size)
    return Estimate(value=float(values.mean()), low=low, high=high)


def _column(found: Resampled, column: int) -> Resampled:
    return found.map(lambda each: each[..., column])
