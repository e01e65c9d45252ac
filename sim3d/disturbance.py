"""What stands between a robot and its plant: noise on what it senses, delay on what it commands."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np
from array_api_compat import array_namespace

from sim3d.draws import Normals, normals
from sim3d.profile import Profile
from sim3d.world import Array, WorldState

_WHOLE_TICK = 1e-9
"""Delays this close to a whole number of ticks are taken as whole: 0.3 / 0.1 is 2.9999999999999996."""


@dataclass(frozen=True)
class Measurement:
    """What the robots of B episodes measure of themselves.

    Attributes:
        position: [B, N, 2], m, world frame.
        velocity: [B, N, 2], m/s, world frame.
        heading: [B, N], rad.
    """

    position: Array
    velocity: Array
    heading: Array


class Disturbances:
    """The disturbances of one batch of episodes, from its first tick to its last; a new batch takes a new object.

    Args:
        profile: which, and how strong.
        seeds: [B]; all chance in episode b derives from seeds[b] (see sim3d.draws for the one exception, torch).
        robots: N.
        tick_period: of the world [s].
        command_latency: that the robot has by itself [s]; the profile's delay comes on top.
        like: an array with the library, dtype and device of the states and actions; None for numpy, float64.
    """

    def __init__(
        self, profile: Profile, seeds: np.ndarray, robots: int, tick_period: float, command_latency: float = 0.0, like: Any = None
    ) -> None:
        like = np.zeros(0) if like is None else like
        sensing = profile.sensing

        def noise(purpose: str, sigma: float, shape: tuple[int, ...]) -> _White | None:
            return _White(sigma, normals(seeds, shape, purpose, like)) if sigma > 0 else None

        self._position = noise("position", sensing.position_sigma, (robots, 2))
        self._velocity = noise("velocity", sensing.velocity_sigma, (robots, 2))
        self._heading = noise("heading", sensing.heading_sigma, (robots,))
        self._delay = FractionalDelay((profile.actuation.delay + command_latency) / tick_period)
        self._shape = (len(seeds), robots, 2)

    def sense(self, state: WorldState) -> Measurement:
        """What the robots measure: white Gaussian noise on the truth. The same state sensed twice gives the same measurement."""
        self._check(state.position)
        return Measurement(
            position=_disturbed(state.position, self._position, state.tick),
            velocity=_disturbed(state.velocity, self._velocity, state.tick),
            heading=_disturbed(state.heading, self._heading, state.tick),
        )

    def actuate(self, action: Array) -> Array:
        """What the plants apply in this tick [B, N, 2], given the robots' commands of this tick. Call it once a tick, in order."""
        self._check(action)
        return self._delay(action)

    def _check(self, array: Array) -> None:
        if tuple(array.shape) != self._shape:
            raise ValueError(f"disturbances of [B, N, 2] = {list(self._shape)} were given {list(array.shape)}")


class FractionalDelay:
    """Holds a command back by any number of ticks n + f; zero is applied before the first arrives.

    applied[k] = (1 - f) * command[k - n] + f * command[k - n - 1]

    This is the mean, over tick k, of the zero-order-held command delayed by n + f ticks: for the first share f of the tick the older
    command still holds. It takes no noise and keeps constants (the first-order Lagrange interpolator: Laakso et al., IEEE Signal
    Processing Magazine 13(1), 1996).

    Args:
        ticks: n + f, not below 0.
    """

    def __init__(self, ticks: float) -> None:
        nearest = round(ticks)
        ticks = nearest if abs(ticks - nearest) < _WHOLE_TICK else ticks
        self.whole = math.floor(ticks)
        self.fraction = ticks - self.whole
        self._commands: deque[Array] = deque(maxlen=self.whole + 2)

    def __call__(self, command: Array) -> Array:
        """Take the command of this tick, give the one that is applied in it; same shape, unit and array type."""
        xp = array_namespace(command)
        self._commands.appendleft(xp.asarray(command, copy=True))
        while len(self._commands) < self.whole + 2:
            self._commands.append(xp.zeros_like(command))
        if self.fraction == 0:
            return self._commands[self.whole]
        return (1 - self.fraction) * self._commands[self.whole] + self.fraction * self._commands[self.whole + 1]


@dataclass(frozen=True)
class _White:
    sigma: float
    normals: Normals


def _disturbed(truth: Array, noise: _White | None, tick: int) -> Array:
    return truth if noise is None else truth + noise.sigma * noise.normals.at(tick)
