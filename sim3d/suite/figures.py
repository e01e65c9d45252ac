"""The figures of one policy: curves, break points and areas of ladders, families, grids, and the headlines that are made of them."""

from __future__ import annotations

import numpy as np

from sim3d.statistics.aggregates import area, break_point, iqm, never_breaks, profile, retention
from sim3d.statistics.interval import Estimate, Resampled, interval, kinked_interval, ratio_interval
from sim3d.statistics.tail import lowest
from sim3d.suite.cells import CLEAN, axis_at_zero
from sim3d.suite.results import FamilyResult, GridResult, LadderResult, PolicyResult, ProfileResult, RecoveryResult
from sim3d.suite.scores import PHASES, TAIL, PolicyScores
from sim3d.suite.store import Manifest

THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(21))
"""Of performance profiles."""


class PolicyFigures:
    """All figures of a policy that are made of its scores.

    Args:
        manifest: of the evaluation.
        scores: of the policy.
    """

    def __init__(self, manifest: Manifest, scores: PolicyScores) -> None:
        self._manifest, self._scores = manifest, scores
        self._suite = manifest.suite
        self._rungs = {
            ladder: {cell.severities[ladder]: cell.id for cell in manifest.cells if list(cell.severities) == [ladder]}
            for ladder in self._suite.ladders
        }

    def all(self, bundles: tuple[str, ...], recovery: dict[str, RecoveryResult]) -> PolicyResult:
        """Everything, with what comes back after faults (`sim3d.suite.recoveries`)."""
        disturbed = self._scores.disturbed("during")
        scores = self._scores.episodes("during", self._scores.score)[..., disturbed]
        measured = self._measured("during").map(lambda each: each[..., disturbed])
        typical = iqm(measured.value, axis=0)
        cells = {cell.id: {} for cell in self._manifest.cells}
        for phase in PHASES:
            for cell, figures in self._scores.cell_figures(phase).items():
                cells[cell][phase] = figures
        return PolicyResult(
            bundles=bundles,
            clean=self._at("during", CLEAN),
            robustness=interval(self.robustness(), (0.0, 1.0)),
            resilience=_interval_or_none(self.resilience()),
            typical=interval(measured.map(iqm), (0.0, 1.0)),
            lowest=lowest(scores, self._scores.weights, 0.0),
            lowest_cell=self._scores.cells["during"][disturbed[int(typical.argmin())]],
            tail=lowest(scores, self._scores.weights, TAIL),
            families={family: self._family(family) for family in self._suite.families},
            grids={grid: self._grid(grid) for grid in self._suite.grids},
            profile=self._profile(measured),
            cells=cells,
            recovery=recovery,
        )

    def robustness(self) -> Resampled:
        """Mean over the families: [S] and [R, S]."""
        return _mean([self.family_robustness(family) for family in self._suite.families])

    def resilience(self) -> Resampled | None:
        """Mean over the families whose disturbances end; None where none does."""
        found = [self.family_resilience(family) for family in self._suite.families]
        return _mean_or_none([each for each in found if each is not None])

    def family_robustness(self, family: str) -> Resampled:
        """Mean over the family's ladders."""
        return _mean([self._area(f"{family}.{ladder}", "during") for ladder in self._suite.families[family]])

    def family_resilience(self, family: str) -> Resampled | None:
        """Mean over those of the family's ladders that end."""
        return _mean_or_none([self._area(ladder, "after") for ladder in self._ladders(family) if self._ends(ladder)])

    def _family(self, family: str) -> FamilyResult:
        return FamilyResult(
            robustness=interval(self.family_robustness(family), (0.0, 1.0)),
            resilience=_interval_or_none(self.family_resilience(family)),
            ladders={ladder: self._ladder(ladder) for ladder in self._ladders(family)},
        )

    def _ladder(self, name: str) -> LadderResult:
        ladder, zero = self._suite.ladders[name], axis_at_zero(self._suite, name)
        cells, severities = self._cells(name), self._severities(name)
        curve = self._curve(name, "during")
        values = {cell.id: cell.axis for cell in self._manifest.cells}
        along = None if zero is None else (zero, *(values[cell] for cell in cells[1:]))
        kept = curve.map(lambda each: retention(each[..., 1:], each[..., :1]))
        ends = self._ends(name)
        return LadderResult(
            about=ladder.about,
            figure=ladder.axis.figure if ladder.axis else "",
            unit=ladder.axis.unit if ladder.axis else "",
            severities=tuple(severities),
            along=along,
            cells=tuple(cells),
            score=tuple(self._at("during", cell) for cell in cells),
            score_after=tuple(self._at("after", cell) for cell in cells) if ends else None,
            retention=tuple(ratio_interval(_column(kept, column)) for column in range(len(cells) - 1)),
            area=interval(self._area(name, "during"), (0.0, 1.0)),
            area_after=interval(self._area(name, "after"), (0.0, 1.0)) if ends else None,
            break_severity=_break(curve, tuple(map(float, severities))),
            break_at=None if along is None else _break(curve, along),
            never_breaks=bool(never_breaks(curve.value).all()),
        )

    def _grid(self, name: str) -> GridResult:
        grid = self._suite.grids[name]
        rows, columns = self._severities(grid.rows), self._severities(grid.columns)

        def cell(row: int, column: int) -> str:
            if row and column:
                return f"{name}-{row}-{column}"
            return self._rungs[grid.rows][row] if row else self._rungs[grid.columns][column] if column else CLEAN

        cells = tuple(tuple(cell(row, column) for column in columns) for row in rows)
        return GridResult(
            rows=grid.rows,
            columns=grid.columns,
            row_severities=tuple(rows),
            column_severities=tuple(columns),
            cells=cells,
            score=tuple(tuple(self._at("during", each) for each in row) for row in cells),
        )

    def _profile(self, measured: Resampled) -> ProfileResult:
        above = measured.map(lambda each: profile(each, np.array(THRESHOLDS)))
        return ProfileResult(
            thresholds=THRESHOLDS, share=tuple(interval(_column(above, column), (0.0, 1.0)) for column in range(len(THRESHOLDS)))
        )

    def _ladders(self, family: str) -> list[str]:
        return [f"{family}.{ladder}" for ladder in self._suite.families[family]]

    def _severities(self, ladder: str) -> list[int]:
        return [0, *self._rungs[ladder]]

    def _cells(self, ladder: str) -> list[str]:
        return [CLEAN, *self._rungs[ladder].values()]

    def _ends(self, ladder: str) -> bool:
        """Whether all of its cells have an aftermath."""
        return all(cell in self._scores.cells["after"] for cell in self._cells(ladder))

    def _measured(self, phase: str) -> Resampled:
        return self._scores.shares(phase, self._scores.score)

    def _at(self, phase: str, cell: str) -> Estimate:
        return self._scores.share_of(phase, self._scores.score, cell)

    def _curve(self, ladder: str, phase: str) -> Resampled:
        columns = [self._scores.column(phase, cell) for cell in self._cells(ladder)]
        return self._measured(phase).map(lambda each: each[..., columns])

    def _area(self, ladder: str, phase: str) -> Resampled:
        severities = np.array(self._severities(ladder), dtype=float)
        return self._curve(ladder, phase).map(lambda each: area(severities, each))


def _break(curve: Resampled, along: tuple[float, ...]) -> Estimate:
    return kinked_interval(curve.map(lambda each: break_point(np.array(along), each)), (min(along), max(along)))


def _column(found: Resampled, column: int) -> Resampled:
    return found.map(lambda each: each[..., column])


def _mean(figures: list[Resampled]) -> Resampled:
    return Resampled(np.mean([figure.value for figure in figures], axis=0), np.mean([figure.resamples for figure in figures], axis=0))


def _mean_or_none(figures: list[Resampled]) -> Resampled | None:
    return _mean(figures) if figures else None


def _interval_or_none(figure: Resampled | None) -> Estimate | None:
    return None if figure is None else interval(figure, (0.0, 1.0))
