"""What a robot measures of itself: the truth, late, off, noisy, coarse and with gaps; in this order.

measured = hold(quantise(true(t - delay) + bias + walk(t) + white(t) + outlier(t)))
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from runtime.arrays import array_namespace
from runtime.chance import normals, uniforms
from runtime.figure import Law, is_always
from sim3d.disturbances.delay import FractionalDelay
from sim3d.profile import Sensing
from sim3d.world import Array, WorldState

QUANTITIES = ("position", "velocity", "heading")


@dataclass(frozen=True)
class Measurement:
    """What the robots of B episodes measure of themselves.

    Attributes:
        position: [B, N, 2], m, world frame.
        velocity: [B, N, 2], m/s, world frame.
        heading: [B, N], rad.
        age: [B, N], s: how long ago it was so.
    """

    position: Array
    velocity: Array
    heading: Array
    age: Array


class Sensors:
    """The sensors of one batch of episodes.

    Args:
        settings: figures and laws.
        draws: of `sim3d.disturbances.randomise`, [B, N] each.
        seeds: [B].
        tick_period: [s].
        like: an array with the wanted library, dtype and device.
    """

    def __init__(self, settings: Sensing, draws: Mapping[str, Array], seeds: np.ndarray, tick_period: float, like: Any) -> None:
        drawn = {name: draws[f"sensing.{name}"] for name in settings.__struct_fields__}
        robots = drawn["delay"].shape[1]
        self._errors = {}
        for name in QUANTITIES:
            shape = (robots,) if name == "heading" else (robots, 2)
            figures = {kind: None if is_always(getattr(settings, f"{name}_{kind}"), 0.0) else drawn[f"{name}_{kind}"] for kind in _KINDS}
            self._errors[name] = _Errors(name, figures, shape, seeds, tick_period, like)
        self._outliers = None
        if not (is_always(settings.outliers, 0.0) or is_always(settings.outlier_sigma, 0.0)):
            self._outliers = _Outliers(drawn["outliers"], drawn["outlier_sigma"], seeds, robots, like)
        self._delay = None
        if not is_always(settings.delay, 0.0):
            self._delay = _Late(settings.delay, drawn["delay"], tick_period)
        self._hold = None
        if not (is_always(settings.dropout, 0.0) and is_always(settings.rate, 0.0)):
            self._hold = _Hold(drawn["dropout"], drawn["rate"], seeds, tick_period, like)
        self._has_memory = self._delay is not None or self._hold is not None
        self._none_old = drawn["delay"] * 0.0
        self._tick = -1
        self._newest: Measurement | None = None

    def __call__(self, state: WorldState) -> Measurement:
        """Measure. The same tick asked for again gives the same measurement.

        Raises:
            ValueError: the profile delays, loses or spaces measurements, and ticks were left out.
        """
        if self._has_memory:
            if state.tick == self._tick and self._newest is not None:
                return self._newest
            if state.tick != self._tick + 1:
                raise ValueError(f"sensors with memory were asked for tick {state.tick} after tick {self._tick}; sense every tick")
        self._tick = state.tick
        self._newest = self._measure(state)
        return self._newest

    def _measure(self, state: WorldState) -> Measurement:
        values = {name: getattr(state, name) for name in QUANTITIES}
        age = self._none_old
        if self._delay is not None:
            values, age = self._delay(values)
        tick = state.tick
        if self._outliers is not None:
            values["position"] = values["position"] + self._outliers.at(tick)
        values = {name: self._errors[name].added(value, tick) for name, value in values.items()}
        if self._hold is not None:
            values, age = self._hold(values, age, tick)
        return Measurement(**values, age=age)


_KINDS = ("bias", "walk", "sigma", "step")


class _Errors:
    """Bias, random walk, white noise and quantisation of one quantity."""

    def __init__(
        self, name: str, figures: dict[str, Array | None], shape: tuple[int, ...], seeds: np.ndarray, tick_period: float, like: Any
    ) -> None:
        def spread(kind: str) -> Array | None:
            figure = figures[kind]
            return figure if figure is None or len(shape) == 1 else figure[..., None]

        self._sigma, self._step = spread("sigma"), spread("step")
        bias, walk = spread("bias"), spread("walk")
        self._bias = None if bias is None else bias * normals(seeds, shape, f"{name} bias", like).at(0)
        self._white = normals(seeds, shape, name, like)
        # Steps of the walk are N(0, walk^2 dt), so that its variance after t seconds is walk^2 t at any rate.
        self._stride = None if walk is None else walk * math.sqrt(tick_period)
        self._steps = normals(seeds, shape, f"{name} walk", like)
        self._walked: Array | float = 0.0
        self._walked_to = 0

    def added(self, value: Array, tick: int) -> Array:
        if self._bias is not None:
            value = value + self._bias
        if self._stride is not None:
            value = value + self._walk(tick)
        if self._sigma is not None:
            value = value + self._sigma * self._white.at(tick)
        return value if self._step is None else _quantised(value, self._step)

    def _walk(self, tick: int) -> Array | float:
        """Zero at tick 0; ticks that nobody asked for are walked, too."""
        if tick < self._walked_to:
            self._walked, self._walked_to = 0.0, 0
        while self._walked_to < tick:
            self._walked_to += 1
            self._walked = self._walked + self._stride * self._steps.at(self._walked_to)
        return self._walked


class _Outliers:
    """With a given probability a tick and robot, an error of N(0, sigma^2) on each axis of the position."""

    def __init__(self, share: Array, sigma: Array, seeds: np.ndarray, robots: int, like: Any) -> None:
        self._share, self._sigma = share, sigma
        self._happens = uniforms(seeds, (robots,), "outliers", like)
        self._size = normals(seeds, (robots, 2), "outlier size", like)

    def at(self, tick: int) -> Array:
        size = self._sigma[..., None] * self._size.at(tick)
        return array_namespace(size).where((self._happens.at(tick) < self._share)[..., None], size, size * 0.0)


class _Late:
    """The truth of some time ago; before the first tick, that of the first tick. Fractions of a tick are interpolated."""

    def __init__(self, figure: float | Law, drawn: Array, tick_period: float) -> None:
        ticks = (drawn if isinstance(figure, Law) else figure) / tick_period
        self._delays = {name: FractionalDelay(ticks) for name in QUANTITIES}
        self._full_age = drawn
        self._tick_period = tick_period
        self._tick = -1
        self._heading: Array = None

    def __call__(self, values: dict[str, Array]) -> tuple[dict[str, Array], Array]:
        if self._heading is None:
            for name, delay in self._delays.items():
                delay.fill(values[name])
            self._heading = values["heading"]
        # Unwrapped: halfway between 179 and -179 degrees is 180, not 0.
        turned = values["heading"] - self._heading
        xp = array_namespace(turned)
        self._heading = self._heading + turned - 2 * math.pi * xp.round(turned / (2 * math.pi))
        self._tick += 1
        age = xp.clip(self._full_age, max=self._tick * self._tick_period)
        return {name: delay(self._heading if name == "heading" else values[name]) for name, delay in self._delays.items()}, age


class _Hold:
    """Repeats the last measurement when the new one is lost or not due; the one of tick 0 is never lost."""

    def __init__(self, dropout: Array, rate: Array, seeds: np.ndarray, tick_period: float, like: Any) -> None:
        xp = array_namespace(dropout)
        self._dropout = dropout
        due = xp.round(1.0 / (xp.where(rate > 0, rate, rate * 0.0 + 1.0 / tick_period) * tick_period))
        self._every = xp.clip(due, min=1.0)
        self._chance = uniforms(seeds, (dropout.shape[1],), "dropout", like)
        self._tick_period = tick_period
        self._held: dict[str, Array] = {}
        self._age: Array = None

    def __call__(self, values: dict[str, Array], age: Array, tick: int) -> tuple[dict[str, Array], Array]:
        if not self._held:
            self._held, self._age = values, age
            return values, age
        xp = array_namespace(age)
        new = (tick % self._every == 0) & (self._chance.at(tick) >= self._dropout)
        self._held = {
            name: xp.where(new if name == "heading" else new[..., None], value, self._held[name]) for name, value in values.items()
        }
        self._age = xp.where(new, age, self._age + self._tick_period)
        return self._held, self._age


def _quantised(value: Array, step: Array) -> Array:
    xp = array_namespace(value)
    coarse = step > 0
    size = xp.where(coarse, step, step * 0.0 + 1.0)
    return xp.where(coarse, xp.round(value / size) * size, value)
