"""Robots that do not stay where they arrived: they leave a landmark and come back to it."""

from __future__ import annotations

import numpy as np

from sim3d.landmark_track import at_ticks
from sim3d.spread_task import distances

ARRIVED = 1.0
LEFT = 1.5
"""In radii of the robot: it has arrived when its body is over the landmark, and left when there is half a radius between them. For
simple_spread's robots that is 0.225 units; discrete ones rest on a lattice of 0.2 and are not meant when they dither around a landmark."""


def share_coming_back(position: np.ndarray, landmarks: np.ndarray, robot_radius: np.ndarray) -> np.ndarray:
    """Share of the robots that arrived at a landmark, left it, and arrived at the same one again.

    Args:
        position: [E, T, N, 2], m, at every control step.
        landmarks: [E, L, 2], or [E, T, L, 2] of those that move, m.
        robot_radius: [N], m.

    Returns:
        [E], from 0 to 1.
    """
    away = distances(position, at_ticks(landmarks, slice(None))) / robot_radius[:, None]
    arrivals = np.zeros(away[:, 0].shape, dtype=int)
    there = np.zeros(away[:, 0].shape, dtype=bool)
    for now in np.moveaxis(away, 1, 0):
        arrives = ~there & (now < ARRIVED)
        arrivals += arrives
        there = (there | arrives) & (now <= LEFT)
    return (arrivals > 1).any(axis=-1).mean(axis=-1)
