"""Training in a user's own PettingZoo ParallelEnv with the observations and actions of simple_spread_v3.

One Python environment an episode, stepped side by side so that the networks still see whole batches; the environment sets the pace, and
that is hundreds of times slower than world `spread`. What an evaluation says of positions is read off the observations.
"""

from __future__ import annotations

import dataclasses
import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor

from robots.errors import InputError
from sim3d.metrics import EpisodeMetrics, episode_metrics
from sim3d.profile import Profile
from sim3d.spread import CAPTURE_RADIUS, DISCRETE_FORCES, DT, ROBOT_RADIUS
from training.config import TrainConfig
from training.critics import CRITIC_VIEWS, Moment
from training.front_ends import learning_front_end
from training.ground import EVALUATION_SEED
from training.policies import TeamPolicy
from training.rollout import Batch


class PettingZooGround:
    """See Ground; it has no disturbances, so that the profile is always the clean one.

    Args:
        config: of the run.

    Raises:
        InputError: there is no such function, or its environment has other agents, observations or actions.
    """

    def __init__(self, config: TrainConfig) -> None:
        self.front_end = learning_front_end(config)
        self._critic_view = CRITIC_VIEWS[config.network.critics_see]
        self._robots, self._episodes, self._horizon = config.world.robots, config.episodes, config.world.horizon
        self._discrete = config.world.actions == "discrete"
        self._name, self._options = config.world.env, config.world.env_options
        self._make = _function(self._name)
        self._envs = [self._checked_env()]
        self._agents = list(self._envs[0].possible_agents)

    @torch.no_grad()
    def collect(self, policy: TeamPolicy, profile: Profile, generator: torch.Generator) -> Batch:
        """See Ground."""
        seeds = torch.randint(2**31 - 1, (self._episodes,), generator=generator).tolist()
        observation = self._reset(seeds)
        inner = torch.zeros(self._robots, self._episodes, policy.actors.memory_size)
        seen, judged, choices, log_probabilities, rewards = [observation], [], [], [], []
        for _ in range(self._horizon):
            out, inner = policy.actors.step(observation, inner)
            choice, log_probability = policy.sample(out, generator)
            force = policy.force(choice)
            judged.append(self._critic_view(Moment(observation, force)))
            observation, reward = self._step(force)
            seen.append(observation)
            choices.append(choice)
            log_probabilities.append(log_probability)
            rewards.append(reward)
        out, _ = policy.actors.step(observation, inner)
        judged.append(self._critic_view(Moment(observation, policy.greedy_force(out))))
        return Batch(torch.stack(seen), torch.stack(judged), torch.stack(choices), torch.stack(log_probabilities), torch.stack(rewards))

    @torch.no_grad()
    def evaluate(self, policy: TeamPolicy, episodes: int, profile: Profile) -> EpisodeMetrics:
        """See Ground; the return is the environment's own."""
        observation = self._reset([EVALUATION_SEED + episode for episode in range(episodes)])
        landmarks = (observation[0, :, 2:4, None] + observation[0, :, 4 : 4 + 2 * self._robots].unflatten(-1, (-1, 2)).mT).mT
        inner = torch.zeros(self._robots, episodes, policy.actors.memory_size)
        positions, total = [observation[..., 2:4]], torch.zeros(self._robots, episodes)
        for _ in range(self._horizon):
            out, inner = policy.actors.step(observation, inner)
            observation, reward = self._step(policy.greedy_force(out))
            positions.append(observation[..., 2:4])
            total += reward
        metrics = episode_metrics(
            torch.stack(positions, dim=1).permute(2, 1, 0, 3).double().numpy(),
            landmarks.double().numpy(),
            ticks_per_step=1,
            tick_period=DT,
            capture_radius=CAPTURE_RADIUS,
            robot_radius=ROBOT_RADIUS,
            arena_half_size=1.0,
        )
        return dataclasses.replace(metrics, episode_return=total.sum(0).double().numpy())

    def _reset(self, seeds: list[int]) -> Tensor:
        """Begin as many episodes as there are seeds; what the robots observe [N, B, D]."""
        while len(self._envs) < len(seeds):
            self._envs.append(self._checked_env())
        self._running = self._envs[: len(seeds)]
        return self._stacked([env.reset(seed=seed)[0] for env, seed in zip(self._running, seeds, strict=True)])

    def _step(self, force: Tensor) -> tuple[Tensor, Tensor]:
        """Forces [N, B, 2] to the next observations [N, B, D] and rewards [N, B]."""
        actions = self._encoded(force.transpose(0, 1).numpy())
        observations, rewards = [], []
        for env, action in zip(self._running, actions, strict=True):
            if not env.agents:
                raise InputError(f"world.env: {self._name}: an episode ended before world.horizon, which is {self._horizon} steps")
            observation, reward, *_ = env.step(dict(zip(self._agents, action, strict=True)))
            observations.append(observation)
            rewards.append([reward[agent] for agent in self._agents])
        return self._stacked(observations), torch.tensor(rewards, dtype=torch.float32).T

    def _stacked(self, observations: list[dict[str, np.ndarray]]) -> Tensor:
        table = np.array([[each[agent] for agent in self._agents] for each in observations], dtype=np.float32)
        return torch.from_numpy(table).transpose(0, 1)

    def _encoded(self, force: np.ndarray) -> np.ndarray:
        """Forces [B, N, 2] as simple_spread's actions: numbers [B, N], or [B, N, 5] in [0, 1]: none, -x, +x, -y, +y."""
        if self._discrete:
            return (force[..., None, :] == DISCRETE_FORCES).all(-1).argmax(-1)
        x, y = force[..., 0], force[..., 1]
        return np.stack([np.zeros_like(x), -x, x, -y, y], axis=-1).clip(0.0, 1.0)

    def _checked_env(self) -> Any:
        """An environment of the user's function. Raises InputError."""
        place = f"world.env: {self._name}"
        try:
            env = self._make(**self._options)
            agents = list(env.possible_agents)
            given = [(env.observation_space(agent), env.action_space(agent)) for agent in agents]
        except Exception as error:  # a user's own function may raise anything
            raise InputError(f"{place}: makes no ParallelEnv: {type(error).__name__}: {' '.join(str(error).split())}") from None
        if len(agents) != self._robots:
            raise InputError(f"{place}: has {len(agents)} agents; world.robots is {self._robots}")
        for agent, (seen, done) in zip(agents, given, strict=True):
            if seen.shape != (len(self.front_end.inputs),):
                raise InputError(f"{place}: {agent} observes {seen.shape}, simple_spread_v3's robots ({len(self.front_end.inputs)},)")
            fits = done == spaces.Discrete(5) if self._discrete else isinstance(done, spaces.Box) and done.shape == (5,)
            if not fits:
                needed = "Discrete(5)" if self._discrete else "Box(0.0, 1.0, (5,))"
                raise InputError(f"{place}: {agent} takes {done}, world.actions needs {needed}")
        return env


def _function(name: str) -> Callable[..., Any]:
    """`package.module:function` as a function; modules are found as Python does, and in the directory that one is in."""
    module, _, function = name.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    try:
        return getattr(importlib.import_module(module), function)
    except Exception as error:  # importing a user's own module may raise anything
        raise InputError(f"world.env: {name}: cannot be imported: {type(error).__name__}: {' '.join(str(error).split())}") from None
