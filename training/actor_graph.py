"""The graphs that are exported: one robot's network with everything around it that turns observations into actions."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from runtime.observation import field_shapes
from sim3d.spread import DISCRETE_FORCES
from training.front_ends import FrontEnd
from training.latency_compensation import LatencyCompensator
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
        """What the front end gives, in simple_spread's units, to [B, 2]."""
        return self.force(self.network(seen))

    def force(self, out: Tensor) -> Tensor:
        """The network's outputs to [B, 2]."""
        return self.forces[out.argmax(-1)] if self.discrete else out.clamp(-1.0, 1.0)


class PointActor(nn.Module):
    """For simple_spread itself: `(observation [B, D]) -> (action [B, 2])`, dimensionless."""

    def __init__(self, front_end: FrontEnd, head: ForceHead) -> None:
        super().__init__()
        self.front_end, self.head = front_end, head

    def forward(self, observation: Tensor) -> Tensor:
        """See the class."""
        return self.head(self.front_end.look(observation, observation[:, :0]).seen)


class RememberingPointActor(PointActor):
    """The same with a front end that has a memory: `(observation [B, D], state [B, S]) -> (action [B, 2], next_state [B, S])`."""

    def forward(self, observation: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        look = self.front_end.look(observation, state)
        force = self.head(look.seen)
        return force, self.front_end.remember(look.carried, force)


class RecurrentPointActor(PointActor):
    """The same with a network that remembers; the state is the front end's memory and the network's own [B, S]."""

    def forward(self, observation: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        remembered = len(self.front_end.memories)
        look = self.front_end.look(observation, state[:, :remembered])
        out, inner = self.head.network(look.seen, state[:, remembered:])
        force = self.head.force(out)
        return force, torch.cat([self.front_end.remember(look.carried, force), inner], dim=-1)


class SetpointActor(nn.Module):
    """For a robot: `(observation [B, D], state [B, 2]) -> (action [B, 2], next_state [B, 2])`, SI.

    The observation is own position, landmarks and peers relative to it [m]. The state is the robot's own last set-point [m/s], which
    stands where simple_spread's observation has the velocity: exact, where a measured velocity is noisy. The action is the next one.
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


class CompensatedSetpointActor(nn.Module):
    """For a robot that finds out its own latency: `(observation [B, D], state [B, S]) -> (action [B, 2], next_state [B, S])`, SI.

    The observation has measured velocities, own and peers', beside the positions. The state is the compensator's memory, in simple_spread's
    units; the newest set-point in it is the action.
    """

    scale: Tensor

    def __init__(self, compensator: LatencyCompensator, head: ForceHead, similarity: Similarity) -> None:
        super().__init__()
        self.compensator, self.head = compensator, head
        self.speed_unit = similarity.speed_unit
        units = {"m": similarity.arena_half_size, "m/s": similarity.speed_unit}
        fields = field_shapes(compensator.layout, compensator.robots, compensator.robots)
        self.register_buffer("scale", torch.tensor([units[field.unit] for field in fields for _ in range(field.size)]))

    def forward(self, observation: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        look = self.compensator.look(observation / self.scale, state)
        following = self.compensator.remember(look.carried, self.head(look.seen))
        return self.compensator.newest_setpoint(following) * self.speed_unit, following
