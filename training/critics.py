"""What the critics see, from a robot's own observation to the truth (critics exist in training only, so they may see anything)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from runtime.observation import SIMPLE_SPREAD_V3, observe, views_of_team
from sim3d.disturbances.disturbance import Disturbances
from sim3d.world import WorldState
from training.front_ends import FrontEnd, number_names

DRAWS = ("actuation.delay", "sensing.position_sigma", "sensing.velocity_sigma")
"""What was drawn for each episode and robot that a critic is told."""


@dataclass(frozen=True)
class Moment:
    """What there is to see in one step of B episodes.

    Attributes:
        seen: [N, B, D], what the actors read.
        force: [N, B, 2], what they chose.
        memory: [N, B, S], of their front ends; None where the ground does not tell.
        state: the true one; None where the ground does not tell.
        disturbances: of the batch; None where the ground does not tell.
    """

    seen: Tensor
    force: Tensor
    memory: Tensor | None = None
    state: WorldState | None = None
    disturbances: Disturbances | None = None


class CriticView(Protocol):
    """What the critics of a batch read."""

    def inputs(self, robots: int, front_end: FrontEnd) -> tuple[str, ...]:
        """A name for each of its E numbers; the same number has the same name in every view."""

    def __call__(self, moment: Moment) -> Tensor:
        """[N, B, E], or [1, B, E] where all critics read the same."""


class OwnSensors:
    """What the robot would see without its peers: its own motion, and where the landmarks are."""

    def inputs(self, robots: int, front_end: FrontEnd) -> tuple[str, ...]:
        """See CriticView."""
        own = OwnObservation().inputs(robots, front_end)
        return own[: _own_numbers(len(own))]

    def __call__(self, moment: Moment) -> Tensor:
        """See CriticView."""
        return moment.seen[..., : _own_numbers(moment.seen.shape[-1])]


class OwnObservation:
    """What the robot's own actor sees: nothing is centralised, as in IPPO (arXiv 2011.09533)."""

    def inputs(self, robots: int, front_end: FrontEnd) -> tuple[str, ...]:
        """See CriticView."""
        return tuple(f"own {name}" for name in front_end.inputs)

    def __call__(self, moment: Moment) -> Tensor:
        """See CriticView."""
        return moment.seen


class AllObservations:
    """What the actors see, side by side: the centralised critic of MAPPO (arXiv 2103.01955)."""

    def inputs(self, robots: int, front_end: FrontEnd) -> tuple[str, ...]:
        """See CriticView."""
        return _of_each_robot(robots, front_end.inputs)

    def __call__(self, moment: Moment) -> Tensor:
        """See CriticView."""
        return _side_by_side(moment.seen)


class JointActions:
    """All observations, and what the robot's teammates do in this step: a baseline that tells their luck from the robot's own merit.

    It must not depend on the robot's own action, or the policy gradient would be biased (as in COMA, arXiv 1705.08926).
    """

    def inputs(self, robots: int, front_end: FrontEnd) -> tuple[str, ...]:
        """See CriticView."""
        forces = (f"teammate {other} force[{axis}]" for other in range(robots - 1) for axis in range(2))
        return (*_of_each_robot(robots, front_end.inputs), *forces)

    def __call__(self, moment: Moment) -> Tensor:
        """See CriticView."""
        robots = len(moment.force)
        everything = _side_by_side(moment.seen).expand(robots, -1, -1)
        teammates = [_side_by_side(torch.cat([moment.force[:robot], moment.force[robot + 1 :]])) for robot in range(robots)]
        return torch.cat([everything, torch.cat(teammates)], dim=-1)


class TrueState:
    """simple_spread's observations without noise, what the robots remember, and what was drawn: an asymmetric critic (arXiv 1710.06542).

    Its observations go by the names that the noisy ones have: to a critic that learned where nothing is noisy they are the same.
    """

    def inputs(self, robots: int, front_end: FrontEnd) -> tuple[str, ...]:
        """See CriticView."""
        draws = [f"r{robot} {name}" for name in DRAWS for robot in range(robots)]
        names = number_names(SIMPLE_SPREAD_V3, robots)
        return (*_of_each_robot(robots, names), *_of_each_robot(robots, front_end.memories), *draws)

    def __call__(self, moment: Moment) -> Tensor:
        """See CriticView."""
        state = moment.state
        truth = observe(SIMPLE_SPREAD_V3, views_of_team(state.position, state.velocity, state.landmarks))
        draws = [moment.disturbances.draws[name][None] for name in DRAWS]
        return torch.cat([truth.flatten(1)[None], _side_by_side(moment.memory), *draws], dim=-1)


def _own_numbers(observation: int) -> int:
    """How many of simple_spread's 6 N numbers come before those of the peers: velocity 2, position 2, landmarks 2 N."""
    return 4 + observation // 3


def _of_each_robot(robots: int, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"r{robot} {name}" for robot in range(robots) for name in names)


def _side_by_side(parts: Tensor) -> Tensor:
    """[N, B, D] to [1, B, N * D]."""
    return parts.transpose(0, 1).flatten(1)[None]


CRITIC_VIEWS: dict[str, CriticView] = {
    "own_sensors": OwnSensors(),
    "local": OwnObservation(),
    "observations": AllObservations(),
    "truth": TrueState(),
    "joint_actions": JointActions(),
}
