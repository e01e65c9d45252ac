"""Top-down pictures of recorded missions: who started where, which way it went, and what was covered in the end."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.legend_handler import HandlerTuple
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, Rectangle

from runtime.atomic import write_atomically

ROBOT_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""One colour a robot, told apart by colour-blind readers too (Okabe and Ito 2008, without yellow and black); in pictures and replays."""

_INK = "#333333"
_GRID = "#E9E9E9"
_MARK = "#DDDDDD"
_TRAIL = {"color": "#777777", "linewidth": 1.1, "linestyle": (0, (1, 1.5))}
"""The way of a landmark that moves."""
_FADED = 0.3
"""Share of its colour that a trajectory has where it starts; it grows to 1 where it ends."""


def robot_colour(agent: int) -> tuple[float, float, float]:
    """The colour of a robot, red, green and blue in [0, 1]; colours come again after the sixth robot."""
    return to_rgb(ROBOT_COLOURS[agent % len(ROBOT_COLOURS)])


def trajectory_picture(
    positions: np.ndarray,
    landmarks: np.ndarray,
    capture_radius: float,
    robot_radius: float | np.ndarray,
    arena_half_size: float,
    path: str | Path,
    title: str = "",
) -> None:
    """Draw one mission as a PNG.

    Args:
        positions: [T + 1, N, 2], m, world frame.
        landmarks: [L, 2], m, world frame; of those that move [T + 1, L, 2].
        capture_radius: a landmark is covered within this [m].
        robot_radius: [m], of all robots, or [N] of each.
        arena_half_size: robots and landmarks start within +-this on both axes [m].
        path: of the PNG.
        title: one line above the picture.
    """
    _save([positions], [landmarks], capture_radius, robot_radius, arena_half_size, Path(path), [title], columns=1, panel=5.6)


def missions_picture(
    positions: Sequence[np.ndarray],
    landmarks: Sequence[np.ndarray],
    capture_radius: float,
    robot_radius: float | np.ndarray,
    arena_half_size: float,
    path: str | Path,
    titles: Sequence[str],
    columns: int = 3,
) -> None:
    """Draw several missions side by side, on the same axes, as one PNG.

    Args:
        positions: M arrays [T + 1, N, 2], m, world frame; T may differ.
        landmarks: M arrays [L, 2], or [T + 1, L, 2] of those that move, m, world frame.
        capture_radius: a landmark is covered within this [m].
        robot_radius: [m], of all robots, or [N] of each.
        arena_half_size: robots and landmarks start within +-this on both axes [m].
        path: of the PNG.
        titles: M lines, one above each mission.
        columns: missions in a row.
    """
    _save(positions, landmarks, capture_radius, robot_radius, arena_half_size, Path(path), titles, columns, panel=3.4)


