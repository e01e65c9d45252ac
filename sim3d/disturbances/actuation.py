"""What happens to a command on its way to the robot's motion: late, swallowed, scaled, limited, smoothed; in this order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from runtime.arrays import array_namespace
from runtime.chance import uniforms
from runtime.figure import Law, is_always
from sim3d.disturbances.delay import FractionalDelay, Past, split_ticks
from sim3d.profile import Actuation
from sim3d.world import Array

Stage = Callable[[Array], Array]
"""Takes the commands of a tick [B, N, 2], gives what goes on; called once a tick."""


def actuation_stages(
    settings: Actuation, draws: Mapping[str, Array], seeds: np.ndarray, tick_period: float, command_latency: float | Array, like: Any
) -> list[Stage]:
    """The stages that a profile switches on.

    Args:
        settings: figures and laws.
        draws: of `sim3d.disturbances.randomise`, [B, N] each.
        seeds: [B].
        tick_period: [s].
        command_latency: that the robots have by themselves [s], all of them, or each [N]; the delay comes on top.
        like: an array with the wanted library, dtype and device.
    """
    drawn = {name: draws[f"actuation.{name}"] for name in settings.__struct_fields__}
    stages: list[Stage] = []
    # A delay that is the same for all is kept as a number: exact in any precision, and faster.
    alike = not isinstance(settings.delay, Law) and isinstance(command_latency, (int, float))
    delay = settings.delay if alike else drawn["delay"]
    ticks = (delay + command_latency) / tick_period
    if not is_always(settings.jitter, 0.0):
        stages.append(JitteredDelay(ticks + 0.0 * drawn["delay"], drawn["jitter"] / tick_period, seeds, like))
    elif not alike or ticks > 0:
        stages.append(FractionalDelay(ticks))
    if not is_always(settings.deadband, 0.0):
        stages.append(lambda command: _deadband(command, drawn["deadband"]))
    if not is_always(settings.gain, 1.0):
        stages.append(lambda command: drawn["gain"][..., None] * command)
    if not is_always(settings.saturation, 0.0):
        stages.append(lambda command: _saturated(command, drawn["saturation"]))
    if not is_always(settings.lag, 0.0):
        stages.append(FirstOrderLag(drawn["lag"] / tick_period))
    return stages


class JitteredDelay:
    """A fractional delay that is drawn anew in each tick, uniform in mean +- jitter, and never below zero.

    Commands do not overtake each other: one that a later one has overtaken is dropped, as by a driver that keeps the newest. With a
    jitter of at most half a tick none can be, and the delays have the given mean.

    Args:
        ticks: mean [B, N], in ticks.
        jitter: [B, N], in ticks.
        seeds: [B].
        like: an array with the wanted library, dtype and device.
    """

    def __init__(self, ticks: Array, jitter: Array, seeds: np.ndarray, like: Any) -> None:
        self._mean, self._jitter = ticks, jitter
        self._chance = uniforms(seeds, tuple(ticks.shape[1:]), "actuation.jitter", like)
        # Waiting for a late command the robot follows the one before: up to a whole jitter longer than the mean.
        self._past = Past(float((ticks + jitter).max()))
        self._tick = -1
        self._reached = ticks * 0.0 - float("inf")

    def __call__(self, command: Array) -> Array:
        """Take the command of this tick, give the one that is applied in it [B, N, 2]."""
        xp = array_namespace(command)
        self._tick += 1
        self._past.push(command)
        delay = xp.clip(self._mean + self._jitter * (2.0 * self._chance.at(self._tick) - 1.0), min=0.0)
        self._reached = xp.maximum(self._reached, self._tick - delay)
        return self._past.at(*split_ticks(self._tick - self._reached))


class FirstOrderLag:
    """y[k] = y[k-1] + (1 - exp(-T / tau)) (u[k] - y[k-1]): the exact response at the end of the tick to a command held over it.

    Args:
        ticks: tau / T [B, N]; 0 for no lag.
    """

    def __init__(self, ticks: Array) -> None:
        xp = array_namespace(ticks)
        lagging = ticks > 0
        share = 1.0 - xp.exp(-1.0 / xp.where(lagging, ticks, ticks * 0.0 + 1.0))
        self._share = xp.where(lagging, share, ticks * 0.0 + 1.0)[..., None]
        self._response: Array | float = 0.0

    def __call__(self, command: Array) -> Array:
        """Take the command of this tick, give the response to it [B, N, 2]."""
        self._response = self._response + self._share * (command - self._response)
        return self._response


def _norm(command: Array) -> Array:
    xp = array_namespace(command)
    return xp.sqrt(xp.sum(command * command, axis=-1, keepdims=True))


def _deadband(command: Array, least: Array) -> Array:
    """Zero for commands [B, N, 2] whose norm is below `least` [B, N]."""
    return array_namespace(command).where(_norm(command) < least[..., None], command * 0.0, command)


def _saturated(command: Array, most: Array) -> Array:
    """Commands [B, N, 2] shortened to a norm of `most` [B, N]; 0 for no such limit."""
    xp = array_namespace(command)
    most, norm = most[..., None], _norm(command)
    too_long = (most > 0) & (norm > most)
    return xp.where(too_long, command * (most / xp.where(too_long, norm, norm * 0.0 + 1.0)), command)
