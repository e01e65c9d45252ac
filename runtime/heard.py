"""What a robot makes of what it heard of its peers: where they are now, and how far to trust that; for robots and training alike."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from runtime import floats
from runtime.arrays import array_namespace
from runtime.chance import Array
from runtime.observation import of_others

Rows: TypeAlias = Array | list
"""Of many robots, or of one: plain numbers are faster where there are few."""
_SLACK = 1e-6
"""An age that is above a limit by so much is not: 0.1 + 0.2 is 0.30000000000000004 [s]."""


@dataclass(frozen=True)
class Heard:
    """The newest message of each peer that has reached a robot. `...` are leading dimensions, M is the number of peers; arrays, or lists
    for one robot.

    Attributes:
        position: [..., M, 2], m, world frame, as it was sent; anything where nothing was heard.
        velocity: [..., M, 2], m/s, world frame, as it was sent.
        age: [..., M], s; infinite where nothing was heard in this episode.
        message: [..., M, W], what the peers' actors had said; None in a team that is silent.
    """

    position: Rows
    velocity: Rows
    age: Rows
    message: Rows | None = None


@dataclass(frozen=True)
class Peers:
    """What the actor is told of the peers; arrays, or lists for one robot.

    Attributes:
        position: [..., M, 2], m, world frame: now, if the velocity has not changed.
        velocity: [..., M, 2], m/s, world frame, as last heard.
        age: [..., M], s, at most that of a lost peer.
        known: [..., M]: 1 for a peer that was heard and is not lost, else 0.
        message: [..., M, W], what their actors said last; zeros where that is too long ago; None in a team that is silent.
    """

    position: Rows
    velocity: Rows
    age: Rows
    known: Rows
    message: Rows | None = None

    def as_arrays(self) -> Peers:
        """Those of one robot, as arrays."""
        position, velocity = (np.array(each).reshape(-1, 2) for each in (self.position, self.velocity))
        message = None if self.message is None else np.array(self.message, dtype=np.float64).reshape(len(self.age), -1)
        return Peers(position, velocity, np.array(self.age), np.array(self.known), message)


def believe(heard: Heard, own_position: Rows, lost: float, heeded: float = math.inf) -> Peers:
    """Extrapolate each peer at constant velocity by the age of its message.

    A peer that is lost is kept where it would have been when it was lost; one that was never heard is at the robot's own position, at
    rest. Neither is `known`. What a peer's actor said is heeded for a while, and is silence then: it was about a moment that has passed.

    Args:
        heard: of the peers.
        own_position: [..., 2], m, world frame; a list beside lists.
        lost: age from which on a message says nothing any more [s].
        heeded: age up to which what an actor said counts [s]; a control period.
    """
    if isinstance(own_position, list):
        return _of_one(heard, own_position, lost, heeded)
    xp = array_namespace(heard.position)
    ever = xp.isfinite(heard.age)[..., None]
    age = xp.clip(heard.age, max=lost)
    known = xp.astype(heard.age <= lost, heard.position.dtype)
    position, velocity = _now(xp, heard.position, heard.velocity, own_position[..., None, :], ever, age[..., None])
    message = heard.message
    if message is not None:
        message = xp.where((heard.age <= heeded + _SLACK)[..., None], message, message * 0.0)
    return Peers(position, velocity, age, known, message)


def _of_one(heard: Heard, own_position: list[float], lost: float, heeded: float) -> Peers:
    here_x, here_y = own_position
    position, velocity, ages, known = [], [], [], []
    for (x, y), (speed_x, speed_y), age in zip(heard.position, heard.velocity, heard.age, strict=True):
        ever, told = math.isfinite(age), min(age, lost)
        now_x, speed_x = _now(floats, x, speed_x, here_x, ever, told)
        now_y, speed_y = _now(floats, y, speed_y, here_y, ever, told)
        position.append((now_x, now_y))
        velocity.append((speed_x, speed_y))
        ages.append(told)
        known.append(float(age <= lost))
    message = heard.message
    if message is not None:
        message = [said if age <= heeded + _SLACK else [0.0] * len(said) for said, age in zip(message, heard.age, strict=True)]
    return Peers(position, velocity, ages, known, message)


def _now(xp: Any, spot: Array, speed: Array, here: Array, ever: Array, age: Array) -> tuple[Array, Array]:
    """Where a peer is now, and its velocity: of numbers (`runtime.floats`) or arrays."""
    speed = xp.where(ever, speed, speed * 0.0)
    return xp.where(ever, spot + age * speed, here), speed


def heard_at_once(position: Array, velocity: Array, message: Array | None = None) -> Heard:
    """A team in which everyone hears everyone without delay: [..., N, 2] of all to [..., N, N - 1, 2] of each one's peers."""
    peers = of_others(position)
    return Heard(peers, of_others(velocity), peers[..., 0] * 0.0, None if message is None else of_others(message))
