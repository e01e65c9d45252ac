"""What stands between a robot and its plant: errors in what it senses, delay and more on what it commands."""

from __future__ import annotations

from typing import Any

import numpy as np

from sim3d.actuation import actuation_stages
from sim3d.profile import Profile
from sim3d.randomise import randomise
from sim3d.sensing import Measurement, Sensors
from sim3d.world import Array, WorldState


class Disturbances:
    """The disturbances of one batch of episodes, from its first tick to its last; a new batch takes a new object.

    Attributes:
        draws: place in the profile -> [B, N], what was drawn for each episode and robot, in the profile's units (`actuation.delay` in s).
        latency: [B, N], s: mean time from a command to its effect, the robot's own included.

    Args:
        profile: which, and how strong: numbers, or laws that are drawn from for each episode and robot.
        seeds: [B]; all chance in episode b derives from seeds[b] (see runtime.chance for the one exception, torch).
        robots: N.
        tick_period: of the world [s].
        command_latency: that the robot has by itself [s]; the profile's delay comes on top.
        like: an array with the library, dtype and device of the states and actions; None for numpy, float64.
    """

    def __init__(
        self, profile: Profile, seeds: np.ndarray, robots: int, tick_period: float, command_latency: float = 0.0, like: Any = None
    ) -> None:
        like = np.zeros(0) if like is None else like
        self.draws = randomise(profile, seeds, robots, like)
        self.latency = self.draws["actuation.delay"] + command_latency
        self._sensors = Sensors(profile.sensing, self.draws, seeds, tick_period, like)
        self._stages = actuation_stages(profile.actuation, self.draws, seeds, tick_period, command_latency, like)
        self._shape = (len(seeds), robots, 2)

    def sense(self, state: WorldState) -> Measurement:
        """What the robots measure. The same tick sensed twice gives the same measurement.

        Raises:
            ValueError: the batch has another shape; or ticks were left out under a profile that delays, loses or spaces measurements.
        """
        self._check(state.position)
        return self._sensors(state)

    def actuate(self, action: Array) -> Array:
        """What the plants apply in this tick [B, N, 2], given the robots' commands of this tick. Call it once a tick, in order."""
        self._check(action)
        for stage in self._stages:
            action = stage(action)
        return action

    def _check(self, array: Array) -> None:
        if tuple(array.shape) != self._shape:
            raise ValueError(f"disturbances of [B, N, 2] = {list(self._shape)} were given {list(array.shape)}")
