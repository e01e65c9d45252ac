"""Rollouts: whole episodes of a team in a batched world, as the learner reads them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from runtime.observation import SIMPLE_SPREAD_V3, observe, views_of_team
from sim3d.spread import ROBOT_RADIUS, SpreadWorld
from sim3d.spread_task import reward
from sim3d.world import WorldState
from training.policies import TeamPolicy


@dataclass
class Batch:
    """T steps of B episodes of N robots.

    Attributes:
        observation: [T + 1, N, B, D]; the last one is that after the last step.
        choice: [T, N, B, ...], as the policy drew it.
        log_probability: [T, N, B].
        reward: [T, N, B].
    """

    observation: Tensor
    choice: Tensor
    log_probability: Tensor
    reward: Tensor


def random_start(world: SpreadWorld, episodes: int, generator: torch.Generator) -> WorldState:
    """Episodes with robots and landmarks uniform in the arena, as simple_spread draws them."""
    points = torch.rand(episodes, world.robots + world.landmarks, 2, generator=generator) * 2 - 1
    return world.begin(points[:, : world.robots], points[:, world.robots :])


def team_observation(state: WorldState) -> Tensor:
    """What all robots of a batch observe, robots first: [N, B, D]."""
    view = views_of_team(state.position, state.velocity, state.landmarks)
    return observe(SIMPLE_SPREAD_V3, view).transpose(0, 1)


@torch.no_grad()
def collect(world: SpreadWorld, policy: TeamPolicy, episodes: int, horizon: int, local_ratio: float, generator: torch.Generator) -> Batch:
    """Run B = `episodes` whole episodes of T = `horizon` steps with sampled choices."""
    state = random_start(world, episodes, generator)
    observations, choices, log_probabilities, rewards = [team_observation(state)], [], [], []
    for _ in range(horizon):
        choice, log_probability = policy.sample(observations[-1], generator)
        state = world.step(state, policy.force(choice).transpose(0, 1))
        observations.append(team_observation(state))
        choices.append(choice)
        log_probabilities.append(log_probability)
        rewards.append(reward(state.position, state.landmarks, ROBOT_RADIUS, local_ratio).T)
    return Batch(torch.stack(observations), torch.stack(choices), torch.stack(log_probabilities), torch.stack(rewards))
