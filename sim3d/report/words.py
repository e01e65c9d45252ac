"""Figures as people read them: with their interval, in a unit that suits their size."""

from __future__ import annotations

from sim3d.report.markup import shortest
from sim3d.statistics.interval import Estimate

_SMALLER = {"s": ((1e-3, "ms"),), "m": ((1e-3, "mm"), (1e-2, "cm"))}
"""Unit -> smaller ones, the smallest first, and what one of these is."""

TIMES = "\u00d7"
DASH = "\u2013"
"""Where there is no figure."""
SCORES = {
    "success": "success",
    "success_end": "success at the end",
    "success_body": "success within a body's radius",
    "matched": "success with a robot for each landmark",
    "coverage": "coverage",
}


def estimate(figure: Estimate | None, digits: int = 3, signed: bool = False) -> str:
    """`0.984 [0.975, 0.990]`; a dash where there is no such figure."""
    if figure is None or figure.value is None:
        return DASH
    sign = "+" if signed else ""
    value, low, high = (minus(f"{each:{sign}.{digits}f}") for each in (figure.value, figure.low, figure.high))
    return f"{value} [{low}, {high}]"


def number(value: float | None, digits: int = 3, signed: bool = False) -> str:
    """A figure alone."""
    return DASH if value is None else minus(f"{value:{'+' if signed else ''}.{digits}f}")


def quantity(value: float, unit: str) -> str:
    """`108 ms`, `8.5 cm`, `0.4`: in a unit in which the figure is at least 1, where there is one."""
    size, name = _suitable(value, unit)
    return f"{_significant(value / size)} {name}".rstrip()


def quantity_estimate(figure: Estimate, unit: str) -> str:
    """`108 [106, 109] ms`."""
    size, name = _suitable(figure.value, unit)
    digits = _digits(figure.value / size)
    value, low, high = (minus(f"{each / size:.{digits}f}") for each in (figure.value, figure.low, figure.high))
    return f"{value} [{low}, {high}] {name}".rstrip()


def ladder_name(name: str) -> str:
    """`latency` of `actuation.latency`."""
    return name.partition(".")[2]


def listed(names: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def plural(count: int, noun: str, several: str = "") -> str:
    """`1 cell`, `2 cells`."""
    return f"{count} {noun if count == 1 else several or noun + 's'}"


def _suitable(value: float, unit: str) -> tuple[float, str]:
    if abs(value) < 1 and value != 0:
        for size, name in reversed(_SMALLER.get(unit, ())):
            if abs(value) >= size or size == _SMALLER[unit][0][0]:
                return size, name
    return 1.0, unit


def _significant(value: float) -> str:
    return minus(shortest(value, _digits(value)))


def _digits(value: float) -> int:
    """After the point, so that there are three in all."""
    return 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3


def minus(text: str) -> str:
    """A number with the sign that is as wide as a plus."""
    return text.replace("-", "\u2212")
