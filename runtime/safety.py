"""The safety gate: last before the driver, and independent of the policy.

It works on any leading dimensions, so that an evaluation of a thousand teams in one process applies exactly what each robot applies.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from robots.spec import ActionKind, RobotSpec
from runtime.barrier import HalfPlanes, nearest, violates

FORCE_LIMIT = 1.0
"""Largest |u| per axis of an action of kind `force`: simple_spread's own range."""

_SIDES = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
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
    changed: dict[str, np.ndarray] = {}

    def note(reason: str, before: np.ndarray, after: np.ndarray, where: np.ndarray | bool = True) -> np.ndarray:
        if after is not before:
            # True for NaN: it differs from everything.
            different = ((before[..., 0] != after[..., 0]) | (before[..., 1] != after[..., 1])) & where
            if different.any():
                changed[reason] = different
        return after

    wanted = np.asarray(wanted, dtype=np.float64)
    finite = np.isfinite(wanted[..., 0]) & np.isfinite(wanted[..., 1])
    action = wanted if finite.all() else note("not_finite", wanted, np.where(finite[..., None], wanted, 0.0))
    if limits.action == "force":
        action = note("speed", action, np.clip(action, -FORCE_LIMIT, FORCE_LIMIT))
    else:
        action = note("speed", action, _shortened(action, limits.speed))
        action = note("acceleration", action, _approached(previous, action, limits.acceleration * limits.period))
    if limits.geofence is not None:
        action = note("geofence", action, _fenced(limits, limits.geofence, action, position))
    if apart is not None and (outside := np.asarray(violates(action, apart))).any():
        allowed = _with_fence(limits, apart, position)
        kept, possible = np.array(action), np.array(~outside)
        kept[outside], possible[outside] = nearest(
            action[outside], HalfPlanes(allowed.normal[outside], allowed.bound[outside]), limits.speed
        )
        note("dead_end", action, kept, ~possible)
        action = note("barrier", action, kept, possible)
    if active is not True:
        action = note("state", action, np.where(np.asarray(active)[..., None], action, 0.0))
    return Gated(action, changed)


def _shortened(vector: np.ndarray, longest: float) -> np.ndarray:
    """Vectors [..., 2] scaled to a norm of at most `longest`, direction kept; those that are short enough come back bit for bit."""
    too_long, scale = _excess(vector, longest)
    return np.where(too_long, vector * scale, vector) if too_long.any() else vector


def _approached(start: np.ndarray, end: np.ndarray, longest: float) -> np.ndarray:
    """As far from `start` towards `end` as a way of `longest` reaches; an `end` within reach comes back bit for bit."""
    way = end - start
    too_long, scale = _excess(way, longest)
    return np.where(too_long, start + way * scale, end) if too_long.any() else end


def _excess(vector: np.ndarray, longest: float) -> tuple[np.ndarray, np.ndarray]:
    """Which vectors [..., 2] are longer than `longest`, and what brings those to that length: [..., 1] each."""
    with np.errstate(over="ignore"):  # a norm that overflows scales to zero, which is safe
        norm = np.hypot(vector[..., 0], vector[..., 1])[..., None]
    too_long = norm > longest * (1.0 + _ROUNDING)
    return too_long, longest / np.where(too_long, norm, 1.0)


def _fenced(limits: Limits, fence: float, action: np.ndarray, position: np.ndarray) -> np.ndarray:
    """No part of an action that would carry the robot out of the fence.

    A force has no stopping distance of its own: outside, it may only point inwards.
    """
    outwards = np.sign(action)
    room = np.maximum(fence - outwards * position, 0.0)
    if limits.action == "force":
        return np.where(room > 0.0, action, 0.0)
    return outwards * np.minimum(np.abs(action), _towards_fence(limits, room))


def _towards_fence(limits: Limits, room: np.ndarray) -> np.ndarray:
    """Largest velocity [m/s] towards a fence that is `room` [m] away.

    It is the one from which the robot still stops inside: v t + v^2 / (2 a) = room. With t four times the delay of the loop (response time
    and one period) the approach is critically damped, so the robot does not overshoot.
    """
    slowing = 4.0 * (limits.response_time + limits.period)
    return limits.acceleration * (np.sqrt(slowing**2 + 2.0 * room / limits.acceleration) - slowing)


def _with_fence(limits: Limits, apart: HalfPlanes, position: np.ndarray) -> HalfPlanes:
    """The four sides of the fence beside the neighbours, or one robot would push another out."""
    if limits.geofence is None:
        return apart
    room = np.maximum(limits.geofence - _SIDES * position[..., None, :], 0.0)
    room = np.where(_SIDES != 0.0, room, 0.0).sum(axis=-1)
    sides = np.broadcast_to(_SIDES, (*position.shape[:-1], *_SIDES.shape))
    bounds = _towards_fence(limits, room)
    return HalfPlanes(np.concatenate([apart.normal, sides], axis=-2), np.concatenate([apart.bound, bounds], axis=-1))
