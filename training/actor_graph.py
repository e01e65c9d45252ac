"""The graphs that are exported: one robot's network with everything around it that turns observations into actions."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sim3d.spread import DISCRETE_FORCES
from training.front_ends import FrontEnd
from training.robot_front_ends import RobotFrontEnd


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


class RobotActor(nn.Module):
    """For a robot: `(observation [B, D], state [B, S]) -> (action [B, 2], next_state [B, S])`, SI; the action is a velocity set-point."""

    def __init__(self, front_end: RobotFrontEnd, head: ForceHead) -> None:
        super().__init__()
        self.front_end, self.head = front_end, head

    def forward(self, observation: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        look = self.front_end.look(observation, state)
        following = self.front_end.remember(look.carried, self.head(look.seen))
        return self.front_end.setpoint(following), following
