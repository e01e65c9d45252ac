"""Rollouts: whole episodes of a team in a batched, disturbed world, as the learner reads them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from runtime.observation import SIMPLE_SPREAD_V3, observe, of_others, views_of_team
from sim3d.disturbance import Disturbances
from sim3d.profile import Profile
from sim3d.sensing import Measurement
from sim3d.spread import DT, ROBOT_RADIUS, SpreadWorld
from sim3d.spread_task import reward
from sim3d.world import WorldState
from training.critics import CriticView
from training.front_ends import FrontEnd
from training.policies import TeamPolicy


@dataclass
class Batch:
    """T steps of B episodes of N robots.

    Attributes:
        seen: [T + 1, N, B, D], what the actors read; the last one is that after the last step.
        judged: [T + 1, B, E], what the critics read.
        choice: [T, N, B, ...], as the policy drew it.
        log_probability: [T, N, B].
        reward: [T, N, B].
    """

    seen: Tensor
    judged: Tensor
    choice: Tensor
    log_probability: Tensor
    reward: Tensor


def random_start(world: SpreadWorld, episodes: int, generator: torch.Generator) -> WorldState:
    """Episodes with robots and landmarks uniform in the arena, as simple_spread draws them."""
    points = torch.rand(episodes, world.robots + world.landmarks, 2, generator=generator) * 2 - 1
    return world.begin(points[:, : world.robots], points[:, world.robots :])


def random_disturbances(profile: Profile, robots: int, episodes: int, generator: torch.Generator) -> Disturbances:
    """Disturbances of a batch, drawn afresh."""
    seeds = torch.randint(2**62, (episodes,), generator=generator).numpy()
    return Disturbances(profile, seeds, robots, DT, like=torch.zeros(0))


def team_observation(layout: tuple[str, ...], measured: Measurement | WorldState, landmarks: Tensor, latency: Tensor | None) -> Tensor:
    """What all robots of a batch observe, robots first: [N, B, D].

    Args:
        layout: names of the fields.
        measured: positions and velocities [B, N, 2] as the robots measured them and told their peers.
        landmarks: [B, L, 2].
        latency: [B, N], of the robots' commands [s]; simple_spread's own observation needs none.
    """
    view = views_of_team(measured.position, measured.velocity, landmarks)
    if layout is not SIMPLE_SPREAD_V3:
        view = replace(view, peers_velocity=of_others(measured.velocity), command_latency=latency[..., None])
    return observe(layout, view).transpose(0, 1)


@torch.no_grad()
def collect(
    world: SpreadWorld,
    policy: TeamPolicy,
    front_end: FrontEnd,
    critic_view: CriticView,
    profile: Profile,
    episodes: int,
    horizon: int,
    local_ratio: float,
    generator: torch.Generator,
) -> Batch:
    """Run B = `episodes` whole episodes of T = `horizon` steps with sampled choices, disturbed by `profile`."""
    state = random_start(world, episodes, generator)
    disturbances = random_disturbances(profile, world.robots, episodes, generator)
    memory = front_end.initial_memory().expand(world.robots, episodes, -1)
    inner = torch.zeros(world.robots, episodes, policy.actors.memory_size)
    seen, judged, choices, log_probabilities, rewards = [], [], [], [], []
    for step in range(horizon + 1):
        observation = team_observation(front_end.layout, disturbances.sense(state), state.landmarks, disturbances.latency)
        look = front_end.look(observation, memory)
        seen.append(look.seen)
        judged.append(critic_view(look.seen, memory, state, disturbances))
        if step == horizon:
            break
        out, inner = policy.actors.step(look.seen, inner)
        choice, log_probability = policy.sample(out, generator)
        force = policy.force(choice)
        memory = front_end.remember(look.carried, force)
        state = world.step(state, disturbances.actuate(force.transpose(0, 1)))
        choices.append(choice)
        log_probabilities.append(log_probability)
        rewards.append(reward(state.position, state.landmarks, ROBOT_RADIUS, local_ratio).T)
    return Batch(torch.stack(seen), torch.stack(judged), torch.stack(choices), torch.stack(log_probabilities), torch.stack(rewards))
