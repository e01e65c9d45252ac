"""Scoring of the task `spread`: cover every landmark, touch nobody."""

from __future__ import annotations

from typing import Any

import numpy as np
from array_api_compat import array_namespace, device

Array = Any


def distances(position: Array, landmarks: Array) -> Array:
    """Distance of every robot to every landmark: [..., N, 2] and [..., L, 2] to [..., N, L], m."""
    xp = array_namespace(position)
    # By component: a sum over an axis of two costs more than everything else here.
    x = position[..., :, None, 0] - landmarks[..., None, :, 0]
    y = position[..., :, None, 1] - landmarks[..., None, :, 1]
    return xp.sqrt(x * x + y * y)


def separations(position: Array) -> Array:
    """Distance between every two robots: [..., N, 2] to [..., N, N], m, zero on the diagonal."""
    return distances(position, position)


def reward(position: Array, landmarks: Array, robot_radius: float | np.ndarray, local_ratio: float = 0.5, unit: float = 1.0) -> Array:
    """Reward of each robot, as simple_spread_v3 gives it.

    (1 - local_ratio) * (- sum over landmarks of the nearest robot's distance) - local_ratio * (robots that I touch)

    Args:
        position: [..., N, 2], m.
        landmarks: [..., L, 2], m.
        robot_radius: [m], of all robots, or [N] of each; two touch when they are closer than both radii together.
        local_ratio: weight of the own contacts against the team's coverage.
        unit: length that counts as 1 in the coverage term [m]; the arena's half size makes worlds of any size comparable.

    Returns:
        [..., N].
    """
    xp = array_namespace(position)
    covering = -xp.sum(xp.min(distances(position, landmarks), axis=-2), axis=-1) / unit
    reach = 2 * robot_radius
    if isinstance(robot_radius, np.ndarray):
        reach = xp.asarray(np.add.outer(robot_radius, robot_radius), dtype=position.dtype, device=device(position))
    touching = xp.astype(separations(position) < reach, position.dtype)
    touched = xp.sum(touching, axis=-1) - 1.0  # everyone touches itself
    return (1.0 - local_ratio) * covering[..., None] - local_ratio * touched


def all_covered(position: Array, landmarks: Array, radius: float) -> Array:
    """Whether every landmark has a robot closer than `radius` [m]: [..., N, 2] and [..., L, 2] to [...] booleans."""
    xp = array_namespace(position)
    return xp.all(xp.min(distances(position, landmarks), axis=-2) < radius, axis=-1)
