"""A scale study in words and in rows."""

from __future__ import annotations

import csv
import io
import math
import shlex
from dataclasses import dataclass

import numpy as np

from sim3d.statistics.interval import Estimate, Resampled, interval, layout_weights, shares
from training.scale.costs import Cost
from training.scale.store import Manifest

FIGURES = {"success": (0.0, 1.0), "success_end": (0.0, 1.0), "coverage": (0.0, 1.0), "contacts": (0.0, np.inf)}
"""Metrics that are reported, and the bounds that they cannot leave; contacts are those of a robot, each counted for both."""


@dataclass(frozen=True)
class Row:
    """A size of team.

    Attributes:
        robots: N.
        figures: by name.
        cost: of it.
    """

    robots: int
    figures: dict[str, Estimate]
    cost: Cost


def row_of(robots: int, metrics: dict[str, np.ndarray], cost: Cost) -> Row:
    """From every metric [S, E]."""
    scores = {name: metrics[name].astype(float) for name in FIGURES}
    scores["contacts"] = scores["contacts"] * (2 / robots)
    weights = layout_weights(scores["success"].shape[1])
    return Row(robots, {name: interval(_resampled(each, weights), FIGURES[name]) for name, each in scores.items()}, cost)


def _resampled(scores: np.ndarray, weights: np.ndarray) -> Resampled:
    return shares(scores[..., None], weights).map(lambda each: each[..., 0])


def growth(rows: list[Row]) -> float:
    """The x of tick ~ N^x, from the smallest team to the largest; NaN where there is one size only."""
    first, last = rows[0], rows[-1]
    if first.robots == last.robots:
        return math.nan
    return math.log(last.cost.tick_p50 / first.cost.tick_p50) / math.log(last.robots / first.robots)


def markdown(manifest: Manifest, rows: list[Row]) -> str:
    """The whole of table.md."""
    runs = "one run" if len(manifest.runs) == 1 else f"{len(manifest.runs)} runs, interquartile mean"
    header = ["robots", "success", "success at the end", "coverage", "contacts a robot"]
    header += ["training [s / 1 000 steps]", "tick p50 [us]", "tick p99 [us]", "missed", "memory [MB]", "sent [kB/s]"]
    lines = [
        f"{runs}, {manifest.episodes} missions of 25 steps each [95 %]; ticks, memory and messages of {manifest.seconds:g} s in real time.",
        "",
        f"| {' | '.join(header)} |",
        f"|{'---|' * len(header)}",
    ]
    for row in rows:
        cost = row.cost
        cells = [str(row.robots), *(_interval(row.figures[name]) for name in FIGURES)]
        cells += [f"{cost.training:.2f}", f"{cost.tick_p50:.0f}", f"{cost.tick_p99:.0f}", f"{cost.missed:.2%}", f"{cost.memory:.0f}"]
        lines.append(f"| {' | '.join([*cells, f'{cost.sent / 1e3:.1f}'])} |")
    if len(rows) > 1:
        lines += ["", f"From {rows[0].robots} to {rows[-1].robots} robots a robot's tick grows as N^{growth(rows):.2f}."]
    return "\n".join([*lines, "", f"`{shlex.join(manifest.command)}`", ""])


def figures_csv(rows: list[Row]) -> bytes:
    """One row a size."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    costs = Cost.__struct_fields__
    writer.writerow(["robots", *(f"{name}{end}" for name in FIGURES for end in ("", "_low", "_high")), *costs])
    for row in rows:
        figures = [value for name in FIGURES for value in (row.figures[name].value, row.figures[name].low, row.figures[name].high)]
        writer.writerow([row.robots, *figures, *(getattr(row.cost, name) for name in costs)])
    return buffer.getvalue().encode()


def _interval(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"
