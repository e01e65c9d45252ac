"""Step responses beside the planar model and what is published of the machine, and where random sequences led."""

from __future__ import annotations

import io
import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim3d.characterise.planar_identification import padded, planar_track
from sim3d.characterise.report import Characterisation
from sim3d.characterise.step_response import Response

ALONG, ACROSS, MODEL, SPEC, PUBLISHED = "#0072B2", "#D55E00", "#000000", "#009E73", "#CC79A7"
"""Told apart by colour-blind readers too (Okabe and Ito 2008)."""
_SHOWN = 3
"""Random sequences that are drawn."""


def responses_picture(found: Characterisation, title: str) -> bytes:
    """A PNG."""
    panels = len(found.responses) + bool(found.plan.sequences)
    columns = 2
    figure = Figure(figsize=(11.0, 3.6 * math.ceil(panels / columns) + 0.6), dpi=130, layout="constrained", facecolor="white")
    axes = figure.subplots(math.ceil(panels / columns), columns, squeeze=False)
    for ax, response in zip(axes.flat, found.responses, strict=False):
        _draw_steps(ax, found, response)
    if found.plan.sequences:
        _draw_sequences(axes.flat[panels - 1], found)
    for ax in axes.flat[panels:]:
        ax.set_axis_off()
    figure.suptitle(title, fontsize=11, x=0.01, ha="left")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _draw_steps(ax: Axes, found: Characterisation, response: Response) -> None:
    for number, each in enumerate(response.velocity):
        ax.plot(response.times, each[:, 0], color=ALONG, linewidth=1.0, alpha=0.7, label=None if number else "along")
        ax.plot(response.times, each[:, 1], color=ACROSS, linewidth=1.0, alpha=0.7, label=None if number else "across")
    setpoints = np.zeros((len(response.times) - 1, 1, 2))
    setpoints[..., 0] = response.speed
    models = (
        (found.model.spec(found.spec), found.model.gain, MODEL, "--", "planar, identified"),
        (found.spec, 1.0, SPEC, ":", "planar, spec"),
    )
    for spec, gain, colour, style, label in models:
        _, velocity = planar_track(spec, gain * setpoints)
        ax.plot(response.times, velocity[:, 0, 0] / response.speed, color=colour, linestyle=style, linewidth=1.4, label=label)
    if response.speed >= found.spec.speed_limit:
        for figure in found.published:
            if figure.measure == "top_speed":
                label = f"published {figure.value:g} m/s" + (f" ({figure.condition})" if figure.condition else "")
                ax.axhline(figure.value / response.speed, color=PUBLISHED, linewidth=1.0, linestyle="-.", label=label)
    ax.axhline(0.0, color="#999999", linewidth=0.6)
    ax.set_title(f"step to {response.speed:.3g} m/s, {len(response.velocity)} directions", loc="left", fontsize=10)
    ax.set_xlabel("time since the command [s]")
    ax.set_ylabel("velocity, of the step")
    ax.grid(color="#E9E9E9", linewidth=0.8)
    ax.legend(fontsize=8, frameon=False, loc="center right")


def _draw_sequences(ax: Axes, found: Characterisation) -> None:
    shown = found.plan.sequences[:_SHOWN]
    setpoints = padded([found.plan.setpoints[begin:end] for begin, end in shown])
    models = (
        (found.model.spec(found.spec), found.model.gain, MODEL, "--", "planar, identified"),
        (found.spec, 1.0, SPEC, ":", "planar, spec"),
    )
    tracks = [(planar_track(spec, gain * setpoints)[0], colour, style, label) for spec, gain, colour, style, label in models]
    for index, (begin, end) in enumerate(shown):
        way = found.track.position[begin:end] - found.track.position[begin]
        ax.plot(*way.T, color=ALONG, linewidth=1.6, label=None if index else "measured")
        for position, colour, style, label in tracks:
            ax.plot(*position[: end - begin, index].T, color=colour, linestyle=style, linewidth=1.2, label=None if index else label)
    ax.set_aspect("equal", adjustable="datalim")
    ax.set_title(f"{len(shown)} random sequences, from rest at the origin", loc="left", fontsize=10)
    ax.set_xlabel("x [m]")
    ax.set_ylabel("y [m]")
    ax.grid(color="#E9E9E9", linewidth=0.8)
    ax.legend(fontsize=8, frameon=False)
