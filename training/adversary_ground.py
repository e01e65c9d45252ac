"""One robot against its team: it learns in missions of exported actors that never change, and is paid what the others lose.

Missions run as they do in an evaluation (`sim3d.in_process`), the runtime's schedule, safety gate and hearing in the loop. An adversarial
policy in the sense of Gleave et al. (arXiv 1905.10615): it changes nothing but its own actions, and with them what the others see.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from robots.errors import InputError
from robots.spec import RobotSpec
from runtime.actor import OnnxActor
from runtime.bundle import read_bundle
from runtime.contract import Contract
from sim3d.in_process import run_missions
from sim3d.metrics import EpisodeMetrics, episode_metrics
from sim3d.profile import Profile
from sim3d.spread_task import all_covered, reward, separations
from sim3d.world import Layouts, random_layouts
from sim3d.worlds import check_world, make_world, specs_of
from training.config import TrainConfig
from training.critics import CRITIC_VIEWS, Moment
from training.front_ends import Look, number_names
from training.ground import EVALUATION_SEED
from training.policies import TeamPolicy
from training.robot_front_ends import RobotFrontEnd, robot_front_end
from training.robot_ground import LearningActor
from training.rollout import Batch
from training.similarity import team_similarity


class AdversaryGround:
    """See Ground; the team is one robot, the adversary, and evaluations are of what the others achieve.

    Attributes:
        victims: the team's actors, by agent; the adversary's place is taken.
        specs: of the robots, by agent.
        robot: the adversary's agent.
        contract: of the actor that it replaces.

    Args:
        config: of the run.

    Raises:
        InputError: the victims cannot be used, have no such robot or do not live in that world, or the adversary would observe other
            fields than they do.
    """

    def __init__(self, config: TrainConfig) -> None:
        place, self.robot = config.adversary.victims, config.adversary.robot
        self.victims: list[OnnxActor] = read_bundle(place).verify()
        team = len(self.victims)
        if not 0 <= self.robot < team or team < 2:
            raise InputError(f"adversary.robot: is {self.robot}; {place} has robots 0 ... {team - 1}, and an adversary needs others")
        self.contract = self.victims[self.robot].contract
        self.specs: list[RobotSpec] = specs_of(self.victims, place)
        self.front_end = _front_end(config, self.contract, self.specs, self.robot)
        if self.front_end.layout != self.contract.layout:
            theirs, own = ", ".join(self.contract.layout), ", ".join(self.front_end.layout)
            raise InputError(f"actor.front_end: is {config.actor.front_end}, which reads {own}; in {place} all read {theirs}")
        self._unit = self.contract.arena_half_size
        home = check_world(config.world.name, self.specs[0])
        self.world = make_world(home, self.specs, self.contract.landmarks, self._unit, config.world.workers)
        self._every = round(self.contract.period / self.world.tick_period)
        self._critic_view = CRITIC_VIEWS[config.network.critics_see]
        self._episodes, self._horizon, self._local_ratio = config.episodes, config.world.horizon, config.world.local_ratio
        self._radius = np.broadcast_to(self.world.robot_radius, team)

    def collect(self, policy: TeamPolicy, profile: Profile, generator: torch.Generator) -> Batch:
        """See Ground. The missions are one control period longer than the batch: what is seen after the last step belongs to it."""
        adversary = LearningActor(0, policy, generator, self.contract, self.front_end)
        layouts = self._random_layouts(generator)
        position = run_missions(self.world, self.specs, self._team(adversary), layouts, profile, self._horizon + 1)
        after_steps = position[:, self._every : self._horizon * self._every + 1 : self._every]
        lost = -others_reward(after_steps, layouts.landmarks[:, None], self._radius, self.robot, self._local_ratio, self._unit)
        seen, choice = torch.stack(adversary.seen)[:, None], torch.stack(adversary.choices)[:, None]
        judged = torch.stack([self._critic_view(Moment(*step)) for step in zip(seen, policy.force(choice), strict=True)])
        log_probability = torch.stack(adversary.log_probabilities[:-1])[:, None]
        return Batch(seen, judged, choice[:-1], log_probability, torch.tensor(lost.T[:, None], dtype=torch.float32))

    def evaluate(self, policy: TeamPolicy, episodes: int, profile: Profile) -> EpisodeMetrics:
        """See Ground; the figures are of the other robots alone, as if the adversary stood nowhere."""
        position, layouts = self.played(policy, episodes, profile)
        others = np.arange(len(self.specs)) != self.robot
        return episode_metrics(
            position[:, :, others],
            layouts.landmarks,
            ticks_per_step=self._every,
            tick_period=self.world.tick_period,
            capture_radius=self.contract.capture_radius,
            robot_radius=self._radius[others],
            arena_half_size=self._unit,
        )

    def team_success(self, policy: TeamPolicy, episodes: int) -> float:
        """Share of undisturbed missions in which at some step all landmarks are covered, by the adversary or in spite of it."""
        position, layouts = self.played(policy, episodes, Profile(name="clean"))
        covered = all_covered(position[:, self._every :: self._every], layouts.landmarks[:, None], self.contract.capture_radius)
        return float(covered.any(axis=1).mean())

    def played(self, policy: TeamPolicy, episodes: int, profile: Profile) -> tuple[np.ndarray, Layouts]:
        """The most likely choices: positions [E, T + 1, N, 2] at every tick, and the layouts, always the same."""
        layouts = random_layouts(episodes, len(self.specs), self.contract.landmarks, self._unit, EVALUATION_SEED)
        adversary = LearningActor(0, policy, None, self.contract, self.front_end)
        return run_missions(self.world, self.specs, self._team(adversary), layouts, profile, self._horizon), layouts

    def _team(self, adversary: LearningActor) -> list[OnnxActor | LearningActor]:
        return [adversary if agent == self.robot else actor for agent, actor in enumerate(self.victims)]

    def _random_layouts(self, generator: torch.Generator) -> Layouts:
        """Robots and landmarks uniform in the arena."""
        points = torch.rand(self._episodes, len(self.specs) + self.world.landmarks, 2, generator=generator, dtype=torch.float64)
        points = (points.numpy() * 2.0 - 1.0) * self._unit
        seeds = torch.randint(2**62, (self._episodes,), generator=generator).numpy()
        return Layouts(points[:, : len(self.specs)], points[:, len(self.specs) :], seeds)


def others_reward(
    position: np.ndarray, landmarks: np.ndarray, radius: np.ndarray, robot: int, local_ratio: float, unit: float
) -> np.ndarray:
    """simple_spread's reward of all robots but one, on the mean; a landmark that only this one covers is not covered, and to touch it is
    a contact like any other.

    Args:
        position: [..., N, 2], m.
        landmarks: [..., L, 2], m.
        radius: [N], m, of the robots.
        robot: the one that is left out.
        local_ratio: weight of contacts against coverage.
        unit: length that counts as 1 in the coverage term [m].

    Returns:
        [...].
    """
    others = np.arange(position.shape[-2]) != robot
    among_them = reward(position[..., others, :], landmarks, radius[others], local_ratio, unit)
    touched = separations(position)[..., robot, others] < radius[robot] + radius[others]
    return (among_them - local_ratio * touched).mean(axis=-1)


class PointView(nn.Module):
    """A robot of simple_spread that reads what its team reads, as it is. Its memory is the force that was chosen last.

    Args:
        layout: fields of the observation.
        robots: N.
    """

    memories = ("force[0]", "force[1]")

    def __init__(self, layout: Sequence[str], robots: int) -> None:
        super().__init__()
        self.layout = tuple(layout)
        self.inputs = number_names(self.layout, robots)

    def initial_memory(self) -> Tensor:
        """No force."""
        return torch.zeros(2)

    def look(self, observation: Tensor, memory: Tensor) -> Look:
        """See FrontEnd."""
        return Look(observation, observation[..., :0])

    def remember(self, carried: Tensor, force: Tensor) -> Tensor:
        """See FrontEnd."""
        return force

    def setpoint(self, memory: Tensor) -> Tensor:
        """See RobotFrontEnd; a force is what such a robot commands."""
        return memory.clone()


def _front_end(config: TrainConfig, contract: Contract, specs: Sequence[RobotSpec], robot: int) -> RobotFrontEnd:
    if contract.action.kind == "force":
        return PointView(contract.layout, contract.team_size)
    similarity = team_similarity(specs, contract.arena_half_size, contract.action.limit)
    return robot_front_end(config.actor, contract.team_size, specs[robot], similarity)
