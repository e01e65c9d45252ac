"""A figure of a profile: a number (for evaluation), or a law from which it is drawn once an episode (for training)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from robots.errors import InputError
from runtime.arrays import array_namespace
from runtime.chance import Array, uniforms


class Law(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a figure is drawn: exactly one of `uniform` and `choice`.

    Attributes:
        uniform: [low, high]: any number between them, all alike.
        choice: one of these, all alike.
        shared: one draw for the whole team of an episode; else each robot (or link) has its own.
    """

    uniform: tuple[float, float] | None = None
    choice: tuple[float, ...] | None = None
    shared: bool = False

    @property
    def ends(self) -> tuple[float, float]:
        """Smallest and largest number that can come."""
        values = self.choice if self.uniform is None else self.uniform
        return min(values), max(values)


Figure = float | Law


def ends(figure: Figure) -> tuple[float, float]:
    """Smallest and largest value of a figure."""
    return figure.ends if isinstance(figure, Law) else (figure, figure)


def is_always(figure: Figure, value: float) -> bool:
    """Whether a figure can have no other value: a disturbance that is off takes no time."""
    return ends(figure) == (value, value)


def draw(figure: Figure, seeds: np.ndarray, shape: tuple[int, ...], purpose: str, like: Any) -> Array:
    """One value for each episode and each member of `shape`.

    Args:
        figure: number or law.
        seeds: [B], of the episodes.
        shape: (N,) for robots, (N, N) for links.
        purpose: the figure's place in the profile; the draws of two figures are independent.
        like: an array with the wanted library, dtype and device.

    Returns:
        [B, *shape].
    """
    xp = array_namespace(like)
    if not isinstance(figure, Law):
        return xp.full((len(seeds), *shape), float(figure), dtype=like.dtype, device=getattr(like, "device", None))
    chance = uniforms(seeds, (1,) * len(shape) if figure.shared else shape, f"draw {purpose}", like).at(0)
    chance = xp.broadcast_to(chance, (len(seeds), *shape))
    if figure.uniform is not None:
        low, high = figure.uniform
        return low + (high - low) * chance
    values = xp.asarray(figure.choice, dtype=like.dtype, device=getattr(like, "device", None))
    # In single precision a number just below 1 may round to 1.
    index = xp.clip(xp.astype(xp.floor(chance * len(figure.choice)), xp.int64), max=len(figure.choice) - 1)
    return values[index]


NOT_NEGATIVE = (0.0, math.inf)


def check_figures(section: msgspec.Struct, bounds: Mapping[str, tuple[float, float]], place: str) -> None:
    """Refuse figures that no disturbance can have.

    Args:
        section: a struct; those of its fields that are figures are looked at.
        bounds: name -> smallest and largest value, where they are not 0 and infinity; both ends are allowed if they are finite.
        place: names file and section in errors: `lab.yaml: sensing`.

    Raises:
        InputError: with the place and both values.
    """
    for name in section.__struct_fields__:
        figure = getattr(section, name)
        if not isinstance(figure, (int, float, Law)) or isinstance(figure, bool):
            continue
        where = f"{place}.{name}"
        if isinstance(figure, Law):
            _check_law(figure, where)
        low, high = bounds.get(name, NOT_NEGATIVE)
        for value in ends(figure):
            if not (math.isfinite(value) and low <= value <= high):
                raise InputError(f"{where}: is {value}, must be finite and {_between(low, high)}")


def _between(low: float, high: float) -> str:
    return f"not below {low:g}" if high == math.inf else f"in {low:g} ... {high:g}"


def _check_law(law: Law, where: str) -> None:
    if (law.uniform is None) == (law.choice is None):
        given = "both" if law.choice is not None else "neither"
        raise InputError(f"{where}: has {given} of uniform and choice, must have one")
    if law.choice is not None and not law.choice:
        raise InputError(f"{where}.choice: is empty")
    if law.uniform is not None and law.uniform[0] > law.uniform[1]:
        raise InputError(f"{where}.uniform: its low end is {law.uniform[0]}, above its high end {law.uniform[1]}")
