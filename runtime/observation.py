"""The one observation builder: the same code on a robot (numpy) and in training (torch), batched over leading dimensions.

A layout is an ordered list of field names. The contract of an actor stores it, and the runtime composes the observation by name.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from robots.errors import InputError
from runtime.arrays import array_namespace
from runtime.contract import FieldShape

Array = Any
"""A numpy array or a torch tensor."""


@dataclass(frozen=True)
class View:
    """What one robot knows when it builds its observation. `...` are any leading dimensions, the same in all.

    Attributes:
        own_position: [..., 2], m, world frame.
        own_velocity: [..., 2], m/s, world frame.
        landmarks: [..., L, 2], m, world frame, in the mission's order.
        peers: [..., N - 1, 2], positions of the other robots [m, world frame], by ascending agent number.
        peers_velocity: [..., N - 1, 2], their velocities as last heard [m/s, world frame].
        peers_age: [..., N - 1], ages of their messages [s].
        peers_known: [..., N - 1], 1 for a peer that is heard, 0 for one that is lost or was never heard.
        command_latency: [..., 1], time from a command to its effect, as far as the robot knows [s].
        own_setpoint: [..., 2], what the robot was last commanded, after its safety gate [m/s, world frame].
        landmarks_known: [..., L], 1 for a landmark that is to be covered, 0 for one that is not there; None where all are.
        peers_message: [..., N - 1, W], what the other robots' actors said last; zeros for one that is silent.
        landmarks_velocity: [..., L, 2], m/s, world frame; None where they stand still.

    What is None is not known; a layout that needs it cannot be built.
    """

    own_position: Array
    own_velocity: Array
    landmarks: Array
    peers: Array
    peers_velocity: Array | None = None
    peers_age: Array | None = None
    peers_known: Array | None = None
    command_latency: Array | None = None
    own_setpoint: Array | None = None
    landmarks_known: Array | None = None
    peers_message: Array | None = None
    landmarks_velocity: Array | None = None


_WORDS = -1
"""Width of a field that is as wide as a message."""


@dataclass(frozen=True)
class _Field:
    """Its `width` is that of the robot itself, or of each landmark or peer."""

    unit: str
    frame: str
    width: int
    build: Callable[[View], Array]
    owner: Literal["own", "landmark", "peer"] = "own"


def _flat(points: Array) -> Array:
    xp = array_namespace(points)
    return xp.reshape(points, (*points.shape[:-2], points.shape[-2] * points.shape[-1]))


def _silence(view: View) -> Array:
    # simple_spread's agents are silent: mpe2 appends two zeros for each peer.
    return _flat(view.peers * 0.0)


def _landmarks_known(view: View) -> Array:
    return view.landmarks[..., 0] * 0.0 + 1.0 if view.landmarks_known is None else view.landmarks_known


def _landmarks_velocity(view: View) -> Array:
    return _flat(view.landmarks * 0.0 if view.landmarks_velocity is None else view.landmarks_velocity)


def _known(view: View, name: str) -> Array:
    value = getattr(view, name)
    if value is None:
        raise ValueError(f"observation field '{name}' is in the layout, and the view does not have it")
    return value


_FIELDS: dict[str, _Field] = {
    "own_velocity": _Field("m/s", "world", 2, lambda view: view.own_velocity),
    "own_position": _Field("m", "world", 2, lambda view: view.own_position),
    "landmarks_relative": _Field(
        "m", "world, from own position", 2, lambda view: _flat(view.landmarks - view.own_position[..., None, :]), "landmark",
    ),
    "landmarks_known": _Field("1", "none", 1, _landmarks_known, "landmark"),
    "landmarks_velocity": _Field("m/s", "world", 2, _landmarks_velocity, "landmark"),
    "peers_relative": _Field("m", "world, from own position", 2, lambda view: _flat(view.peers - view.own_position[..., None, :]), "peer"),
    "communication": _Field("1", "none", 2, _silence, "peer"),
    "peers_velocity": _Field("m/s", "world", 2, lambda view: _flat(_known(view, "peers_velocity")), "peer"),
    "peers_age": _Field("s", "none", 1, lambda view: _known(view, "peers_age"), "peer"),
    "peers_known": _Field("1", "none", 1, lambda view: _known(view, "peers_known"), "peer"),
    "peers_message": _Field("1", "none", _WORDS, lambda view: _flat(_known(view, "peers_message")), "peer"),
    "command_latency": _Field("s", "none", 1, lambda view: _known(view, "command_latency")),
    "own_setpoint": _Field("m/s", "world", 2, lambda view: _known(view, "own_setpoint")),
}  # fmt: skip

SIMPLE_SPREAD_V3: tuple[str, ...] = ("own_velocity", "own_position", "landmarks_relative", "peers_relative", "communication")
"""The 6N numbers of mpe2's simple_spread_v3, in its order (mpe2/simple_spread/simple_spread.py, `observation`)."""


