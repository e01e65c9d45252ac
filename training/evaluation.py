"""What a policy in training is worth: its most likely actions, on layouts that are the same at every evaluation."""

from __future__ import annotations

import numpy as np
import torch

from sim3d.disturbance import Disturbances
from sim3d.profile import Profile
from sim3d.spread import DT
from sim3d.world import random_layouts
from training.ippo import Ippo
from training.rollout import team_observation

EVALUATION_SEED = 1_000_003
"""Of the layouts; training never draws from it."""


@torch.no_grad()
def greedy_trajectories(learner: Ippo, episodes: int, horizon: int, profile: Profile) -> tuple[np.ndarray, np.ndarray]:
    """Run the most likely actions in `spread`, disturbed by `profile`.

    Args:
        learner: whose policy.
        episodes: E.
        horizon: steps T.
        profile: disturbances.

    Returns:
        positions [E, T + 1, N, 2] and landmarks [E, L, 2].
    """
    world, front_end = learner.world, learner.front_end
    layouts = random_layouts(episodes, world.robots, world.landmarks, world.arena_half_size, EVALUATION_SEED)
    disturbances = Disturbances(profile, layouts.seeds, world.robots, DT, like=torch.zeros(0))
    state = world.reset(layouts)
    memory = front_end.initial_memory().expand(world.robots, episodes, -1)
    inner = torch.zeros(world.robots, episodes, learner.policy.actors.memory_size)
    positions = [state.position]
    for _ in range(horizon):
        observation = team_observation(front_end.layout, disturbances.sense(state), state.landmarks, disturbances.latency)
        look = front_end.look(observation, memory)
        out, inner = learner.policy.actors.step(look.seen, inner)
        force = learner.policy.greedy_force(out)
        memory = front_end.remember(look.carried, force)
        state = world.step(state, disturbances.actuate(force.transpose(0, 1)))
        positions.append(state.position)
    return torch.stack(positions, dim=1).double().numpy(), state.landmarks.double().numpy()
