"""Training in `spread` with teams of any size, which robots leave and others join on the way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from runtime.entities import arena_for
from runtime.observation import observe, of_others, views_of_team
from sim3d.landmark_track import at_end
from sim3d.metrics import EpisodeMetrics, episode_metrics
from sim3d.profile import Profile
from sim3d.spread import CAPTURE_RADIUS, DT, ROBOT_RADIUS, SpreadWorld
from sim3d.world import WorldState, random_layouts
from training.config import TrainConfig
from training.entity_config import TEAM_SIZE
from training.entity_networks import EntityTeam
from training.entity_reward import entity_reward
from training.entity_scene import fields_for
from training.entity_teams import Teams, draw_teams, whole_teams
from training.front_ends import PlainView
from training.ground import EVALUATION_SEED
from training.policies import TeamPolicy
from training.rollout import Batch

ELSEWHERE = 1e3
"""Where those who are not there are kept, each this far from the next: nobody touches them [simple_spread's units]."""


class EntityGround:
    """See Ground. Evaluations are of teams of TEAM_SIZE, in whose arena one unit is simple_spread's;
    landmarks that move do so at drift / 2.

    Args:
        config: of the run.
    """

    def __init__(self, config: TrainConfig) -> None:
        self.world = SpreadWorld(config.world.robots, like=torch.zeros(0))
        entities = config.entities
        self.front_end = PlainView(config.world.robots, fields_for(entities), entities.words)
        self._config = config

    @torch.no_grad()
    def collect(self, policy: TeamPolicy, profile: Profile, generator: torch.Generator) -> Batch:
        """See Ground."""
        config, world = self._config, self.world
        horizon, episodes = config.world.horizon, config.episodes
        teams = draw_teams(config.entities, world.robots, episodes, horizon, generator)
        state = world.begin(teams.starts, teams.landmarks, course=teams.course)
        present = torch.zeros(episodes, world.robots, dtype=torch.bool)
        said = self._silence(episodes, world.robots)
        seen, presence, choices, log_probabilities, rewards = [], [], [], [], []
        for step in range(horizon + 1):
            state, present = _with_those_present(state, teams, present, step)
            presence.append(present.T)
            if step:  # who left in this step had no part in what it came to
                paid = (state.position, present, state.landmarks, teams.landmarks_known)
                rewards.append(entity_reward(*paid, config.world.local_ratio, config.entities.credit).T)
            heard = _heard(said * present[..., None], config.entities.word_loss, generator)
            seen.append(self._observation(state, present, teams, heard))
            if step == horizon:
                break
            out, _ = policy.actors.step(seen[-1], torch.zeros(0))
            choice, log_probability = policy.sample(out, generator)
            state = world.step(state, policy.force(choice).transpose(0, 1))
            said = choice[..., 2:].transpose(0, 1) if config.entities.words else said
            choices.append(choice)
            log_probabilities.append(log_probability)
        saw = torch.stack(seen)
        present_at = torch.stack(presence)
        both = present_at[:-1] & present_at[1:]
        return Batch(saw, saw, torch.stack(choices), torch.stack(log_probabilities), torch.stack(rewards), both)

    def evaluate(self, policy: TeamPolicy, episodes: int, profile: Profile) -> EpisodeMetrics:
        """See Ground."""
        return self.evaluate_team(policy, TEAM_SIZE, TEAM_SIZE, episodes)

    def evaluate_team(self, policy: TeamPolicy, robots: int, landmarks: int, episodes: int) -> EpisodeMetrics:
        """The same of another team, in an arena as crowded."""
        half = arena_for(1.0, TEAM_SIZE, max(robots, landmarks))
        position, spots = self._trajectories(policy, robots, landmarks, episodes, half)
        return episode_metrics(
            position,
            spots,
            ticks_per_step=1,
            tick_period=DT,
            capture_radius=CAPTURE_RADIUS,
            robot_radius=ROBOT_RADIUS,
            arena_half_size=half,
        )

    def trajectories(self, policy: TeamPolicy, episodes: int, profile: Profile) -> tuple[np.ndarray, np.ndarray]:
        """See SpreadGround; of a team of TEAM_SIZE, and landmarks as they are at the end."""
        position, spots = self._trajectories(policy, TEAM_SIZE, TEAM_SIZE, episodes, self.world.arena_half_size)
        return position, at_end(spots)

    @torch.no_grad()
    def _trajectories(self, policy: TeamPolicy, robots: int, spots: int, episodes: int, half: float) -> tuple[np.ndarray, np.ndarray]:
        """The most likely choices of a team of any size: positions [E, T + 1, N, 2] and landmarks [E, L, 2], or [E, T + 1, L, 2]."""
        entities, horizon = self._config.entities, self._config.world.horizon
        layouts = random_layouts(episodes, robots, spots, half, EVALUATION_SEED, landmark_speed=entities.drift / 2)
        teams = whole_teams(layouts)
        actors = EntityTeam(policy.actors.network, robots, spots, entities.nearest, self.front_end.layout)
        world = SpreadWorld(robots, like=torch.zeros(0), landmarks=spots)
        state, present = world.begin(teams.starts, teams.landmarks, course=teams.course), teams.present(0)
        said = self._silence(episodes, robots)
        positions = [state.position]
        for _ in range(horizon):
            out = actors(self._observation(state, present, teams, of_others(said)))
            state = world.step(state, policy.greedy_force(out).transpose(0, 1))
            if entities.words:
                said = policy.actors.network.speech.said(out[..., 2:]).transpose(0, 1)
            positions.append(state.position)
        return torch.stack(positions, dim=1).double().numpy(), layouts.track(DT, horizon)

    def _silence(self, episodes: int, robots: int) -> Tensor:
        return torch.zeros(episodes, robots, self._config.entities.words)

    def _observation(self, state: WorldState, present: Tensor, teams: Teams, heard: Tensor) -> Tensor:
        """What all robots of a batch observe, robots first: [N, B, D]; `heard` is what the others said [B, N, N - 1, W]."""
        known = of_others(present[..., None].float())[..., 0]
        if teams.hearing.isfinite().any():
            away = torch.linalg.vector_norm(of_others(state.position) - state.position[:, :, None], dim=-1)
            known = known * (away <= teams.hearing[:, None, None])
        view = replace(
            views_of_team(state.position, state.velocity, state.landmarks, state.landmarks_velocity),
            peers_velocity=of_others(state.velocity),
            peers_known=known,
            peers_message=heard * known[..., None],
            landmarks_known=teams.landmarks_known[:, None].expand(-1, state.position.shape[1], -1),
        )
        return observe(self.front_end.layout, view).transpose(0, 1)


def _with_those_present(state: WorldState, teams: Teams, before: Tensor, step: int) -> tuple[WorldState, Tensor]:
    """The state with those elsewhere who are not there, at rest; who arrives begins at its start."""
    present = teams.present(step)
    parked = ELSEWHERE * torch.arange(1.0, present.shape[1] + 1)[:, None].expand(-1, 2)
    arrived = torch.where((present & ~before)[..., None], teams.starts, state.position)
    position = torch.where(present[..., None], arrived, parked)
    velocity = torch.where((present & before)[..., None], state.velocity, 0.0)
    return replace(state, position=position, velocity=velocity), present


def _heard(said: Tensor, loss: float, generator: torch.Generator) -> Tensor:
    """What reaches each robot of what all said [B, N, W]: [B, N, N - 1, W], zeros for a message that is lost."""
    heard = of_others(said)
    return heard * (torch.rand(heard.shape[:3], generator=generator) >= loss)[..., None] if loss else heard
