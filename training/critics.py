"""What the critics see: all observations, or the truth as well (critics exist in training only, so they may see anything)."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from runtime.observation import SIMPLE_SPREAD_V3, observe, views_of_team
from sim3d.disturbance import Disturbances
from sim3d.world import WorldState

DRAWS = ("actuation.delay", "sensing.position_sigma", "sensing.velocity_sigma")
"""What was drawn for each episode and robot that a critic is told."""


class CriticView(Protocol):
    """What all critics of a batch read."""

    def __call__(self, seen: Tensor, memory: Tensor, state: WorldState, disturbances: Disturbances) -> Tensor:
        """What the actors see [N, B, D], their memories [N, B, S], the true state and the disturbances, to [B, E]."""


def all_observations(seen: Tensor, memory: Tensor, state: WorldState, disturbances: Disturbances) -> Tensor:
    """What the actors see, side by side: the centralised critic of MAPPO (arXiv 2103.01955)."""
    return _side_by_side(seen)


def true_state(seen: Tensor, memory: Tensor, state: WorldState, disturbances: Disturbances) -> Tensor:
    """simple_spread's observations without noise, what the robots remember, and what was drawn: an asymmetric critic (arXiv 1710.06542)."""
    truth = observe(SIMPLE_SPREAD_V3, views_of_team(state.position, state.velocity, state.landmarks))
    draws = [disturbances.draws[name] for name in DRAWS]
    return torch.cat([truth.flatten(1), _side_by_side(memory), *draws], dim=-1)


def _side_by_side(parts: Tensor) -> Tensor:
    """[N, B, D] to [B, N * D]."""
    return parts.transpose(0, 1).flatten(1)


CRITIC_VIEWS: dict[str, CriticView] = {"observations": all_observations, "truth": true_state}
