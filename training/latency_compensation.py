"""Latency compensation: a robot finds out how late its commands act, predicts where it will be by then, and decides for that moment.

Two steps, both inside the actor's graph and with nothing to learn:

1. *Identify.* Each hypothesis about the own latency says which of the own past forces has just acted, and so what the velocity should be
   now. Hypotheses are weighed by exp(-sum of squared errors / 2 sigma^2), the posterior of a constant latency under Gaussian noise.
2. *Predict.* simple_spread's dynamics, contacts included, are run ahead over the forces that are still under way (the predictor of
   O. J. Smith, 1957; with the pending actions known, a delayed decision process is an undelayed one: Walsh et al., Learning and planning in
   environments with delayed feedback, 2009). Peers are let coast.

A policy trained without any latency then sees what it was trained to see.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn

from runtime.observation import SIMPLE_SPREAD_V3
from sim3d.spread import CONTACT_FORCE, CONTACT_MARGIN, DT, ROBOT_RADIUS
from training.front_ends import Look, number_names
from training.similarity import KEEP, PUSH

HYPOTHESES_PER_PERIOD = 2
ERROR_SIGMA = 0.05
"""Of the velocity error that noise explains, in simple_spread's units; twice the noise that a policy is expected to meet."""
MID_CHANGE = 0.5
"""A robot that follows set-points is halfway from one to the next when it is observed: the runtime centres the change there."""
LARGEST_ERROR = 0.25
"""Squared velocity errors are cut here: a contact, which no hypothesis foresees, must not outweigh what was learned before."""


