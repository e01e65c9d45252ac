"""Where the landmarks of recorded episodes are: [E, L, 2] where they stand still, [E, T + 1, L, 2], one for each tick, where they move."""

from __future__ import annotations

import numpy as np


def at_ticks(landmarks: np.ndarray, ticks: slice) -> np.ndarray:
    """Where they are at some of the ticks, to be set against positions [E, K, N, 2] of those ticks.

    Args:
        landmarks: [E, L, 2] or [E, T + 1, L, 2], m.
        ticks: K of the T + 1.

    Returns:
        [E, K, L, 2], or [E, 1, L, 2] of those that stand still, m.
    """
    return landmarks[:, None] if landmarks.ndim == 3 else landmarks[:, ticks]


def at_end(landmarks: np.ndarray) -> np.ndarray:
    """Where they are at the last tick: [E, L, 2], m."""
    return landmarks if landmarks.ndim == 3 else landmarks[:, -1]
