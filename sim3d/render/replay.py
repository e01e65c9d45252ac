"""A recorded mission drawn again in PyBullet, without a screen, as the frames of an animation.

The record is the truth here: nothing is simulated, robots are put where they were and photographed by PyBullet's software renderer.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from runtime.atomic import write_atomically
from sim3d.picture import robot_colour
from sim3d.quiet_pybullet import pybullet
from sim3d.render.mesh import disc
from sim3d.render.robot import DrawnRobot, height_of
from sim3d.render.stage import Colour, Stage
from sim3d.spread_task import distances

_COLOURS = 128
"""In the palette of a GIF: half a dozen hues in a few shades each; of 64, those of small robots are mixed up."""

_REST_MS = 1500
"""How long a GIF shows its last frame before it begins again [ms]."""

_BODY = 0.15
"""Above the height at which robots move, the room that the camera leaves for what stands out, of the arena's half-size."""

_RING: Colour = (0.22, 0.22, 0.24)
_DISC: Colour = (0.93, 0.93, 0.94)
_COVERED: Colour = (0.94, 0.89, 0.26)
"""Okabe and Ito's yellow, which no robot has."""

_LANDMARK: tuple[tuple[float, Colour, int], ...] = ((1.0, _RING, 2), (0.88, _DISC, 3), (0.12, _RING, 4))
"""The discs of a landmark: radius as a share of the capture radius, colour, layer."""
_PALE = 1
"""Which of them is painted when it is covered."""


def replay_frames(
    positions: np.ndarray,
    landmarks: np.ndarray,
    kinds: Sequence[str],
    arena_half_size: float,
    capture_radius: float,
    headings: np.ndarray | None = None,
) -> list[np.ndarray]:
    """Draw every recorded pose of a mission; landmarks are yellow while they are covered.

    Args:
        positions: [T + 1, N, 2], m, world frame.
        landmarks: [L, 2], m, world frame; of those that move [T + 1, L, 2].
        kinds: of the N robots.
        arena_half_size: robots and landmarks start within +-this on both axes [m].
        capture_radius: a landmark is covered within this [m].
        headings: [T + 1, N], rad; all zero where a record has none.

    Returns:
        T + 1 images [HEIGHT, WIDTH, 3], red, green and blue in 0 ... 255.
    """
    if headings is None:
        headings = np.zeros(positions.shape[:2])
    spots = np.broadcast_to(landmarks, (len(positions), *landmarks.shape[-2:]))
    covered = (distances(positions, spots) < capture_radius).any(axis=1)
    client = pybullet.connect(pybullet.DIRECT)
    try:
        stage = Stage(client, arena_half_size, max(map(height_of, kinds)) + _BODY * arena_half_size)
        stage.lay_floor()
        discs = [_lay_landmark(stage, landmark, capture_radius) for landmark in spots[0]]
        robots = [DrawnRobot(stage, kind, robot_colour(agent), arena_half_size) for agent, kind in enumerate(kinds)]
        yellow = np.zeros(len(discs), dtype=bool)
        frames = []
        for tick, points in enumerate(positions):
            for robot, point, heading in zip(robots, points, headings[tick], strict=True):
                robot.move(point, heading)
            for landmark in np.flatnonzero(covered[tick] != yellow):
                stage.paint(discs[landmark][_PALE], _COVERED if covered[tick, landmark] else _DISC)
            if landmarks.ndim == 3:
                for bodies, spot in zip(discs, spots[tick], strict=True):
                    for body, (_, _, layer) in zip(bodies, _LANDMARK, strict=True):
                        stage.move(body, [*spot, layer * stage.layer])
            yellow = covered[tick]
            frames.append(stage.photograph())
        return frames
    finally:
        pybullet.disconnect(client)


def mission_gif(frames: Sequence[np.ndarray], path: str | Path, period: float) -> None:
    """Write frames as an endless GIF that rests on its last frame.

    Args:
        frames: images [height, width, 3], red, green and blue in 0 ... 255.
        path: of the GIF.
        period: time from frame to frame [s]; at least 0.02, since viewers slow down faster ones. GIF counts in hundredths of a second.

    Raises:
        InputError: the file cannot be written.
    """
    # One palette for all frames: each then differs from the one before only where something moved, and only that is stored.
    palette = Image.fromarray(np.concatenate([frames[0], frames[len(frames) // 2], frames[-1]])).quantize(_COLOURS)
    images = [Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    durations = [round(1000 * period)] * (len(images) - 1) + [_REST_MS]
    buffer = io.BytesIO()
    images[0].save(buffer, format="GIF", save_all=True, append_images=images[1:], duration=durations, loop=0, optimize=False)
    write_atomically(path, buffer.getvalue())


def _lay_landmark(stage: Stage, point: np.ndarray, radius: float) -> list[int]:
    """A pale disc with a dark rim at the capture radius and a dot in its middle; returns their bodies."""
    return [stage.put(stage.shape(disc(share * radius), colour), [*point, layer * stage.layer]) for share, colour, layer in _LANDMARK]