class LatencyCompensator(nn.Module):
    """A front end (see training.front_ends) for latencies from 0 to `periods` control periods, whole or not.

    Args:
        robots: N.
        periods: longest latency.
        motion: how a robot of this kind answers forces.
    """

    ages: Tensor
    hypotheses: Tensor

    def __init__(self, robots: int, periods: int, motion: Motion) -> None:
        super().__init__()
        self.robots, self.periods, self.motion = robots, periods, motion
        self.layout = ("own_velocity", "own_position", "landmarks_relative", "peers_relative", "peers_velocity", *motion.fields)
        self.inputs = number_names(SIMPLE_SPREAD_V3, robots)
        hypotheses = torch.arange(periods * HYPOTHESES_PER_PERIOD + 1) / HYPOTHESES_PER_PERIOD
        self.register_buffer("ages", torch.arange(1.0, periods + 2.0), persistent=False)
        self.register_buffer("hypotheses", hypotheses, persistent=False)
        self._sizes = [2 * (periods + 1), motion.memory_size(periods), len(hypotheses)]
        self.memories = tuple(f"compensator[{number}]" for number in range(sum(self._sizes)))

    def initial_memory(self) -> Tensor:
        """Last forces, newest first; what the motion remembers; the error of each hypothesis: at rest, nothing under way, nothing known."""
        return torch.zeros(sum(self._sizes))

    def look(self, observation: Tensor, memory: Tensor) -> Look:
        """See FrontEnd."""
        others = 2 * (self.robots - 1)
        sizes = [2, 2, 2 * self.robots, others, others, 2 * len(self.motion.fields)]
        velocity, position, landmarks, peers, peers_velocity, told = observation.split(sizes, dim=-1)
        forces, motion, errors = memory.split(self._sizes, dim=-1)
        forces = forces.unflatten(-1, (self.periods + 1, 2))
        motion = self.motion.told(motion, told)

        surprise = velocity[..., None, :] - self.motion.expected(self.hypotheses, self.ages, forces, motion)
        errors = errors + (surprise * surprise).sum(-1).clamp_max(LARGEST_ERROR)
        weights = torch.softmax(-errors / (2 * ERROR_SIGMA**2), dim=-1)
        latency = (weights * self.hypotheses).sum(-1, keepdim=True)

        start = self.motion.present(velocity, latency, self.ages, motion)
        shift, ahead, peers = self._predict(latency, forces, start, peers, peers_velocity)
        toward_landmarks = landmarks.unflatten(-1, (self.robots, 2)) - shift[..., None, :]
        seen = torch.cat([ahead, position + shift, toward_landmarks.flatten(-2), peers, peers * 0.0], dim=-1)
        return Look(seen, torch.cat([forces.flatten(-2), self.motion.observed(motion, velocity), errors], dim=-1))

    def remember(self, carried: Tensor, force: Tensor) -> Tensor:
        """See FrontEnd."""
        forces, motion, errors = carried.split(self._sizes, dim=-1)
        return torch.cat([force, forces[..., :-2], self.motion.commanded(motion, force), errors], dim=-1)

    def newest_setpoint(self, memory: Tensor) -> Tensor:
        """The set-point [..., 2] that the last chosen force led to, in simple_spread's units; for SetpointMotion."""
        return memory[..., self._sizes[0] : self._sizes[0] + 2]

    def _predict(self, latency: Tensor, forces: Tensor, velocity: Tensor, peers: Tensor, peers_velocity: Tensor) -> tuple[Tensor, ...]:
        """Where the robot and its peers are when a force chosen now begins to act.

        Args:
            latency: [..., 1], periods.
            forces: [..., periods + 1, 2], newest first.
            velocity: [..., 2], in effect now.
            peers: [..., 2 (N - 1)], relative to the robot.
            peers_velocity: [..., 2 (N - 1)].

        Returns:
            How far the robot has moved [..., 2], its velocity [..., 2], and the peers' positions relative to it [..., 2 (N - 1)].
        """
        shift = velocity * 0.0
        relative, drift = (part.unflatten(-1, (self.robots - 1, 2)) for part in (peers, peers_velocity))
        weight = interpolation(latency, torch.zeros_like(latency))
        mean = [weight * shift, weight * velocity, weight[..., None] * relative]
        for step in range(self.periods):
            # In this step acts what was chosen `latency` periods before it. Of what is chosen now nothing acts before the prediction ends;
            # where a share of the step waits for it, the newest known force stands in.
            weights = interpolation(latency, self.ages + step)
            newest = weights[..., :1] + (1.0 - weights.sum(-1, keepdim=True))
            force = (torch.cat([newest, weights[..., 1:]], dim=-1)[..., None] * forces).sum(-2)
            push = contact_force(relative)
            shift = shift + DT * velocity
            relative = relative + DT * (drift - velocity[..., None, :])
            velocity = KEEP * velocity + PUSH * force - DT * push.sum(-2)
            drift = KEEP * drift + DT * push
            weight = interpolation(latency, torch.full_like(latency, step + 1.0))
            ahead = (weight * shift, weight * velocity, weight[..., None] * relative)
            mean = [total + part for total, part in zip(mean, ahead, strict=True)]
        return mean[0], mean[1], mean[2].flatten(-2)


class Motion(Protocol):
    """How a robot answers forces, as far as a compensator needs to know. Velocities are in simple_spread's units.

    Attributes:
        fields: of the observation that it needs beside the compensator's own, two numbers each.
    """

    fields: tuple[str, ...]

    def memory_size(self, periods: int) -> int:
        """Numbers that it remembers."""

    def expected(self, hypotheses: Tensor, ages: Tensor, forces: Tensor, memory: Tensor) -> Tensor:
        """What the velocity should be now, [..., H, 2], under each latency [H], given the forces [..., P, 2] of `ages` [P]."""

    def told(self, memory: Tensor, values: Tensor) -> Tensor:
        """The memory with what the observation's `fields` say, [..., 2 * len(fields)]."""

    def present(self, velocity: Tensor, latency: Tensor, ages: Tensor, memory: Tensor) -> Tensor:
        """The velocity that is in effect now, [..., 2], given the measured one [..., 2] and the latency [..., 1]."""

    def observed(self, memory: Tensor, velocity: Tensor) -> Tensor:
        """The memory after an observation with this velocity."""

    def commanded(self, memory: Tensor, force: Tensor) -> Tensor:
        """The memory after a force was chosen."""


