"""Success against actuation latency, as a PNG."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from runtime.atomic import write_atomically
from sim3d.picture import ROBOT_COLOURS

if TYPE_CHECKING:
    from tests.benchmarks.latency import Result

_INK = "#333333"
_GRID = "#E9E9E9"
_CEILING = "#777777"


def latency_picture(results: Sequence[Result], delays: Sequence[int], path: Path) -> None:
    """Draw one line for each result, its mean over seeds, and a band from the least to the most of them; the last result is the ceiling.

    Args:
        results: with a success for each delay and seed.
        delays: [ms].
        path: of the PNG.
    """
    figure = Figure(figsize=(6.4, 4.2), dpi=150, layout="constrained", facecolor="white")
    ax = figure.subplots()
    ax.set_axisbelow(True)
    ax.grid(color=_GRID, linewidth=0.8)
    ax.tick_params(colors=_INK, labelsize=9, length=0)
    ax.spines[:].set_visible(False)
    for index, result in enumerate(results):
        over_seeds = [result.success[str(delay)] for delay in delays]
        ceiling = index == len(results) - 1
        colour, dashes = (_CEILING, (0, (4, 3))) if ceiling else (ROBOT_COLOURS[index], "-")
        if not ceiling:
            ax.fill_between(delays, list(map(min, over_seeds)), list(map(max, over_seeds)), color=colour, alpha=0.18, linewidth=0)
        ax.plot(delays, list(map(mean, over_seeds)), color=colour, linewidth=2.2, linestyle=dashes, label=result.label)
    ax.set(xlim=(min(delays), max(delays)), ylim=(-0.02, 1.02))
    ax.set_xlabel("actuation latency [ms]", color=_INK)
    ax.set_ylabel("success", color=_INK)
    ax.set_title("simple_spread under noise and latency; bands: least to most of the seeds", loc="left", fontsize=10, color=_INK)
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=9, labelcolor=_INK)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    write_atomically(path, buffer.getvalue())
