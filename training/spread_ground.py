"""Training in `spread`: simple_spread itself, all robots of a batch in one array operation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from runtime.observation import SIMPLE_SPREAD_V3, observe, of_others, views_of_team
from sim3d.disturbances.disturbance import Disturbances
from sim3d.disturbances.sensing import Measurement
from sim3d.metrics import EpisodeMetrics, episode_metrics
from sim3d.profile import Profile
from sim3d.spread import CAPTURE_RADIUS, DT, ROBOT_RADIUS, SpreadWorld
from sim3d.spread_task import reward
from sim3d.world import WorldState, random_layouts
from training.config import TrainConfig
from training.critics import CRITIC_VIEWS, Moment
from training.front_ends import learning_front_end
from training.ground import EVALUATION_SEED
from training.policies import TeamPolicy
from training.rollout import Batch


class SpreadGround:
    """See Ground.

    Args:
        config: of the run.
    """

    def __init__(self, config: TrainConfig) -> None:
        self.world = SpreadWorld(config.world.robots, like=torch.zeros(0))
        self.front_end = learning_front_end(config)
        self._critic_view = CRITIC_VIEWS[config.network.critics_see]
        self._episodes, self._horizon, self._local_ratio = config.episodes, config.world.horizon, config.world.local_ratio

    @torch.no_grad()
    def collect(self, policy: TeamPolicy, profile: Profile, generator: torch.Generator) -> Batch:
        """See Ground."""
        world, front_end, episodes = self.world, self.front_end, self._episodes
        state = _random_start(world, episodes, generator)
        seeds = torch.randint(2**62, (episodes,), generator=generator).numpy()
        disturbances = Disturbances(profile, seeds, world.robots, DT, like=torch.zeros(0))
        memory = front_end.initial_memory().expand(world.robots, episodes, -1)
        inner = torch.zeros(world.robots, episodes, policy.actors.memory_size)
        seen, judged, choices, log_probabilities, rewards = [], [], [], [], []
        for step in range(self._horizon + 1):
            observation = team_observation(front_end.layout, disturbances.sense(state), state.landmarks, disturbances.latency)
            look = front_end.look(observation, memory)
            seen.append(look.seen)
            out, inner = policy.actors.step(look.seen, inner)
            if step == self._horizon:  # nothing is drawn for a step that is not taken
                judged.append(self._critic_view(Moment(look.seen, policy.greedy_force(out), memory, state, disturbances)))
                break
            choice, log_probability = policy.sample(out, generator)
            force = policy.force(choice)
            judged.append(self._critic_view(Moment(look.seen, force, memory, state, disturbances)))
            memory = front_end.remember(look.carried, force)
            state = world.step(state, disturbances.actuate(force.transpose(0, 1)))
            choices.append(choice)
            log_probabilities.append(log_probability)
            rewards.append(reward(state.position, state.landmarks, ROBOT_RADIUS, self._local_ratio).T)
        return Batch(torch.stack(seen), torch.stack(judged), torch.stack(choices), torch.stack(log_probabilities), torch.stack(rewards))

    def evaluate(self, policy: TeamPolicy, episodes: int, profile: Profile) -> EpisodeMetrics:
        """See Ground."""
        position, landmarks = self.trajectories(policy, episodes, profile)
        return episode_metrics(
            position,
            landmarks,
            ticks_per_step=1,
            tick_period=DT,
            capture_radius=CAPTURE_RADIUS,
            robot_radius=ROBOT_RADIUS,
            arena_half_size=self.world.arena_half_size,
        )

    @torch.no_grad()
    def trajectories(self, policy: TeamPolicy, episodes: int, profile: Profile) -> tuple[np.ndarray, np.ndarray]:
        """Run the most likely choices.

        Args:
            policy: of the team.
            episodes: E.
            profile: disturbances.

        Returns:
            positions [E, T + 1, N, 2] and landmarks [E, L, 2].
        """
        world, front_end = self.world, self.front_end
        layouts = random_layouts(episodes, world.robots, world.landmarks, world.arena_half_size, EVALUATION_SEED)
        disturbances = Disturbances(profile, layouts.seeds, world.robots, DT, like=torch.zeros(0))
        state = world.reset(layouts)
        memory = front_end.initial_memory().expand(world.robots, episodes, -1)
        inner = torch.zeros(world.robots, episodes, policy.actors.memory_size)
        positions = [state.position]
        for _ in range(self._horizon):
            observation = team_observation(front_end.layout, disturbances.sense(state), state.landmarks, disturbances.latency)
            look = front_end.look(observation, memory)
            out, inner = policy.actors.step(look.seen, inner)
            force = policy.greedy_force(out)
            memory = front_end.remember(look.carried, force)
            state = world.step(state, disturbances.actuate(force.transpose(0, 1)))
            positions.append(state.position)
        return torch.stack(positions, dim=1).double().numpy(), state.landmarks.double().numpy()


def _random_start(world: SpreadWorld, episodes: int, generator: torch.Generator) -> WorldState:
    """Episodes with robots and landmarks uniform in the arena, as simple_spread draws them."""
    points = torch.rand(episodes, world.robots + world.landmarks, 2, generator=generator) * 2 - 1
    return world.begin(points[:, : world.robots], points[:, world.robots :])


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
