"""The ceiling: a centralised controller of world `spread` that sees the true state of all robots and knows how late their forces act."""

from __future__ import annotations

from itertools import permutations

import numpy as np

from sim3d.disturbances.delay import FractionalDelay, split_ticks
from sim3d.spread import DT, SpreadWorld
from sim3d.world import Layouts, WorldState
from training.similarity import KEEP, PUSH

COAST = DT / (1.0 - KEEP)
"""How far a robot coasts for each unit of its velocity: 0.1 (1 + 0.75 + 0.75^2 + ...)."""
REACH = COAST * PUSH
"""How far one full force moves the point where a robot comes to rest: 0.2."""


def oracle_missions(layouts: Layouts, latency: float, horizon: int) -> np.ndarray:
    """Drive every robot's resting point to the landmark that the best assignment gives it.

    The assignment makes the longest way of all as short as can be, and then all ways together: the longest alone often leaves the other
    robots two ways, one of which crosses. A force that is still under way moves the resting point by 0.2 as well.

    Args:
        layouts: of B missions.
        latency: from a force's choice to its effect, the same for all robots [s].
        horizon: steps T.

    Returns:
        True positions [B, T + 1, N, 2].
    """
    world, delay = SpreadWorld(layouts.starts.shape[1]), FractionalDelay(latency / DT)
    whole, share = split_ticks(latency / DT)
    state = world.reset(layouts)
    goals = _assigned(layouts)
    # Newest first; of the oldest one a share has acted already.
    pending = np.zeros((whole + 1, *goals.shape))
    weights = np.array([1.0] * whole + [share])
    positions = [state.position]
    for _ in range(horizon):
        rest = _resting_point(state) + REACH * np.tensordot(weights, pending, axes=1)
        force = np.clip((goals - rest) / REACH, -1.0, 1.0)
        pending = np.concatenate([force[None], pending[:-1]])
        state = world.step(state, delay(force))
        positions.append(state.position)
    return np.stack(positions, axis=1)


def _resting_point(state: WorldState) -> np.ndarray:
    return state.position + COAST * state.velocity


def _assigned(layouts: Layouts) -> np.ndarray:
    """The landmark [B, N, 2] of each robot, by trying all assignments."""
    robots = layouts.starts.shape[1]
    assignments = np.array(list(permutations(range(robots))))
    goals = layouts.landmarks[:, assignments]
    ways = np.linalg.norm(goals - layouts.starts[:, None], axis=-1)
    longest, total = ways.max(axis=-1), ways.sum(axis=-1)
    best = np.where(longest == longest.min(axis=1, keepdims=True), total, np.inf).argmin(axis=1)
    return goals[np.arange(len(layouts)), best]
