"""Delay by any number of ticks, whole or not, the same for all or different for each robot."""

from __future__ import annotations

import math
from typing import Any

from runtime.arrays import array_namespace
from sim3d.world import Array

_WHOLE_TICK = 1e-9
"""Delays this close to a whole number of ticks are taken as whole: 0.3 / 0.1 is 2.9999999999999996."""
_WHOLE_TICK_SINGLE = 1e-5
"""The same in single precision."""


class Past:
    """The newest values of a series, to be read at any delay up to the longest; zero before the first, unless it is filled.

    Args:
        longest: delay [ticks].
    """

    def __init__(self, longest: float) -> None:
        self._depth = math.ceil(longest - _WHOLE_TICK) + 2
        self._values: Array = None
        self._newest = -1

    def fill(self, value: Array) -> None:
        """As if the series had always had this value [B, ...]."""
        xp = array_namespace(value)
        self._values = xp.stack([value] * self._depth)

    def push(self, value: Array) -> None:
        """Add the value [B, ...] of this tick."""
        if self._values is None:
            self.fill(array_namespace(value).zeros_like(value))
        self._newest = (self._newest + 1) % self._depth
        self._values[self._newest] = value

    def at(self, whole: Any, fraction: Any) -> Array:
        """(1 - f) * x[k - n] + f * x[k - n - 1], with n = whole and f = fraction: numbers, or arrays [B, N] for values [B, N, ...]."""
        if isinstance(whole, int):
            newer, older = self._values[self._newest - whole], self._values[self._newest - whole - 1]
            return array_namespace(newer).asarray(newer, copy=True) if fraction == 0 else (1 - fraction) * newer + fraction * older
        xp = array_namespace(whole)
        more = (1,) * (self._values.ndim - 1 - whole.ndim)
        row = xp.reshape((self._newest - whole) % self._depth, (1, *whole.shape, *more))
        rows = xp.broadcast_to(xp.concat([row, (row - 1) % self._depth]), (2, *self._values.shape[1:]))
        newer, older = xp.take_along_axis(self._values, rows, axis=0)
        return newer + xp.reshape(fraction, (*fraction.shape, *more)) * (older - newer)


class FractionalDelay:
    """Holds a command back by any number of ticks n + f; zero is applied before the first arrives.

    applied[k] = (1 - f) * command[k - n] + f * command[k - n - 1]

    This is the mean, over tick k, of the zero-order-held command delayed by n + f ticks: for the first share f of the tick the older
    command still holds. It takes no noise and keeps constants (the first-order Lagrange interpolator: Laakso et al., IEEE Signal
    Processing Magazine 13(1), 1996).

    Args:
        ticks: n + f, not below 0: a number, or an array [B, N] for commands [B, N, ...] of the same library.
    """

    def __init__(self, ticks: float | Array) -> None:
        self.whole, self.fraction = split_ticks(ticks)
        self._past = Past(float(ticks) if isinstance(ticks, (int, float)) else float(ticks.max()))

    def fill(self, value: Array) -> None:
        """Before the first command there was this one, for ever; same shape, unit and array type."""
        self._past.fill(value)

    def __call__(self, command: Array) -> Array:
        """Take the command of this tick, give the one that is applied in it; same shape, unit and array type."""
        self._past.push(command)
        return self._past.at(self.whole, self.fraction)


def split_ticks(ticks: Any) -> tuple[Any, Any]:
    """n and f of a delay n + f [ticks]: numbers of a number, arrays of an array."""
    if isinstance(ticks, (int, float)):
        nearest = round(ticks)
        ticks = nearest if abs(ticks - nearest) < _WHOLE_TICK else ticks
        whole = math.floor(ticks)
        return whole, float(ticks - whole)
    xp = array_namespace(ticks)
    slack = _WHOLE_TICK if ticks.dtype == xp.float64 else _WHOLE_TICK_SINGLE
    nearest = xp.round(ticks)
    ticks = xp.where(xp.abs(ticks - nearest) < slack, nearest, ticks)
    whole = xp.floor(ticks)
    return xp.astype(whole, xp.int64), ticks - whole
