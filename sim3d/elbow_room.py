"""Starts that bodies can take: simple_spread lets robots begin inside one another, solid ones cannot."""

from __future__ import annotations

from itertools import combinations

import numpy as np

START_GAP = 0.01
"""Bodies are at least this far from each other when an episode begins [m]."""

_ROUNDS = 1000


def apart(starts: np.ndarray, distance: float | np.ndarray) -> np.ndarray:
    """Move starts that are too close as far apart as they must be, and leave all others where they are.

    Each two robots that are too close move away from each other by half of what is missing, again and again until none are. An episode's
    starts depend on that episode alone.

    Args:
        starts: [B, N, 2], m.
        distance: that two robots need at least [m]; one for all, or [N, N] for each two.

    Returns:
        [B, N, 2], m.
    """
    moved = np.array(starts, dtype=np.float64)
    apart_by = np.broadcast_to(distance, (moved.shape[1], moved.shape[1]))
    for points in moved:
        pairs = list(combinations(range(len(points)), 2))
        for _ in range(_ROUNDS):
            if sum(_part(points, first, second, float(apart_by[first, second])) for first, second in pairs) == 0:
                break
    return moved


def _part(points: np.ndarray, first: int, second: int, distance: float) -> bool:
    """Part two of the points, in place, if they are too close; says whether they were."""
    offset = points[second] - points[first]
    length = float(np.hypot(*offset))
    if length >= distance:
        return False
    direction = offset / length if length > 0 else np.array([1.0, 0.0])
    # A touch more than is missing, or rounding could leave them too close for ever.
    push = 0.5 * (distance - length) * direction + 1e-9 * direction
    points[first] -= push
    points[second] += push
    return True
