"""What stands between a robot's observation, in metres and seconds, and a network that thinks in simple_spread's units.

A front end (see training.front_ends) whose memory also knows the set-point that was chosen last: on a robot, that is the action.
"""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor, nn

from robots.errors import InputError
from robots.spec import RobotSpec
from runtime.observation import SIMPLE_SPREAD_V3, field_shapes
from training.config import ActorConfig
from training.front_ends import FrontEnd, Look, number_names
from training.latency_compensation import LatencyCompensator, SetpointMotion
from training.similarity import KEEP, PUSH, Similarity


class RobotFrontEnd(FrontEnd, Protocol):
    """A front end of a robot that follows set-points."""

    def setpoint(self, memory: Tensor) -> Tensor:
        """The set-point [..., 2] that the force chosen last asks for [m/s, world frame]."""


def robot_front_end(actor: ActorConfig, robots: int, spec: RobotSpec, similarity: Similarity) -> RobotFrontEnd:
    """The front end of one robot.

    Args:
        actor: which one.
        robots: N.
        spec: of the robot.
        similarity: from simple_spread to metres and seconds.

    Raises:
        InputError: this front end is for simple_spread only.
    """
    if actor.front_end == "plain":
        return OwnSetpoint(robots, similarity)
    if actor.front_end != "latency_compensation":
        raise InputError(f"actor.front_end: is {actor.front_end}, which is for kind 'point' only, not for '{spec.kind}'")
    # The runtime makes up for the robot's own response as far as a period allows; what is left comes on top.
    longest = actor.longest_latency + max(0.0, spec.response_time - similarity.period)
    motion = SetpointMotion(reach=spec.acceleration_limit * similarity.period / similarity.speed_unit)
    return Compensated(LatencyCompensator(robots, math.ceil(longest / similarity.period), motion), similarity)


class OwnSetpoint(nn.Module):
    """simple_spread's observation with the robot's own last set-point as its velocity: exact, where a measured one is noisy.

    Args:
        robots: N.
        similarity: from simple_spread to metres and seconds.
    """

    layout = ("own_position", "landmarks_relative", "peers_relative")
    memories = ("setpoint[0]", "setpoint[1]")

    def __init__(self, robots: int, similarity: Similarity) -> None:
        super().__init__()
        self.inputs = number_names(SIMPLE_SPREAD_V3, robots)
        self.silence = 2 * (robots - 1)
        self.length, self.speed_unit = similarity.arena_half_size, similarity.speed_unit

    def initial_memory(self) -> Tensor:
        """At rest."""
        return torch.zeros(2)

    def look(self, observation: Tensor, memory: Tensor) -> Look:
        """See FrontEnd."""
        velocity = memory / self.speed_unit
        points = observation / self.length
        return Look(torch.cat([velocity, points, points[..., : self.silence] * 0.0], dim=-1), velocity)

    def remember(self, carried: Tensor, force: Tensor) -> Tensor:
        """See FrontEnd."""
        return (KEEP * carried + PUSH * force) * self.speed_unit

    def setpoint(self, memory: Tensor) -> Tensor:
        """See RobotFrontEnd."""
        return memory.clone()


class Compensated(nn.Module):
    """A latency compensator on a robot; its memory is in simple_spread's units.

    Args:
        compensator: with the robot's own motion.
        similarity: from simple_spread to metres and seconds.
    """

    scale: Tensor

    def __init__(self, compensator: LatencyCompensator, similarity: Similarity) -> None:
        super().__init__()
        self.compensator = compensator
        self.layout, self.inputs, self.memories = compensator.layout, compensator.inputs, compensator.memories
        self.speed_unit = similarity.speed_unit
        units = {"m": similarity.arena_half_size, "m/s": similarity.speed_unit}
        fields = field_shapes(compensator.layout, compensator.robots, compensator.robots)
        self.register_buffer("scale", torch.tensor([units[field.unit] for field in fields for _ in range(field.size)]))

    def initial_memory(self) -> Tensor:
        """See LatencyCompensator."""
        return self.compensator.initial_memory()

    def look(self, observation: Tensor, memory: Tensor) -> Look:
        """See FrontEnd."""
        return self.compensator.look(observation / self.scale, memory)

    def remember(self, carried: Tensor, force: Tensor) -> Tensor:
        """See FrontEnd."""
        return self.compensator.remember(carried, force)

    def setpoint(self, memory: Tensor) -> Tensor:
        """See RobotFrontEnd."""
        return self.compensator.newest_setpoint(memory) * self.speed_unit
