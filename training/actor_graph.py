"""The graphs that are exported: one robot's network with everything around it that turns SI into SI."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sim3d.spread import DISCRETE_FORCES
from training.similarity import KEEP, PUSH, Similarity


class ForceHead(nn.Module):
    """A network's outputs as a force [B, 2] in [-1, 1]: the mean of a Gaussian, or the most likely of the five discrete actions."""

    forces: Tensor

    def __init__(self, network: nn.Module, discrete: bool) -> None:
        super().__init__()
        self.network = network
        self.discrete = discrete
        self.register_buffer("forces", torch.tensor(DISCRETE_FORCES, dtype=torch.float32))

    def forward(self, seen: Tensor) -> Tensor:
        """[B, 6N] in simple_spread's units to [B, 2]."""
        out = self.network(seen)
        return self.forces[out.argmax(-1)] if self.discrete else out.clamp(-1.0, 1.0)


class PointActor(nn.Module):
    """For simple_spread itself: `(observation [B, 6N]) -> (action [B, 2])`, dimensionless."""

    def __init__(self, head: ForceHead) -> None:
        super().__init__()
        self.head = head

    def forward(self, observation: Tensor) -> Tensor:
        """See the class."""
        return self.head(observation)


class SetpointActor(nn.Module):
    """For a robot: `(observation [B, D], state [B, 2]) -> (action [B, 2], next_state [B, 2])`, SI.

    The observation is own position, landmarks and peers relative to it [m]. The state is the robot's own last set-point [m/s], which
    stands where simple_spread's observation has the velocity; the action is the next one.
    """

    def __init__(self, head: ForceHead, robots: int, similarity: Similarity) -> None:
        super().__init__()
        self.head = head
        self.silence = 2 * (robots - 1)
        self.length, self.speed_unit = similarity.arena_half_size, similarity.speed_unit

    def forward(self, observation: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        velocity = state / self.speed_unit
        points = observation / self.length
        seen = torch.cat([velocity, points, points[:, : self.silence] * 0.0], dim=-1)
        setpoint = (KEEP * velocity + PUSH * self.head(seen)) * self.speed_unit
        return setpoint, setpoint.clone()
