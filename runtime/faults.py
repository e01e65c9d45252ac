"""Robots that fail: which one, how, and from when on, drawn for each episode; the plant and the peers compute the same."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from runtime.arrays import array_namespace
from runtime.chance import Array, uniforms
from runtime.figure import draw
from runtime.link import Fault


class Faults:
    """The faults of B episodes with N robots.

    Args:
        faults: of the profile.
        seeds: [B].
        robots: N.
        like: an array with the wanted library, dtype and device.
    """

    def __init__(self, faults: Sequence[Fault], seeds: np.ndarray, robots: int, like: Any) -> None:
        self._drawn = [(fault.kind, *_drawn(fault, f"fault {index}", seeds, robots, like)) for index, fault in enumerate(faults)]
        self._never = array_namespace(like).zeros((len(seeds), robots), dtype=like.dtype, device=getattr(like, "device", None)) > 0

    def stopped(self, time: float) -> Array:
        """Robots that do not move any more, `time` [s] after the episode began: [B, N] booleans."""
        return self._now("stop", time)

    def absent(self, time: float) -> Array:
        """Robots that have not joined yet: [B, N] booleans."""
        return self._now("late", time)

    def silent(self, time: float) -> Array:
        """Robots that nobody hears: [B, N] booleans."""
        return self._now("silent", time) | self.absent(time)

    def lie(self, time: float) -> Array | float:
        """What to add to the positions that robots tell [B, N, 2], m; 0 where all tell the truth."""
        total: Array | float = 0.0
        for kind, who, at, offset in self._drawn:
            if kind == "lie":
                total = total + offset * array_namespace(offset).astype(who & (time >= at), offset.dtype)[..., None]
        return total

    def _now(self, wanted: str, time: float) -> Array:
        found = self._never
        for kind, who, at, _ in self._drawn:
            if kind == wanted:
                found = found | (who & ((time < at) if kind == "late" else (time >= at)))
        return found


def _drawn(fault: Fault, purpose: str, seeds: np.ndarray, robots: int, like: Any) -> tuple[Array, Array, Array]:
    """Who it is [B, N], since when [B, 1] s, and the offset of a lie [B, 1, 2] m."""
    xp = array_namespace(like)

    def one(name: str) -> Array:
        return draw(getattr(fault, name), seeds, (1,), f"{purpose} {name}", like)

    def chance(name: str) -> Array:
        return uniforms(seeds, (1,), f"{purpose} {name}", like).at(0)

    numbers = xp.asarray(np.arange(robots), dtype=like.dtype, device=getattr(like, "device", None))
    # Any robot, all alike; in single precision the chance may round to 1.
    robot = xp.clip(xp.floor(chance("robot") * robots), max=robots - 1.0) if fault.robot is None else float(fault.robot)
    # In every second episode, say, of a probability of a half.
    happens = chance("happens") < one("probability")
    # The direction of a lie: all alike.
    direction = 2 * math.pi * chance("direction")
    offset = one("offset")[..., None] * xp.stack([xp.cos(direction), xp.sin(direction)], axis=-1)
    return (numbers == robot) & happens, one("at"), offset
