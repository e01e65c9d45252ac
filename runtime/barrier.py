"""The control-barrier filter: of all set-points that keep a robot apart from its neighbours, the one nearest to what is wanted.

**Half-planes.** Two robots whose centres are d apart and have to stay D apart have the gap g = d - D between them, and each may use half
of it, whatever the other does: that needs no agreement on who gives way. A robot that goes towards its neighbour at speed w stops within
w t + w^2 / (2 a), with the time t in which it reacts and the acceleration a with which it brakes. So the part of its set-point that
points at its neighbour, along the unit vector n, is at most the w for which this is half the gap:

    n . u <= b,    b = a (sqrt(t^2 + g / a) - t)

This is the barrier condition h' >= -alpha(h) for h = g, shared equally (Wang, Ames, Egerstedt, IEEE T-RO 33(3), 2017), with the braking
curve as alpha; without dynamics it is the buffered Voronoi cell of Zhou et al. (IEEE RA-L 2(2), 2017). The gap is taken as it will be
when the command takes effect: smaller by t times the closing speed.

**Doubt.** A neighbour was extrapolated at constant velocity over the age s of its message, and the message may have travelled for another
m that no clock shows: it is within r = a (s + m)^2 / 2 + m |v| of where it is believed to be. So the gap is smaller by r, and n is any of
the directions within asin(r / d) of the believed one. It is enough to ask it of the two outermost, e and f, with the bound b k, where
k = sqrt(1 - (r / d)^2) is the cosine of that angle: a direction between them is n = p e + q f with p, q >= 0 and p + q <= 1 / k, so
n . u <= b. Where r >= d the direction is unknown, and there is no set-point that is safe. Doubt stops a robot but never drives it: b is
not below zero unless the *believed* distance is below D. Then the robot moves away, by half of what is missing in t.

**Nearest point.** To minimise |u - v|^2 over half-planes and the disc |u| <= c of the speed limit, |v| <= c, is a convex problem in the
plane, and has one minimiser at most. If v is allowed, it is v. If not, v - u is a combination, with positive weights, of the outward
normals of constraints on whose border u lies (Karush, Kuhn, Tucker). One of these normals has n . (v - u) > 0, for their combination has.
So u is on the border of a constraint that v breaks, and that is a line, since v is within the disc. On this line the other constraints
leave an interval, and of an interval the point nearest to v is v's projection, or the end next to it. So each line that v breaks gives one
point, and the minimiser is the nearest to v of those that satisfy all constraints. If none does, there is no solution.

**Assumptions** under which robots do not touch: each runs this filter or stands still; each follows a set-point within t, and brakes
with a; positions are wrong by half the margin at most; no message is older than its age by more than m; nothing touches at the start.
A robot that is never heard, or does not belong to the team, is not avoided.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TypeAlias

import numpy as np

from robots.spec import RobotSpec, load_spec
from runtime import floats
from runtime.team import Separation

Numbers: TypeAlias = float | np.ndarray
Rows: TypeAlias = np.ndarray | list
Point: TypeAlias = np.ndarray | tuple[float, float]

_SLACK = 1e-9
"""By rounding, a point on a border may lie beyond it [m/s]."""
_PARALLEL = 1e-10
"""Sine of the angle below which two lines do not cross: within the reach of any robot they are nearer to each other than rounding tells."""


@dataclass(frozen=True)
class Neighbours:
    """The other robots as one robot knows them: arrays, or lists for one robot. `...` are leading dimensions, K the number of neighbours.

    Attributes:
        position: [..., K, 2], m, world frame, extrapolated to now.
        velocity: [..., K, 2], m/s, world frame.
        age: [..., K], of their messages [s]; infinite for one of which nothing is known, and which cannot be avoided.
    """

    position: Rows
    velocity: Rows
    age: Rows


@dataclass(frozen=True)
class HalfPlanes:
    """Set-points u with n . u <= b; arrays, or lists for one robot.

    Attributes:
        normal: n, [..., H, 2], unit vectors, or zero.
        bound: b, [..., H], m/s; infinite where everything is allowed, minus infinity where nothing is.
    """

    normal: Rows
    bound: Rows


@dataclass(frozen=True)
class Barrier:
    """How far a robot stays from its neighbours.

    Attributes:
        distance: D of each neighbour, [K], m.
        braking: a, m/s^2.
        reaction: t, s.
        hidden: m, s.
    """

    distance: np.ndarray
    braking: float
    reaction: float
    hidden: float

    def half_planes(self, position: Point, velocity: Point, neighbours: Neighbours, own_age: float = 0.0) -> HalfPlanes:
        """What the neighbours leave of the plane of set-points, two half-planes each.

        Args:
            position: own, [..., 2], m, world frame, extrapolated to now; an array, or a tuple for one robot.
            velocity: own, [..., 2], m/s, world frame; as the position.
            neighbours: finite, but for ages; lists beside a tuple.
            own_age: of the own measurement [s].
        """
        if isinstance(position, tuple):
            return self._of_one(position, velocity, neighbours, own_age)
        if position.ndim == 1:
            others = Neighbours(neighbours.position.tolist(), neighbours.velocity.tolist(), neighbours.age.tolist())
            alone = self.half_planes(tuple(position.tolist()), tuple(velocity.tolist()), others, own_age)
            return HalfPlanes(np.array(alone.normal), np.array(alone.bound))
        with np.errstate(over="ignore", invalid="ignore"):  # a peer may claim to be anywhere, at any speed
            offset, own, other = neighbours.position - position[..., None, :], velocity[..., None, :], neighbours.velocity
            vectors = (*_parts(offset), *_parts(own), *_parts(other))
            ex, ey, fx, fy, bound = self._sides(np, *vectors, neighbours.age, own_age, self.distance)
        normal = np.stack([np.concatenate([ex, fx], axis=-1), np.concatenate([ey, fy], axis=-1)], axis=-1)
        return HalfPlanes(normal, np.concatenate([bound, bound], axis=-1))

    def _of_one(self, position: Point, velocity: Point, neighbours: Neighbours, own_age: float) -> HalfPlanes:
        own_x, own_y = position
        each = zip(neighbours.position, neighbours.velocity, neighbours.age, self.distance.tolist(), strict=True)
        sides = [self._sides(floats, x - own_x, y - own_y, *velocity, *other, age, own_age, keep) for (x, y), other, age, keep in each]
        bounds = [bound for *_, bound in sides]
        return HalfPlanes([(ex, ey) for ex, ey, *_ in sides] + [(fx, fy) for _, _, fx, fy, _ in sides], bounds + bounds)

    def _sides(
        self,
        xp: ModuleType,
        x: Numbers,
        y: Numbers,
        own_x: Numbers,
        own_y: Numbers,
        other_x: Numbers,
        other_y: Numbers,
        age: Numbers,
        own_age: float,
        keep: Numbers,
    ) -> tuple[Numbers, Numbers, Numbers, Numbers, Numbers]:
        """e, f and their bound, for a neighbour at (x, y) from here, and both velocities: numbers (`runtime.floats`) or arrays (numpy)."""
        distance = xp.hypot(x, y)
        known = xp.isfinite(age + distance)
        divisor = xp.where(distance > 0.0, distance, 1.0)
        x, y = xp.where(known, x / divisor, 0.0), xp.where(known, y / divisor, 0.0)
        unheard = age + self.hidden
        closing = x * (own_x - other_x) + y * (own_y - other_y)
        doubt = 0.5 * self.braking * (unheard * unheard + own_age * own_age) + self.hidden * xp.hypot(other_x, other_y)
        believed = distance - keep
        # fmax: where speeds overflow, nothing is left of the gap.
        gap = xp.fmax(believed - self.reaction * xp.fmax(closing, 0.0) - doubt, 0.0)
        approach = self.braking * (xp.sqrt(self.reaction * self.reaction + gap / self.braking) - self.reaction)
        certain = doubt < distance  # not where speeds overflow, nor at the very same place
        sine = xp.where(certain, doubt / divisor, 0.0)
        cosine = xp.sqrt(1.0 - sine * sine)
        bound = xp.where(certain, approach * cosine + xp.minimum(believed, 0.0) / (2.0 * self.reaction), -math.inf)
        bound = xp.where(known, bound, math.inf)
        return cosine * x - sine * y, cosine * y + sine * x, cosine * x + sine * y, cosine * y - sine * x, bound


def barrier_for(spec: RobotSpec, neighbours: Sequence[str], separation: Separation | None, period: float) -> Barrier | None:
    """The barrier of a robot kind among neighbours of the given kinds; None where there is nothing to keep apart, or no way to.

    Args:
        spec: of the robot; a kind that takes forces has no barrier.
        neighbours: their kinds.
        separation: the team's figures; None for a team that may touch.
        period: of the control loop [s].
    """
    if separation is None or spec.action != "velocity_setpoint" or not neighbours:
        return None
    others = [load_spec(kind) for kind in neighbours]
    return Barrier(
        distance=np.array([spec.radius + other.radius + separation.margin for other in others]),
        braking=min(each.acceleration_limit for each in (spec, *others)),
        reaction=spec.response_time + period + separation.command_delay,
        hidden=separation.message_delay,
    )


def violates(point: Point, allowed: HalfPlanes) -> np.ndarray | bool:
    """Whether points [..., 2] are outside of any of their half-planes: [...]; a truth for a tuple, beside lists."""
    # Not "is beyond any": of what is no number neither is true, and then nothing is allowed.
    if isinstance(point, tuple):
        x, y = point
        return not all(nx * x + ny * y <= b for (nx, ny), b in zip(allowed.normal, allowed.bound, strict=True))
    if point.ndim == 1:
        return np.bool_(violates(tuple(point.tolist()), as_lists(allowed)))
    return ~(_along(allowed.normal, point[..., None, :]) <= allowed.bound).all(axis=-1)


def as_lists(allowed: HalfPlanes) -> HalfPlanes:
    """The half-planes of one robot as lists, whatever they are."""
    return allowed if isinstance(allowed.bound, list) else HalfPlanes(allowed.normal.tolist(), allowed.bound.tolist())


def nearest(wanted: Point, allowed: HalfPlanes, radius: float) -> tuple[Point, np.ndarray | bool]:
    """The point nearest to the wanted one within half-planes and a disc about zero.

    Args:
        wanted: [..., 2], m/s, within the disc; an array, or a tuple for one robot.
        allowed: the half-planes; lists beside a tuple.
        radius: of the disc [m/s].

    Returns:
        The point [..., 2], m/s, zero where there is none, and [...] whether there is one. What is allowed comes back bit for bit.
    """
    if isinstance(wanted, tuple):
        return _nearest_of_one(wanted, allowed, radius) if violates(wanted, allowed) else (wanted, True)
    if wanted.ndim == 1:
        point, found = nearest(tuple(wanted.tolist()), as_lists(allowed), radius)
        return np.array(point), np.array(found)
    outside = violates(wanted, allowed)
    point, found = np.array(wanted), ~outside
    if outside.any():
        point[outside], found[outside] = _nearest_of_many(wanted[outside], allowed.normal[outside], allowed.bound[outside], radius)
    return point, found


def _nearest_of_one(wanted: Point, allowed: HalfPlanes, radius: float) -> tuple[Point, bool]:
    """`nearest` for a wanted point that is not allowed."""
    relaxed = HalfPlanes(allowed.normal, [bound + _SLACK for bound in allowed.bound])
    best, shortest = (0.0, 0.0), math.inf
    for normal, bound in zip(allowed.normal, allowed.bound, strict=True):
        if not violates(wanted, HalfPlanes([normal], [bound])):
            continue
        reaches = [_reach(floats, *normal, bound, *other, limit) for other, limit in zip(allowed.normal, allowed.bound, strict=True)]
        low, high = max(low for low, _ in reaches), min(high for _, high in reaches)
        point = _on_line(floats, *normal, bound, *wanted, low, high, radius)
        distance = floats.hypot(point[0] - wanted[0], point[1] - wanted[1])
        if not violates(point, relaxed) and floats.hypot(*point) <= radius + _SLACK and distance < shortest:
            best, shortest = point, distance
    return best, shortest < math.inf


def _nearest_of_many(wanted: np.ndarray, normal: np.ndarray, bound: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """`nearest` for wanted points [M, 2] that are not allowed by half-planes [M, H, 2], [M, H]."""
    points, distance = np.zeros(normal.shape), np.full(bound.shape, np.inf)
    rows, lines = np.nonzero(~(_along(normal, wanted[:, None]) <= bound))
    start, others, limits = wanted[rows], normal[rows], bound[rows]
    line = (*_parts(normal[rows, lines]), bound[rows, lines])
    # Infinite bounds give points that are not finite, and not allowed.
    with np.errstate(invalid="ignore", over="ignore"):
        low, high = _reach(np, *(part[:, None] for part in line), *_parts(others), limits)
        point = np.stack(_on_line(np, *line, *_parts(start), low.max(axis=1), high.min(axis=1), radius), axis=1)
        within = ~violates(point, HalfPlanes(others, limits + _SLACK)) & (np.hypot(*_parts(point)) <= radius + _SLACK)
        points[rows, lines], distance[rows, lines] = point, np.where(within, np.hypot(*_parts(point - start)), np.inf)
    each, best = np.arange(len(wanted)), distance.argmin(axis=1)
    found = distance[each, best] < np.inf
    return np.where(found[:, None], points[each, best], 0.0), found


def _reach(xp: ModuleType, nx: Numbers, ny: Numbers, bound: Numbers, mx: Numbers, my: Numbers, limit: Numbers) -> tuple[Numbers, Numbers]:
    """From where to where, along (-ny, nx), the line n . u = bound is in the half-plane m . u <= limit; a parallel one leaves it whole."""
    sine, cosine = nx * my - ny * mx, nx * mx + ny * my
    crosses = abs(sine) > _PARALLEL
    crossing = (limit - bound * cosine) / xp.where(crosses, sine, 1.0)
    return xp.where(crosses & (sine < 0.0), crossing, -math.inf), xp.where(crosses & (sine > 0.0), crossing, math.inf)


def _on_line(
    xp: ModuleType, nx: Numbers, ny: Numbers, bound: Numbers, x: Numbers, y: Numbers, low: Numbers, high: Numbers, radius: float
) -> tuple[Numbers, Numbers]:
    """The point nearest to (x, y) of the line n . u = bound between two places on it, and within the disc."""
    half_chord = xp.sqrt(xp.maximum(radius * radius - bound * bound, 0.0))
    low, high = xp.maximum(low, -half_chord), xp.minimum(high, half_chord)
    along = xp.minimum(xp.maximum(nx * y - ny * x, low), high)
    return bound * nx - along * ny, bound * ny + along * nx


def _along(normal: np.ndarray, point: np.ndarray) -> np.ndarray:
    """n . u of [..., 2] each, in an order of operations that does not depend on the batch."""
    return normal[..., 0] * point[..., 0] + normal[..., 1] * point[..., 1]


def _parts(vector: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return vector[..., 0], vector[..., 1]
