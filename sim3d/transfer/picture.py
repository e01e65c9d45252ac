"""A transfer table as a picture: one column of panels a bundle; success, time and contacts over profiles, one mark a world."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sim3d.team_name import team_name
from sim3d.transfer.figures import TransferRow
from sim3d.transfer.plan import WORLDS, TransferManifest

_MARKS = dict(zip(WORLDS, (("#0072B2", "o"), ("#E69F00", "D"), ("#0072B2", "s"), ("#D55E00", "^")), strict=True))
"""World -> colour and shape; told apart by colour-blind readers too (Okabe and Ito 2008), and by their shapes in print."""
_PANELS = (("success_body", "success_body"), ("time_to_cover", "time to cover [s]"), ("contacts", "contacts a mission"))
_INK, _GRID = "#333333", "#E9E9E9"
_APART = 0.36
"""Between the marks of two worlds, of the distance between two profiles."""


def transfer_picture(manifest: TransferManifest, rows: Sequence[TransferRow], title: str) -> bytes:
    """A PNG."""
    columns = len(manifest.bundles)
    size = (max(6.4, 1.0 + 2.7 * columns), 7.6)
    figure = Figure(figsize=size, dpi=130, layout="constrained", facecolor="white")
    axes = figure.subplots(len(_PANELS), columns, squeeze=False, sharex=True)
    profiles, worlds = list(manifest.profiles), [world for world in WORLDS if any(row.world == world for row in rows)]
    for column, bundle in enumerate(manifest.bundles):
        own = [row for row in rows if row.bundle == bundle.name]
        for ax, (name, _) in zip(axes[:, column], _PANELS, strict=True):
            _draw(ax, own, name, profiles)
        axes[0, column].set_title(f"{bundle.name}\n{team_name(bundle.kinds)}", loc="left", fontsize=9, color=_INK)
        axes[0, column].set_ylim(-0.04, 1.12)
    for ax, (_, label) in zip(axes[:, 0], _PANELS, strict=True):
        ax.set_ylabel(label, fontsize=9, color=_INK)
    tops = np.maximum([[ax.get_ylim()[1] for ax in panels] for panels in axes[1:]], 0.1)
    # Times go with the robots' speed; contacts of all bundles can be compared.
    tops[1] = tops[1].max()
    for ax, top in zip(axes[1:].flat, tops.flat, strict=True):
        ax.set_ylim(-0.04 * top, 1.05 * top)
    handles = [Line2D([], [], color=_MARKS[world][0], marker=_MARKS[world][1], linestyle="", label=world) for world in worlds]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False, fontsize=9, labelcolor=_INK)
    figure.suptitle(title, fontsize=10, x=0.01, ha="left", color=_INK)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _draw(ax: Axes, rows: Sequence[TransferRow], name: str, profiles: Sequence[str]) -> None:
    ax.set_axisbelow(True)
    ax.grid(axis="y", color=_GRID, linewidth=0.8)
    ax.tick_params(colors=_INK, labelsize=8, length=0)
    ax.spines[:].set_visible(False)
    ax.set_xticks(range(len(profiles)), profiles)
    ax.set_xlim(-0.6, len(profiles) - 0.4)
    worlds = list(dict.fromkeys(row.world for row in rows))
    for index, world in enumerate(worlds):
        known = [row for row in rows if row.world == world and row.figures[name].value is not None]
        if not known:
            continue
        colour, mark = _MARKS[world]
        places = np.array([profiles.index(row.profile) for row in known]) + _APART * (index - 0.5 * (len(worlds) - 1))
        value, low, high = (np.array([getattr(row.figures[name], end) for row in known], dtype=float) for end in ("value", "low", "high"))
        reach = np.maximum([value - low, high - value], 0.0)
        ax.errorbar(places, value, yerr=reach, fmt=mark, color=colour, markersize=5, elinewidth=1.4, capsize=2.5)
        if name == "success_body":
            for place, height, top in zip(places, value, high, strict=True):
                ax.annotate(f"{height:.2f}", (place, top), (0, 4), textcoords="offset points", ha="center", fontsize=6.5, color=_INK)