def _save(
    positions: Sequence[np.ndarray],
    landmarks: Sequence[np.ndarray],
    capture_radius: float,
    robot_radius: float | np.ndarray,
    arena_half_size: float,
    path: Path,
    titles: Sequence[str],
    columns: int,
    panel: float,
) -> None:
    columns = min(columns, len(positions))
    rows = math.ceil(len(positions) / columns)
    figure = Figure(figsize=(panel * columns, panel * rows + 0.7), dpi=150, layout="constrained", facecolor="white")
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08)
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    reach = max(arena_half_size, *(float(np.abs(points).max()) for points in (*positions, *landmarks)))
    limit = max(1.05 * arena_half_size, reach + 1.3 * float(np.max(robot_radius)))
    for ax, trajectory, marks, title in zip(axes.flat, positions, landmarks, titles, strict=False):
        _draw_mission(ax, np.asarray(trajectory), np.asarray(marks), capture_radius, robot_radius, arena_half_size)
        ax.set(xlim=(-limit, limit), ylim=(-limit, limit))
        ax.set_title(title, loc="left", fontsize=10, color=_INK)
    for ax in axes.flat[len(positions) :]:
        ax.set_axis_off()
    for ax in axes[:, 0]:
        ax.set_ylabel("y [m]", color=_INK)
    for column in range(columns):
        below = axes[(len(positions) - 1 - column) // columns, column]
        below.set_xlabel("x [m]", color=_INK)
        below.tick_params(labelbottom=True)
    robots = max(np.asarray(trajectory).shape[1] for trajectory in positions)
    move = any(np.ndim(marks) == 3 for marks in landmarks)
    _legend(figure, robots, capture_radius, move, per_row=5 if columns == 1 else 8)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    write_atomically(path, buffer.getvalue())


def _draw_mission(
    ax: Axes, positions: np.ndarray, landmarks: np.ndarray, capture_radius: float, robot_radius: float | np.ndarray, arena: float
) -> None:
    ax.set_aspect("equal")
    ax.set_axisbelow(True)
    ax.grid(color=_GRID, linewidth=0.8)
    ax.tick_params(colors=_INK, labelsize=8, length=0)
    ax.spines[:].set_visible(False)
    ax.add_patch(Rectangle((-arena, -arena), 2 * arena, 2 * arena, fill=False, edgecolor="#9A9A9A", linewidth=1.0, zorder=1))
    at_the_end = landmarks if landmarks.ndim == 2 else landmarks[-1]
    if landmarks.ndim == 3:
        for way in np.moveaxis(landmarks, 1, 0):
            ax.plot(*way.T, **_TRAIL, zorder=1.5)
    for x, y in at_the_end:
        ax.add_patch(Circle((x, y), capture_radius, facecolor=_MARK, linewidth=0, zorder=2))
        ax.add_patch(Circle((x, y), capture_radius, fill=False, edgecolor=_INK, linewidth=0.9, linestyle=(0, (3, 2)), zorder=6))
        ax.plot(x, y, marker="+", markersize=8, markeredgewidth=1.3, color=_INK, zorder=7)
    radii = np.broadcast_to(robot_radius, positions.shape[1])
    for agent in range(positions.shape[1]):
        colour = robot_colour(agent)
        trajectory = positions[:, agent]
        ax.add_collection(_fading_line(trajectory, colour))
        ax.plot(*trajectory[0], marker="o", markersize=5, markerfacecolor="white", markeredgecolor=colour, markeredgewidth=1.4, zorder=5)
        ax.add_patch(Circle(trajectory[-1], radii[agent], facecolor=(*colour, 0.4), edgecolor=colour, linewidth=1.6, zorder=4))


def _fading_line(points: np.ndarray, colour: tuple[float, float, float]) -> LineCollection:
    """Through points [T + 1, 2], from pale to full colour, so that the eye sees who was where at the same time."""
    share = np.linspace(_FADED, 1.0, max(len(points) - 1, 1))[:, None]
    segments = np.stack([points[:-1], points[1:]], axis=1)
    colours = share * np.asarray(colour) + (1.0 - share)
    return LineCollection(list(segments), colors=colours, linewidths=2.2, capstyle="round", zorder=3)


def _legend(figure: Figure, robots: int, capture_radius: float, landmarks_move: bool, per_row: int) -> None:
    entries: list[tuple[object, str]] = []
    for agent in range(robots):
        colour = robot_colour(agent)
        line = Line2D([], [], color=colour, linewidth=2.2)
        body = Line2D([], [], linestyle="", marker="o", markersize=10, markerfacecolor=(*colour, 0.4), markeredgecolor=colour)
        entries.append(((line, body), f"r{agent}"))
    start = Line2D([], [], linestyle="", marker="o", markersize=5, markerfacecolor="white", markeredgecolor=_INK, markeredgewidth=1.4)
    disc = Line2D([], [], linestyle="", marker="o", markersize=10, markerfacecolor=_MARK, markeredgecolor=_INK, markeredgewidth=0.9)
    cross = Line2D([], [], linestyle="", marker="+", markersize=6, markeredgewidth=1.3, color=_INK)
    entries += [(start, "start"), ((disc, cross), f"landmark, capture radius {capture_radius:.3g} m")]
    if landmarks_move:
        entries.append((Line2D([], [], **_TRAIL), "its way"))
    handles, labels = zip(*entries, strict=True)
    figure.legend(
        handles,
        labels,
        handler_map={tuple: HandlerTuple(ndivide=1)},
        loc="outside lower center",
        ncols=min(per_row, len(labels)),
        frameon=False,
        fontsize=8.5,
        labelcolor=_INK,
        columnspacing=1.6,
    )