def field_shapes(layout: Sequence[str], robots: int, landmarks: int, words: int = 0) -> tuple[FieldShape, ...]:
    """The shapes of a layout's fields for a team whose actors say `words` numbers each. Raises InputError for a name that is no field."""
    counts = {"own": 1, "landmark": landmarks, "peer": robots - 1}

    def shape(name: str, field: _Field) -> FieldShape:
        width = words if field.width == _WORDS else field.width
        return FieldShape(name=name, size=width * counts[field.owner], unit=field.unit, frame=field.frame)

    return tuple(shape(name, _field(name)) for name in layout)


def field_owner(name: str) -> Literal["own", "landmark", "peer"]:
    """Whom a field is of: the robot itself, or all landmarks or peers, one by one. Raises InputError for a name that is no field."""
    return _field(name).owner


def observe(layout: Sequence[str], view: View) -> Array:
    """Build observations.

    Args:
        layout: names of the fields, in order.
        view: what the robot knows, with leading dimensions `...`.

    Returns:
        [..., D], of the view's array type and precision.

    Raises:
        InputError: a name is no field.
    """
    xp = array_namespace(view.own_position)
    return xp.concat([_field(name).build(view) for name in layout], axis=-1)


def views_of_team(position: Array, velocity: Array, landmarks: Array, landmarks_velocity: Array | None = None) -> View:
    """The views of all robots of a team that know each other's positions exactly.

    Args:
        position: [..., N, 2], m, world frame.
        velocity: [..., N, 2], m/s, world frame.
        landmarks: [..., L, 2], m, world frame.
        landmarks_velocity: [..., L, 2], m/s, world frame; None where they stand still.

    Returns:
        A view whose leading dimensions are [..., N].
    """
    return View(
        own_position=position,
        own_velocity=velocity,
        landmarks=to_everyone(landmarks, position),
        peers=of_others(position),
        landmarks_velocity=None if landmarks_velocity is None else to_everyone(landmarks_velocity, position),
    )


def to_everyone(values: Array, position: Array) -> Array:
    """What all robots of a team know alike, given to each: [..., L, 2], for robots at [..., N, 2], to [..., N, L, 2]."""
    xp = array_namespace(position)
    return xp.broadcast_to(values[..., None, :, :], (*position.shape[:-1], *values.shape[-2:]))


def of_others(values: Array) -> Array:
    """What each robot of a team gets to know of the others.

    Args:
        values: [..., N, K], one row a robot.

    Returns:
        [..., N, N - 1, K]: for each robot the rows of the others, by ascending number.
    """
    xp = array_namespace(values)
    robots = values.shape[-2]
    if robots == 1:
        return xp.zeros((*values.shape[:-1], 0, values.shape[-1]), dtype=values.dtype)
    others = [[other for other in range(robots) if other != me] for me in range(robots)]
    return xp.stack([values[..., indices, :] for indices in others], axis=-3)


def _field(name: str) -> _Field:
    if name not in _FIELDS:
        nearest = difflib.get_close_matches(name, _FIELDS, n=1)
        hint = f"; did you mean '{nearest[0]}'?" if nearest else ""
        raise InputError(f"observation field '{name}' is unknown; known fields: {', '.join(_FIELDS)}{hint}")
    return _FIELDS[name]
