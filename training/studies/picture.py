"""A study as a picture: one panel a question, every figure with its interval, published ones beside ours."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from sim3d.statistics.aggregates import iqm
from sim3d.statistics.interval import Resampled, interval
from training.studies.definition import OVER_AXIS, OVER_STEPS, OVER_VARIANTS, Panel
from training.studies.measures import MEASURES, Run
from training.studies.store import Manifest
from training.studies.summary import Figure, Summary

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#333333", "#8C510A", "#7F7F7F", "#B2182B")
"""One a variant; the first six are told apart by colour-blind readers too (Okabe and Ito 2008), and marks differ beside."""
_MARKS = "osD^vPX*<>"
_INK, _GRID, _PUBLISHED = "#333333", "#E9E9E9", "#AA3377"


def study_picture(manifest: Manifest, summary: Summary, runs: dict[str, list[Run]]) -> bytes:
    """A PNG."""
    study = manifest.study
    columns = 2 if len(study.panels) == 4 else min(3, len(study.panels))
    rows = math.ceil(len(study.panels) / columns)
    canvas = Canvas(figsize=(4.3 * columns, 3.7 * rows + 0.9), dpi=130, layout="constrained", facecolor="white")
    axes = canvas.subplots(rows, columns, squeeze=False).ravel()
    for ax, panel in zip(axes, study.panels, strict=False):
        _prepare(ax)
        {OVER_VARIANTS: _side_by_side, OVER_STEPS: _curves, OVER_AXIS: _along_axis}.get(panel.over, _trade)(
            ax, panel, manifest, summary, runs
        )
        ax.set_ylabel(MEASURES[panel.measure].label, fontsize=9, color=_INK)
    for ax in axes[len(study.panels) :]:
        ax.set_axis_off()
    handles = [
        Line2D([], [], color=_colour(index), marker=_mark(index), linestyle="", label=study.variants[variant].label or variant)
        for index, variant in enumerate(study.variants)
    ]
    if study.published:
        handles.append(Line2D([], [], color=_PUBLISHED, marker="_", markersize=10, linestyle="", label="published"))
    canvas.legend(handles=handles, loc="outside lower center", ncols=min(5, len(handles)), frameon=False, fontsize=8, labelcolor=_INK)
    unit = f"{study.seeds} seeds, interquartile mean, 95 % intervals" if study.seeds > 1 else "one seed"
    canvas.suptitle(f"{study.title} ({unit})", fontsize=10, x=0.01, ha="left", color=_INK)
    buffer = io.BytesIO()
    canvas.savefig(buffer, format="png")
    return buffer.getvalue()


def _side_by_side(ax: Axes, panel: Panel, manifest: Manifest, summary: Summary, runs: dict[str, list[Run]]) -> None:
    for index, figures in enumerate(summary.figures.values()):
        figure = figures[panel.measure]
        own = [each for each in figure.runs if each is not None]
        ax.plot(np.full(len(own), index + 0.16), own, ".", color=_colour(index), alpha=0.35, markersize=4)
        _point(ax, index, index, figure)
    _published_lines(ax, panel.measure, manifest)
    ax.set_xticks(range(len(summary.figures)), ["" for _ in summary.figures])
    ax.set_xlim(-0.6, len(summary.figures) - 0.4)


def _along_axis(ax: Axes, panel: Panel, manifest: Manifest, summary: Summary, runs: dict[str, list[Run]]) -> None:
    """Places in their order, evenly apart: an axis may begin with 0 and go on by powers."""
    variants = manifest.study.variants
    order = sorted(range(len(variants)), key=lambda index: list(variants.values())[index].at)
    names = list(variants)
    known = [(place, summary.figures[names[index]][panel.measure].estimate.value) for place, index in enumerate(order)]
    known = [(place, value) for place, value in known if value is not None]
    ax.plot([place for place, _ in known], [value for _, value in known], color=_GRID, linewidth=1.5, zorder=1)
    for place, index in enumerate(order):
        _point(ax, place, index, summary.figures[names[index]][panel.measure])
    _published_lines(ax, panel.measure, manifest)
    ax.set_xticks(range(len(order)), [f"{variants[names[index]].at:g}" for index in order])
    ax.set_xlabel(manifest.study.axis, fontsize=9, color=_INK)


def _curves(ax: Axes, panel: Panel, manifest: Manifest, summary: Summary, runs: dict[str, list[Run]]) -> None:
    measure = MEASURES[panel.measure]
    for index, own in enumerate(runs.values()):
        if not own:
            continue
        steps = own[0]["curve.steps"]
        heights = np.stack([run[f"curve.{measure.curve}"] for run in own])
        ax.plot(steps / 1e6, iqm(heights, axis=0), color=_colour(index), linewidth=1.4)
        if len(own) > 1:
            estimates = [interval(Resampled(each, np.broadcast_to(each, (2, len(each)))), measure.bounds) for each in heights.T]
            low, high = [each.low for each in estimates], [each.high for each in estimates]
            ax.fill_between(steps / 1e6, low, high, color=_colour(index), alpha=0.15, linewidth=0)
    _published_lines(ax, panel.measure, manifest)
    ax.set_xlabel("env steps [M]", fontsize=9, color=_INK)


def _trade(ax: Axes, panel: Panel, manifest: Manifest, summary: Summary, runs: dict[str, list[Run]]) -> None:
    for index, (variant, figures) in enumerate(summary.figures.items()):
        over, up = figures[panel.over], figures[panel.measure]
        if over.estimate.value is None or up.estimate.value is None:
            continue
        _point(ax, over.estimate.value, index, up, reach=_reach(over))
        at = manifest.study.variants[variant].at
        if at is not None:
            ax.annotate(f"{at:g}", (over.estimate.value, up.estimate.value), (5, 4), textcoords="offset points", fontsize=7, color=_INK)
    ax.set_xlabel(MEASURES[panel.over].label, fontsize=9, color=_INK)
    ax.xaxis.set_major_locator(MaxNLocator(5))


def _point(ax: Axes, place: float, index: int, figure: Figure, reach: np.ndarray | None = None) -> None:
    if figure.estimate.value is None:
        return
    ax.errorbar(
        [place],
        [figure.estimate.value],
        yerr=_reach(figure),
        xerr=reach,
        fmt=_mark(index),
        color=_colour(index),
        markersize=5,
        elinewidth=1.4,
        capsize=2.5,
        # What is only a lower bound is hollow.
        markerfacecolor=_colour(index) if figure.attained == len(figure.runs) else "white",
    )


def _reach(figure: Figure) -> np.ndarray | None:
    """Of the error bars [2, 1]; None where there is no interval."""
    estimate = figure.estimate
    if estimate.low is None:
        return None
    return np.maximum([[estimate.value - estimate.low], [estimate.high - estimate.value]], 0.0)


def _published_lines(ax: Axes, measure: str, manifest: Manifest) -> None:
    for published in manifest.study.published:
        figure: Sequence[float] = published.figures.get(measure, ())
        if figure:
            ax.axhline(figure[0], color=_PUBLISHED, linewidth=1.0, linestyle="--", zorder=0)
        if len(figure) == 2:
            ax.axhspan(figure[0] - figure[1], figure[0] + figure[1], color=_PUBLISHED, alpha=0.08, linewidth=0, zorder=0)


def _prepare(ax: Axes) -> None:
    ax.set_axisbelow(True)
    ax.grid(axis="y", color=_GRID, linewidth=0.8)
    ax.tick_params(colors=_INK, labelsize=8, length=0)
    ax.spines[:].set_visible(False)


def _colour(index: int) -> str:
    return COLOURS[index % len(COLOURS)]


def _mark(index: int) -> str:
    return _MARKS[index % len(_MARKS)]
