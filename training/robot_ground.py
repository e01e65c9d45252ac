"""Training in `planar` and `bullet`: robots in metres and seconds, with the runtime's own schedule, safety gate and hearing in the loop.

Missions run as they do in an evaluation (`sim3d.in_process`); in place of exported actors there are learning ones, which sample, and note
what they saw and chose. So a team learns with everything that it will be deployed with.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from robots.spec import load_spec
from runtime.contract import Contract, Training
from sim3d.in_process import run_missions
from sim3d.metrics import EpisodeMetrics, episode_metrics
from sim3d.profile import Profile
from sim3d.spread import CAPTURE_RADIUS
from sim3d.spread_task import reward
from sim3d.world import Layouts, random_layouts
from sim3d.worlds import make_world
from training.config import TrainConfig
from training.contracts import contract_for
from training.critics import CRITIC_VIEWS, Moment
from training.ground import EVALUATION_SEED
from training.policies import TeamPolicy, of_robot
from training.robot_front_ends import RobotFrontEnd, robot_front_end
from training.rollout import Batch
from training.similarity import team_similarity

UNFINISHED = Training(config_sha256="", commit="", seed=0, steps=0, world="", disturbances="", success=0.0)
"""Of actors that are still learning."""


class RobotGround:
    """See Ground.

    Args:
        config: of the run.

    Raises:
        InputError: robots of these kinds do not go together, or not into this arena at this speed.
    """

    def __init__(self, config: TrainConfig) -> None:
        place, self._robots = config.world, config.world.robots
        self._specs = [load_spec(kind) for kind in place.kinds_by_agent]
        similarity = team_similarity(self._specs, place.arena_half_size, place.speed)
        self._front_ends = [robot_front_end(config.actor, self._robots, spec, similarity) for spec in self._specs]
        self._contracts = [
            contract_for(agent, self._robots, spec, similarity, front_end.layout, front_end.initial_memory().tolist(), UNFINISHED)
            for agent, (spec, front_end) in enumerate(zip(self._specs, self._front_ends, strict=True))
        ]
        self.front_end = self._front_ends[0]
        self._critic_view = CRITIC_VIEWS[config.network.critics_see]
        self.world = make_world(place.name, self._specs, self._robots, similarity.arena_half_size, place.workers)
        self._every = round(similarity.period / self.world.tick_period)
        self._unit = similarity.arena_half_size
        self._episodes, self._horizon, self._local_ratio = config.episodes, place.horizon, place.local_ratio

    def collect(self, policy: TeamPolicy, profile: Profile, generator: torch.Generator) -> Batch:
        """See Ground. The missions are one control period longer than the batch: what is seen after the last step belongs to it."""
        layouts = self._random_layouts(generator)
        actors = self._actors(policy, generator)
        position = run_missions(self.world, self._specs, actors, layouts, profile, self._horizon + 1)
        after_steps = position[:, self._every : self._horizon * self._every + 1 : self._every]
        rewards = reward(after_steps, layouts.landmarks[:, None], self.world.robot_radius, self._local_ratio, self._unit)
        seen = torch.stack([torch.stack(actor.seen) for actor in actors], dim=1)
        choice = torch.stack([torch.stack(actor.choices) for actor in actors], dim=1)
        judged = torch.stack([self._critic_view(Moment(*step)) for step in zip(seen, policy.force(choice), strict=True)])
        log_probability = torch.stack([torch.stack(actor.log_probabilities[:-1]) for actor in actors], dim=1)
        return Batch(seen, judged, choice[:-1], log_probability, torch.tensor(rewards.transpose(1, 2, 0), dtype=torch.float32))

    def evaluate(self, policy: TeamPolicy, episodes: int, profile: Profile) -> EpisodeMetrics:
        """See Ground."""
        layouts = random_layouts(episodes, self._robots, self.world.landmarks, self._unit, EVALUATION_SEED)
        position = run_missions(self.world, self._specs, self._actors(policy, None), layouts, profile, self._horizon)
        return episode_metrics(
            position,
            layouts.landmarks,
            ticks_per_step=self._every,
            tick_period=self.world.tick_period,
            capture_radius=CAPTURE_RADIUS * self._unit,
            robot_radius=self.world.robot_radius,
            arena_half_size=self._unit,
        )

    def _actors(self, policy: TeamPolicy, generator: torch.Generator | None) -> list[LearningActor]:
        forms = zip(self._contracts, self._front_ends, strict=True)
        return [LearningActor(agent, policy, generator, contract, front_end) for agent, (contract, front_end) in enumerate(forms)]

    def _random_layouts(self, generator: torch.Generator) -> Layouts:
        """Robots and landmarks uniform in the arena."""
        points = torch.rand(self._episodes, self._robots + self.world.landmarks, 2, generator=generator, dtype=torch.float64)
        points = (points.numpy() * 2.0 - 1.0) * self._unit
        seeds = torch.randint(2**62, (self._episodes,), generator=generator).numpy()
        return Layouts(points[:, : self._robots], points[:, self._robots :], seeds)


class LearningActor:
    """Stands where an `OnnxActor` stands. It notes what its network reads, and what was chosen.

    Args:
        agent: whose network.
        policy: of the team.
        generator: to sample from; None for the most likely choices, of which nothing is noted.
        contract: as an exported actor would have it.
        front_end: of this robot.
    """

    def __init__(
        self, agent: int, policy: TeamPolicy, generator: torch.Generator | None, contract: Contract, front_end: RobotFrontEnd
    ) -> None:
        self.contract = contract
        self.seen: list[Tensor] = []
        self.choices: list[Tensor] = []
        self.log_probabilities: list[Tensor] = []
        self._policy, self._generator, self._front_end = of_robot(policy, agent), generator, front_end

    def initial_state(self, *leading: int) -> np.ndarray:
        """See OnnxActor."""
        return self._front_end.initial_memory().expand(*leading, -1).numpy()

    @torch.no_grad()
    def act(self, observation: np.ndarray, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See OnnxActor."""
        look = self._front_end.look(torch.from_numpy(observation.astype(np.float32)), torch.from_numpy(state))
        out = self._policy.actors(look.seen[None])
        if self._generator is None:
            force = self._policy.greedy_force(out)[0]
        else:
            choice, log_probability = self._policy.sample(out, self._generator)
            force = self._policy.force(choice)[0]
            self.seen.append(look.seen)
            self.choices.append(choice[0])
            self.log_probabilities.append(log_probability[0])
        memory = self._front_end.remember(look.carried, force)
        return self._front_end.setpoint(memory).numpy(), memory.numpy()
