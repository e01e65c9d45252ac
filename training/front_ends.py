"""What stands between a robot's observation and its network: it reads an observation and a memory, and gives the numbers the network sees.

Front ends have nothing to learn, so PPO treats what they give as the observation; they are exported inside the actor's graph.
"""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

from runtime.observation import SIMPLE_SPREAD_V3, field_shapes
from sim3d.spread import DT
from training.config import TrainConfig


class Look(NamedTuple):
    """What a front end makes of one observation.

    Attributes:
        seen: [..., D], what the network reads, in simple_spread's units.
        carried: [..., any], what `remember` needs of it.
    """

    seen: Tensor
    carried: Tensor


class FrontEnd(Protocol):
    """Every front end; `...` are any leading dimensions.

    Attributes:
        layout: fields of the observation that it reads, in simple_spread's units.
        inputs: a name for each of the numbers that the network reads; the same number has the same name in every front end.
        memories: the same for each number of the memory.
    """

    layout: tuple[str, ...]
    inputs: tuple[str, ...]
    memories: tuple[str, ...]

    def initial_memory(self) -> Tensor:
        """[S], before the first observation of an episode; empty where there is no memory."""

    def look(self, observation: Tensor, memory: Tensor) -> Look:
        """Observation [..., D] and memory [..., S] to what the network reads."""

    def remember(self, carried: Tensor, force: Tensor) -> Tensor:
        """Memory [..., S] for the next observation, given the force [..., 2] that was chosen."""


def learning_front_end(config: TrainConfig) -> FrontEnd:
    """What stands in front of the networks while they learn.

    A latency compensator gives the network what a plain view gives where nothing is late, so such a policy learns with the plain view, and
    the exporter puts the compensator in its place.
    """
    robots, actor = config.world.robots, config.actor
    if actor.front_end == "past_forces":
        return PastForces(robots, math.ceil(actor.longest_latency / DT), actor.knows_latency)
    return PlainView(robots)


def number_names(layout: tuple[str, ...], robots: int, words: int = 0) -> tuple[str, ...]:
    """A name for each number of an observation: `own_velocity[0]`, `own_velocity[1]`, ..."""
    return tuple(f"{field.name}[{number}]" for field in field_shapes(layout, robots, robots, words) for number in range(field.size))


class PlainView(nn.Module):
    """The observation as it is.

    Args:
        robots: N, with as many landmarks.
        layout: fields of the observation; simple_spread's own unless told.
        words: numbers in a message of a peer.
    """

    def __init__(self, robots: int, layout: tuple[str, ...] = SIMPLE_SPREAD_V3, words: int = 0) -> None:
        super().__init__()
        self.layout = layout
        self.inputs = number_names(layout, robots, words)
        self.memories = ()

    def initial_memory(self) -> Tensor:
        """Empty."""
        return torch.zeros(0)

    def look(self, observation: Tensor, memory: Tensor) -> Look:
        """See FrontEnd."""
        return Look(observation, memory)

    def remember(self, carried: Tensor, force: Tensor) -> Tensor:
        """See FrontEnd."""
        return carried


class PastForces(nn.Module):
    """simple_spread's observation and the robot's own last forces: with what is under way known, a delayed problem is Markov again.

    Args:
        robots: N.
        periods: how many forces are remembered.
        knows_latency: whether the robot's command latency [s] is read as well.
    """

    def __init__(self, robots: int, periods: int, knows_latency: bool) -> None:
        super().__init__()
        self.layout = (*SIMPLE_SPREAD_V3, "command_latency") if knows_latency else SIMPLE_SPREAD_V3
        self.memories = tuple(f"past_forces[{number}]" for number in range(2 * periods))
        self.inputs = (*number_names(self.layout, robots), *self.memories)

    def initial_memory(self) -> Tensor:
        """[2 * periods] zeros."""
        return torch.zeros(len(self.memories))

    def look(self, observation: Tensor, memory: Tensor) -> Look:
        """See FrontEnd."""
        return Look(torch.cat([observation, memory], dim=-1), memory)

    def remember(self, carried: Tensor, force: Tensor) -> Tensor:
        """See FrontEnd; newest first."""
        return torch.cat([force, carried[..., :-2]], dim=-1)
