"""What a policy in training is worth: its most likely actions, on layouts that are the same at every evaluation."""

from __future__ import annotations

import numpy as np
import torch

from sim3d.world import random_layouts
from training.ippo import Ippo
from training.rollout import team_observation

EVALUATION_SEED = 1_000_003
"""Of the layouts; training never draws from it."""


@torch.no_grad()
def greedy_trajectories(learner: Ippo, episodes: int, horizon: int) -> tuple[np.ndarray, np.ndarray]:
    """Run the most likely actions in `spread`.

    Args:
        learner: whose policy.
        episodes: E.
        horizon: steps T.

    Returns:
        positions [E, T + 1, N, 2] and landmarks [E, L, 2].
    """
    world = learner.world
    state = world.reset(random_layouts(episodes, world.robots, world.landmarks, world.arena_half_size, EVALUATION_SEED))
    positions = [state.position]
    for _ in range(horizon):
        state = world.step(state, learner.policy.greedy_force(team_observation(state)).transpose(0, 1))
        positions.append(state.position)
    return torch.stack(positions, dim=1).double().numpy(), state.landmarks.double().numpy()
