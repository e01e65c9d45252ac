"""The similarity map between dimensionless simple_spread and a robot in metres and seconds.

One unit of length is L metres (the arena's half size), one step is T seconds. simple_spread's fastest robot moves 0.2 units a step, so a
robot whose largest speed per axis is v has T = 0.2 L / v. With the dimensionless velocity w and force u, a step of simple_spread is
w' = 0.75 w + 0.5 u, and w moves the position by 0.1 w units: the set-point w' * (0.1 L / T) m/s, in effect from the next step on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from robots.errors import InputError
from robots.spec import RobotSpec
from sim3d.spread import DAMPING, DT, ROBOT_RADIUS, SENSITIVITY

KEEP = 1.0 - DAMPING
"""Share of the velocity that survives a step."""
PUSH = SENSITIVITY * DT
"""Velocity that a full force adds in a step."""
ELBOW_ROOM = 1.5
"""Half size of an export's arena by default, in arenas whose bodies are as large as simple_spread's. Those robots push each other
aside; real ones must not touch, and the filter that sees to it needs room (runtime/README.md says what it costs without)."""
TERMINAL_SPEED = PUSH / DAMPING
"""Largest velocity per axis, simple_spread units per simple_spread second."""


@dataclass(frozen=True)
class Similarity:
    """How large simple_spread is, and how fast it runs, on a robot.

    Attributes:
        arena_half_size: L [m].
        period: T [s].
    """

    arena_half_size: float
    period: float

    @property
    def speed_unit(self) -> float:
        """Speed of a robot whose dimensionless velocity is 1 [m/s]."""
        return DT * self.arena_half_size / self.period

    @property
    def top_speed(self) -> float:
        """Largest speed per axis that a policy can ask for [m/s]."""
        return TERMINAL_SPEED * self.speed_unit


def similarity_for(spec: RobotSpec, arena_half_size: float | None = None, speed: float | None = None) -> Similarity:
    """The map onto one robot kind; see `team_similarity`."""
    return team_similarity([spec], arena_half_size, speed)


def team_similarity(specs: Sequence[RobotSpec], arena_half_size: float | None = None, speed: float | None = None) -> Similarity:
    """The map onto a team, whose robots share one arena, one speed and one period.

    Args:
        specs: of its robots.
        arena_half_size: L [m]; by default ELBOW_ROOM times that in which the largest body is as large as in simple_spread, the smallest.
        speed: top speed per axis [m/s]; by default the cruise speed of the slowest. The period is rounded up to whole ticks of the robots'
            loop, so that the real top speed is at most this.

    Raises:
        InputError: a robot does not fit the arena, or cannot go that fast.
    """
    natural = max(spec.radius for spec in specs) / ROBOT_RADIUS
    length = ELBOW_ROOM * natural if arena_half_size is None else arena_half_size
    fastest = min(spec.cruise_speed for spec in specs) if speed is None else speed
    for spec in specs:
        _check_fit(spec, length, fastest)
    ticks = math.ceil(TERMINAL_SPEED * DT * length / fastest / specs[0].loop_period - 1e-9)
    return Similarity(arena_half_size=length, period=ticks * specs[0].loop_period)


def _check_fit(spec: RobotSpec, length: float, fastest: float) -> None:
    natural = spec.radius / ROBOT_RADIUS
    if not (math.isfinite(length) and length >= natural * (1 - 1e-9)):
        raise InputError(f"--arena: is {length:g} m; robots of radius {spec.radius:g} m need at least {natural:g} m ('{spec.kind}')")
    if not 0 < fastest <= spec.speed_limit:
        raise InputError(f"--speed: is {fastest:g} m/s, must be above 0 and at most {spec.speed_limit:g} m/s ('{spec.kind}')")
