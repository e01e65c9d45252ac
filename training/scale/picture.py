"""A scale study as a picture: what teams are worth, and what they cost, over their size."""

from __future__ import annotations

import io

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import LogLocator

from training.scale.table import Row

_INK, _GRID, _GUIDE = "#333333", "#E9E9E9", "#999999"
_WORTH = (("success", "#0072B2", "o"), ("coverage", "#009E73", "s"))


def scale_picture(rows: list[Row]) -> bytes:
    """A PNG."""
    canvas = Canvas(figsize=(12.9, 6.6), dpi=130, layout="constrained", facecolor="white")
    worth, touched, training, tick, memory, sent = canvas.subplots(2, 3).ravel()
    robots = np.array([row.robots for row in rows])
    for ax in canvas.axes:
        ax.set_axisbelow(True)
        ax.grid(color=_GRID, linewidth=0.8)
        ax.tick_params(colors=_INK, labelsize=8, length=0)
        ax.spines[:].set_visible(False)
        ax.set_xscale("log")
        ax.set_xticks(robots, [str(each) for each in robots])
        ax.minorticks_off()
        ax.set_xlabel("robots", fontsize=9, color=_INK)
    for name, colour, mark in _WORTH:
        _with_intervals(worth, rows, name, colour, mark, name)
    worth.set_ylim(0, 1.02)
    worth.legend(frameon=False, fontsize=8)
    _with_intervals(touched, rows, "contacts", "#D55E00", "^", "")
    touched.set_ylim(bottom=0)
    _says(worth, "success and coverage")
    _says(touched, "contacts a robot and mission")
    _grows(training, robots, np.array([row.cost.training for row in rows]), "training, s / 1 000 env steps")
    _grows(tick, robots, np.array([row.cost.tick_p50 for row in rows]), "a robot's tick, p50 and p99 [us]")
    tick.plot(robots, [row.cost.tick_p99 for row in rows], "s--", color="#0072B2", markersize=4, linewidth=1.0)
    memory.plot(robots, [row.cost.memory for row in rows], "o-", color="#0072B2", markersize=4, linewidth=1.4)
    memory.set_ylim(0, 1.2 * max(row.cost.memory for row in rows))
    _says(memory, "a robot's memory [MB]")
    _grows(sent, robots, np.array([row.cost.sent for row in rows]) / 1e3, "what a robot sends [kB/s]")
    buffer = io.BytesIO()
    canvas.savefig(buffer, format="png")
    return buffer.getvalue()


def _with_intervals(ax: Axes, rows: list[Row], name: str, colour: str, mark: str, label: str) -> None:
    found = [row.figures[name] for row in rows]
    value = np.array([each.value for each in found])
    reach = np.maximum([value - [each.low for each in found], [each.high for each in found] - value], 0.0)
    ax.errorbar(
        [row.robots for row in rows], value, reach, fmt=f"{mark}-", color=colour, markersize=5, linewidth=1.4, capsize=2.5, label=label
    )


def _grows(ax: Axes, robots: np.ndarray, cost: np.ndarray, title: str) -> None:
    """On logarithmic axes, where what grows with N is as steep as the grey line."""
    ax.plot(robots, cost[0] * robots / robots[0], color=_GUIDE, linewidth=1.0, linestyle=":")
    ax.plot(robots, cost, "o-", color="#0072B2", markersize=4, linewidth=1.4)
    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter("{x:g}")
    ax.minorticks_off()
    _says(ax, f"{title}; dotted: in proportion to N")


def _says(ax: Axes, title: str) -> None:
    ax.set_title(title, fontsize=9, loc="left", color=_INK)
