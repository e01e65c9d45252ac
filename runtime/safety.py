"""The safety gate: last before the driver, and independent of the policy.

It works on any leading dimensions, so that an evaluation of a thousand teams in one process applies exactly what each robot applies.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import TypeAlias

import numpy as np

from robots.spec import ActionKind, RobotSpec
from runtime import floats
from runtime.barrier import HalfPlanes, Numbers, as_lists, nearest, violates

Truth: TypeAlias = bool | np.ndarray
Pair: TypeAlias = tuple[Numbers, Numbers]
"""Both coordinates, of one robot or of a batch."""

FORCE_LIMIT = 1.0
"""Largest |u| per axis of an action of kind `force`: simple_spread's own range."""

_SIDES = ((1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0))
"""Outward normals of the fence."""

_ROUNDING = 1e-12
"""A vector that was scaled to a limit may exceed it by rounding; it is not scaled, or counted, again."""

REASONS = ("not_finite", "speed", "acceleration", "geofence", "barrier", "dead_end", "state")
"""Why an action was changed, in the order in which the gate looks."""


@dataclass(frozen=True)
class Limits:
    """What the gate keeps to.

    Attributes:
        action: what a command is.
        speed: largest norm of a velocity set-point [m/s].
        acceleration: largest change of a velocity set-point [m/s^2].
        response_time: by which the motion trails a command [s].
        period: from one command to the next [s].
        geofence: robots are kept within +-geofence [m] on both axes; None for no fence.
    """

    action: ActionKind
    speed: float
    acceleration: float
    response_time: float
    period: float
    geofence: float | None = None

    @classmethod
    def of(cls, spec: RobotSpec, period: float, geofence: float | None = None) -> Limits:
        """The limits of a robot kind whose control loop has a period of `period` [s]."""
        return cls(spec.action, spec.speed_limit, spec.acceleration_limit, spec.response_time, period, geofence)


@dataclass(frozen=True)
class Gated:
    """What leaves the gate.

    Attributes:
        action: [..., 2], finite and within the limits.
        changed: reason -> [...] booleans: where the action was changed for it. Only reasons that applied somewhere.
    """

    action: np.ndarray
    changed: dict[str, np.ndarray]


def gate(
    limits: Limits,
    wanted: np.ndarray,
    previous: np.ndarray,
    position: np.ndarray,
    active: np.ndarray | bool = True,
    apart: HalfPlanes | None = None,
) -> Gated:
    """Pass on an action as far as it is safe.

    Args:
        limits: what to keep to.
        wanted: [..., 2], any numbers at all; a robot with one that is not finite gets zero.
        previous: [..., 2], the action that was commanded one period ago.
        position: [..., 2], m, world frame; finite.
        active: [...], whether the robot may move at all; one that may not is commanded zero at once.
        apart: set-points that keep the robot apart from others (`Barrier.half_planes`), for velocity set-points alone; where they
            leave none within speed limit and fence, the action is zero, with the reason `dead_end`. As the fence may, they may demand
            a change that is larger than the acceleration limit: the robot brakes as hard as it can.
    """
    wanted = np.asarray(wanted, dtype=np.float64)
    if wanted.ndim == 1:
        return _gated(floats, limits, wanted, previous, position, active, None if apart is None else as_lists(apart))
    with np.errstate(over="ignore"):  # a norm that overflows scales to zero, which is safe
        return _gated(np, limits, wanted, previous, position, active, apart)


def _gated(
    xp: ModuleType,
    limits: Limits,
    wanted: np.ndarray,
    previous: np.ndarray,
    position: np.ndarray,
    active: np.ndarray | bool,
    apart: HalfPlanes | None,
) -> Gated:
    changed: dict[str, np.ndarray] = {}

    def note(reason: str, before: Pair, after: Pair, where: Truth = True) -> Pair:
        if after is not before:
            # True for NaN: it differs from everything.
            different = ((before[0] != after[0]) | (before[1] != after[1])) & where
            if xp.any(different):
                changed[reason] = np.asarray(different)
        return after

    action = _parts(wanted)
    finite = xp.isfinite(action[0]) & xp.isfinite(action[1])
    if not xp.all(finite):
        action = note("not_finite", action, _only(xp, finite, action))
    if limits.action == "force":
        action = note("speed", action, tuple(xp.minimum(xp.maximum(part, -FORCE_LIMIT), FORCE_LIMIT) for part in action))
    else:
        action = note("speed", action, _shortened(xp, action, limits.speed))
        action = note("acceleration", action, _approached(xp, _parts(previous), action, limits.acceleration * limits.period))
    if limits.geofence is not None:
        action = note("geofence", action, _fenced(xp, limits, limits.geofence, action, _parts(position)))
    if apart is not None:
        kept, possible = _kept_apart(xp, limits, action, _parts(position), apart)
        note("dead_end", action, kept, xp.logical_not(possible))
        action = note("barrier", action, kept, possible)
    if active is not True:
        action = note("state", action, _only(xp, active, action))
    return Gated(_joined(action) if changed else wanted, changed)


