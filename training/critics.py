"""What the critics see: all observations, or the truth as well (critics exist in training only, so they may see anything)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from runtime.observation import SIMPLE_SPREAD_V3, observe, views_of_team
from sim3d.disturbances.disturbance import Disturbances
from sim3d.world import WorldState
from training.front_ends import FrontEnd, number_names

DRAWS = ("actuation.delay", "sensing.position_sigma", "sensing.velocity_sigma")
"""What was drawn for each episode and robot that a critic is told."""


class CriticView(Protocol):
    """What all critics of a batch read."""

    def inputs(self, robots: int, front_end: FrontEnd) -> tuple[str, ...]:
        """A name for each of its E numbers; the same number has the same name in every view."""

    def __call__(self, seen: Tensor, memory: Tensor, state: WorldState, disturbances: Disturbances) -> Tensor:
        """What the actors see [N, B, D], their memories [N, B, S], the true state and the disturbances, to [B, E]."""


class AllObservations:
    """What the actors see, side by side: the centralised critic of MAPPO (arXiv 2103.01955)."""

    def inputs(self, robots: int, front_end: FrontEnd) -> tuple[str, ...]:
        """See CriticView."""
        return _of_each_robot(robots, front_end.inputs)

    def __call__(self, seen: Tensor, memory: Tensor, state: WorldState, disturbances: Disturbances) -> Tensor:
        """See CriticView."""
        return _side_by_side(seen)


class TrueState:
    """simple_spread's observations without noise, what the robots remember, and what was drawn: an asymmetric critic (arXiv 1710.06542).

    Its observations go by the names that the noisy ones have: to a critic that learned where nothing is noisy they are the same.
    """

    def inputs(self, robots: int, front_end: FrontEnd) -> tuple[str, ...]:
        """See CriticView."""
        draws = [f"r{robot} {name}" for name in DRAWS for robot in range(robots)]
        names = number_names(SIMPLE_SPREAD_V3, robots)
        return (*_of_each_robot(robots, names), *_of_each_robot(robots, front_end.memories), *draws)

    def __call__(self, seen: Tensor, memory: Tensor, state: WorldState, disturbances: Disturbances) -> Tensor:
        """See CriticView."""
        truth = observe(SIMPLE_SPREAD_V3, views_of_team(state.position, state.velocity, state.landmarks))
        draws = [disturbances.draws[name] for name in DRAWS]
        return torch.cat([truth.flatten(1), _side_by_side(memory), *draws], dim=-1)


def _of_each_robot(robots: int, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"r{robot} {name}" for robot in range(robots) for name in names)


def _side_by_side(parts: Tensor) -> Tensor:
    """[N, B, D] to [B, N * D]."""
    return parts.transpose(0, 1).flatten(1)


CRITIC_VIEWS: dict[str, CriticView] = {"observations": AllObservations(), "truth": TrueState()}
