"""What stands between a robot and its plant: errors in what it senses, delay and more on what it commands."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from array_api_compat import device

from runtime.arrays import array_namespace
from runtime.faults import Faults
from sim3d.disturbances.actuation import Stage, actuation_stages
from sim3d.disturbances.randomise import randomise
from sim3d.disturbances.sensing import Measurement, Sensors
from sim3d.disturbances.spoofing import Spoof
from sim3d.profile import Actuation, Profile, refuse_adversary
from sim3d.profile import Dynamics as AsSpecified
from sim3d.world import Array, Dynamics, WorldState


class Disturbances:
    """The disturbances of one batch of episodes, from its first tick to its last; a new batch takes a new object.

    Attributes:
        draws: place in the profile -> [B, N], what was drawn for each episode and robot, in the profile's units (`actuation.delay` in s).
        latency: [B, N], s: mean time from a command to its effect, the robot's own included.
        dynamics: what the worlds' `reset` needs of the profile; None for robots that are as their spec says.

    Args:
        profile: which, and how strong: numbers, or laws that are drawn from for each episode and robot.
        seeds: [B]; all chance in episode b derives from seeds[b] (see runtime.chance for the one exception, torch).
        robots: N.
        tick_period: of the world [s].
        command_latency: that the robots have by themselves [s], all of them, or each of N; the profile's delay comes on top.
        like: an array with the library, dtype and device of the states and actions; None for numpy, float64.
        spoof: what the profile's adversary makes of the measurements; he finds it only where he knows the actors (`sim3d.in_process`).

    Raises:
        InputError: the profile has an adversary, and nobody says what he does.
    """

    def __init__(
        self,
        profile: Profile,
        seeds: np.ndarray,
        robots: int,
        tick_period: float,
        command_latency: float | Sequence[float] = 0.0,
        like: Any = None,
        spoof: Spoof | None = None,
    ) -> None:
        if spoof is None:
            refuse_adversary(profile, f"profile '{profile.name}'")
        like = np.zeros(0) if like is None else like
        self.draws = randomise(profile, seeds, robots, like)
        command_latency = _of_all_or_each(command_latency, self.draws["actuation.delay"])
        self.latency = self.draws["actuation.delay"] + command_latency
        self._sensors = Sensors(profile.sensing, self.draws, seeds, tick_period, like)
        self._stages = actuation_stages(profile.actuation, self.draws, seeds, tick_period, command_latency, like)
        self._end = profile.end_tick(tick_period)
        # The way of a command without disturbances knows all commands, too: when they end, those under way are not lost.
        self._clean_stages: list[Stage] = []
        if self._end < math.inf:
            self._clean_stages = actuation_stages(Actuation(), self.draws, seeds, tick_period, command_latency, like)
        self.dynamics: Dynamics | None = None
        if profile.dynamics != AsSpecified():
            self.dynamics = Dynamics(*(self.draws[f"dynamics.{name}"] for name in ("mass", "motor_gain", "friction")))
        self._spoof = spoof
        self._faults = Faults(profile.faults, seeds, robots, like) if profile.faults else None
        self._tick_period = tick_period
        self._tick = -1
        self._shape = (len(seeds), robots, 2)

    def sense(self, state: WorldState) -> Measurement:
        """What the robots measure. The same tick sensed twice gives the same measurement.

        Raises:
            ValueError: the batch has another shape; or ticks were left out under a profile that delays, loses or spaces measurements.
        """
        self._check(state.position)
        if state.tick >= self._end:
            return Measurement(state.position, state.velocity, state.heading, age=state.heading * 0.0)
        measured = self._sensors(state)
        return measured if self._spoof is None else self._spoof.on(measured)

    def actuate(self, action: Array) -> Array:
        """What the plants apply in this tick [B, N, 2], given the robots' commands of this tick. Call it once a tick, in order.

        A robot that has not joined yet commands nothing; one that has stopped does nothing, whatever is still on its way to it.
        """
        self._check(action)
        self._tick += 1
        undisturbed = _through(self._clean_stages, action)
        if self._tick >= self._end:
            return undisturbed
        if self._faults is None:
            return _through(self._stages, action)
        time = self._tick * self._tick_period
        applied = _through(self._stages, _zero_where(self._faults.absent(time), action))
        return _zero_where(self._faults.stopped(time), applied)

    def _check(self, array: Array) -> None:
        if tuple(array.shape) != self._shape:
            raise ValueError(f"disturbances of [B, N, 2] = {list(self._shape)} were given {list(array.shape)}")


def _through(stages: Sequence[Stage], action: Array) -> Array:
    for stage in stages:
        action = stage(action)
    return action


def _of_all_or_each(latency: float | Sequence[float], like: Array) -> float | Array:
    """One number for robots that are alike, or for each of N its own, as an array of the same library as [B, N]."""
    if isinstance(latency, (int, float)):
        return latency
    if len(set(latency)) == 1:
        return latency[0]
    return array_namespace(like).asarray(latency, dtype=like.dtype, device=device(like))


def _zero_where(robots: Array, action: Array) -> Array:
    """Actions [B, N, 2], zero for the robots [B, N] that are true."""
    return array_namespace(action).where(robots[..., None], action * 0.0, action)