class PointMotion:
    """simple_spread's own robot: a force changes the velocity. Remembers the last velocity."""

    fields = ()

    def memory_size(self, periods: int) -> int:
        """See Motion."""
        return 2

    def told(self, memory: Tensor, values: Tensor) -> Tensor:
        """See Motion."""
        return memory

    def expected(self, hypotheses: Tensor, ages: Tensor, forces: Tensor, memory: Tensor) -> Tensor:
        """See Motion."""
        # Under latency 0 the force that was chosen one period ago has acted in the period that just ended.
        weights = interpolation(hypotheses[:, None], ages - 1.0)
        return KEEP * memory[..., None, :] + PUSH * (weights[..., None] * forces[..., None, :, :]).sum(-2)

    def present(self, velocity: Tensor, latency: Tensor, ages: Tensor, memory: Tensor) -> Tensor:
        """See Motion: as measured."""
        return velocity

    def observed(self, memory: Tensor, velocity: Tensor) -> Tensor:
        """See Motion."""
        return velocity

    def commanded(self, memory: Tensor, force: Tensor) -> Tensor:
        """See Motion."""
        return memory


class SetpointMotion:
    """A robot that follows set-points: its velocity is one of its past set-points. Remembers those, newest first.

    What the robot was really commanded may be less than what its actor wanted (acceleration limit, separation from others), so the newest
    is read from the observation, and what the actor will want is limited to what can be reached within a period.

    Args:
        reach: largest change of a set-point within a period, its norm.
    """

    fields = ("own_setpoint",)

    def __init__(self, reach: float) -> None:
        self._reach = reach

    def memory_size(self, periods: int) -> int:
        """See Motion."""
        return 2 * (periods + 2)

    def told(self, memory: Tensor, values: Tensor) -> Tensor:
        """See Motion."""
        return torch.cat([values, memory[..., 2:]], dim=-1)

    def expected(self, hypotheses: Tensor, ages: Tensor, forces: Tensor, memory: Tensor) -> Tensor:
        """See Motion."""
        return self._delayed(hypotheses[:, None] + MID_CHANGE, memory[..., None, :])

    def present(self, velocity: Tensor, latency: Tensor, ages: Tensor, memory: Tensor) -> Tensor:
        """See Motion: what was commanded, exact where a measured velocity is noisy."""
        return self._delayed(latency, memory)

    def _delayed(self, latency: Tensor, memory: Tensor) -> Tensor:
        setpoints = memory.unflatten(-1, (-1, 2))
        weights = interpolation(latency, torch.arange(setpoints.shape[-2], dtype=memory.dtype))
        return (weights[..., None] * setpoints).sum(-2)

    def observed(self, memory: Tensor, velocity: Tensor) -> Tensor:
        """See Motion."""
        return memory

    def commanded(self, memory: Tensor, force: Tensor) -> Tensor:
        """See Motion."""
        change = (KEEP - 1.0) * memory[..., :2] + PUSH * force
        share = self._reach / change.square().sum(-1, keepdim=True).sqrt().clamp_min(self._reach)
        return torch.cat([memory[..., :2] + share * change, memory[..., :-2]], dim=-1)


def interpolation(latency: Tensor, age: Tensor) -> Tensor:
    """Linear interpolation: the share of what is `age` periods old in what acts after `latency` periods."""
    return (1.0 - (age - latency).abs()).clamp_min(0.0)


def contact_force(relative: Tensor) -> Tensor:
    """simple_spread's contact force on each peer [..., N - 1, 2], given where it is relative to the robot."""
    distance = relative.square().sum(-1, keepdim=True).sqrt().clamp_min(1e-6)
    penetration = CONTACT_MARGIN * nn.functional.softplus((2 * ROBOT_RADIUS - distance) / CONTACT_MARGIN)
    return CONTACT_FORCE * penetration * relative / distance