def _parts(vector: np.ndarray) -> Pair:
    """Both coordinates of vectors [..., 2]: numbers for one robot, arrays for a batch."""
    return tuple(vector.tolist()) if vector.ndim == 1 else (vector[..., 0], vector[..., 1])


def _joined(parts: Pair) -> np.ndarray:
    """The way back."""
    return np.array(parts) if isinstance(parts[0], float) else np.stack(parts, axis=-1)


def _only(xp: ModuleType, where: Truth, vector: Pair) -> Pair:
    """Zero elsewhere."""
    return xp.where(where, vector[0], 0.0), xp.where(where, vector[1], 0.0)


def _shortened(xp: ModuleType, vector: Pair, longest: float) -> Pair:
    """Vectors scaled to a norm of at most `longest`, direction kept; those that are short enough come back bit for bit."""
    return _scaled(xp, (0.0, 0.0), vector, vector, longest)


def _approached(xp: ModuleType, start: Pair, end: Pair, longest: float) -> Pair:
    """As far from `start` towards `end` as a way of `longest` reaches; an `end` within reach comes back bit for bit."""
    return _scaled(xp, start, (end[0] - start[0], end[1] - start[1]), end, longest)


def _scaled(xp: ModuleType, start: Pair, way: Pair, end: Pair, longest: float) -> Pair:
    norm = xp.hypot(*way)
    too_long = norm > longest * (1.0 + _ROUNDING)
    if not xp.any(too_long):
        return end
    scale = longest / xp.where(too_long, norm, 1.0)
    return tuple(xp.where(too_long, begin + part * scale, whole) for begin, part, whole in zip(start, way, end, strict=True))


def _fenced(xp: ModuleType, limits: Limits, fence: float, action: Pair, position: Pair) -> Pair:
    """No part of an action that would carry the robot out of the fence.

    A force has no stopping distance of its own: outside, it may only point inwards.
    """
    kept = []
    for part, place in zip(action, position, strict=True):
        outwards = xp.sign(part)
        room = xp.maximum(fence - outwards * place, 0.0)
        if limits.action == "force":
            kept.append(xp.where(room > 0.0, part, 0.0))
        else:
            fastest = _towards_fence(xp, limits, room)
            kept.append(xp.where(abs(part) > fastest, outwards * fastest, part))
    return tuple(kept)


def _towards_fence(xp: ModuleType, limits: Limits, room: Numbers) -> Numbers:
    """Largest velocity [m/s] towards a fence that is `room` [m] away.

    It is the one from which the robot still stops inside: v t + v^2 / (2 a) = room. With t four times the delay of the loop (response time
    and one period) the approach is critically damped, so the robot does not overshoot.
    """
    slowing = 4.0 * (limits.response_time + limits.period)
    return limits.acceleration * (xp.sqrt(slowing * slowing + 2.0 * room / limits.acceleration) - slowing)


def _kept_apart(xp: ModuleType, limits: Limits, action: Pair, position: Pair, apart: HalfPlanes) -> tuple[Pair, Truth]:
    """What others leave of an action, and whether they leave anything. What they allow is not held against the fence once more."""
    if xp is floats:
        return nearest(action, _with_fence(xp, limits, apart, position), limits.speed) if violates(action, apart) else (action, True)
    kept = _joined(action)
    outside = violates(kept, apart)
    if not outside.any():
        return action, True
    near, (x, y) = HalfPlanes(apart.normal[outside], apart.bound[outside]), position
    allowed = _with_fence(xp, limits, near, (x[outside], y[outside]))
    possible = np.array(outside)  # of those whose action is not changed, it says nothing
    kept[outside], possible[outside] = nearest(kept[outside], allowed, limits.speed)
    return _parts(kept), possible


def _with_fence(xp: ModuleType, limits: Limits, apart: HalfPlanes, position: Pair) -> HalfPlanes:
    """The four sides of the fence beside the neighbours, or one robot would push another out; of one robot, or of a row of them."""
    if limits.geofence is None:
        return apart
    x, y = position
    bounds = [_towards_fence(xp, limits, xp.maximum(limits.geofence - (to_x * x + to_y * y), 0.0)) for to_x, to_y in _SIDES]
    if xp is floats:
        return HalfPlanes([*apart.normal, *_SIDES], [*apart.bound, *bounds])
    sides = np.broadcast_to(np.array(_SIDES), (len(x), len(_SIDES), 2))
    return HalfPlanes(np.concatenate([apart.normal, sides], axis=1), np.concatenate([apart.bound, np.stack(bounds, axis=1)], axis=1))
