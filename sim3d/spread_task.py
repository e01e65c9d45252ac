"""Scoring of the task `spread`: cover every landmark, touch nobody."""

from __future__ import annotations

from typing import Any

import numpy as np
from array_api_compat import array_namespace, device

Array = Any


def distances(position: Array, landmarks: Array) -> Array:
    """Distance of every robot to every landmark: [..., N, 2] and [..., L, 2] to [..., N, L], m; leading axes are broadcast."""
    return _turned(_distances_turned(position, landmarks))


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
    uncovered = xp.sum(xp.min(_distances_turned(position, landmarks), axis=1), axis=0)
    apart = _distances_turned(position, position)
    reach = 2 * robot_radius
    if isinstance(robot_radius, np.ndarray):
        reach = np.add.outer(robot_radius, robot_radius).reshape(*apart.shape[:2], *[1] * (apart.ndim - 2))
        reach = xp.asarray(reach, dtype=position.dtype, device=device(position))
    touched = xp.sum(xp.astype(apart < reach, position.dtype), axis=0) - 1.0  # everyone touches itself
    return _turned(uncovered * ((local_ratio - 1.0) / unit) - touched * local_ratio)


def all_covered(position: Array, landmarks: Array, radius: float) -> Array:
    """Whether every landmark has a robot closer than `radius` [m]: [..., N, 2] and [..., L, 2] to [...] booleans."""
    xp = array_namespace(position)
    return _turned(xp.all(xp.min(_distances_turned(position, landmarks), axis=1) < radius, axis=0))


def _distances_turned(position: Array, landmarks: Array) -> Array:
    """The same with the axes in reverse: [L, N, ...].

    A sum over robots or landmarks is then one of whole rows of episodes, and several times as fast as over the two or three numbers of an
    episode; so is the distance by component.
    """
    xp = array_namespace(position)
    places, spots = _turned(position)[:, None], _turned(landmarks)[:, :, None]
    # Leading axes that one has fewer of would be the last ones here, where nothing broadcasts them.
    places, spots = places[(..., *[None] * (spots.ndim - places.ndim))], spots[(..., *[None] * (places.ndim - spots.ndim))]
    gap = places - spots
    return xp.sqrt(gap[0] * gap[0] + gap[1] * gap[1])


def _turned(array: Array) -> Array:
    return array_namespace(array).permute_dims(array, tuple(reversed(range(array.ndim))))
