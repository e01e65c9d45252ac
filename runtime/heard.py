"""What a robot makes of what it heard of its peers: where they are now, and how far to trust that; for robots and training alike."""

from __future__ import annotations

from dataclasses import dataclass

from runtime.arrays import array_namespace
from runtime.chance import Array
from runtime.observation import of_others


@dataclass(frozen=True)
class Heard:
    """The newest message of each peer that has reached a robot. `...` are leading dimensions, M is the number of peers.

    Attributes:
        position: [..., M, 2], m, world frame, as it was sent; anything where nothing was heard.
        velocity: [..., M, 2], m/s, world frame, as it was sent.
        age: [..., M], s; infinite where nothing was heard in this episode.
    """

    position: Array
    velocity: Array
    age: Array


@dataclass(frozen=True)
class Peers:
    """What the actor is told of the peers.

    Attributes:
        position: [..., M, 2], m, world frame: now, if the velocity has not changed.
        velocity: [..., M, 2], m/s, world frame, as last heard.
        age: [..., M], s, at most that of a lost peer.
        known: [..., M]: 1 for a peer that was heard and is not lost, else 0.
    """

    position: Array
    velocity: Array
    age: Array
    known: Array


def believe(heard: Heard, own_position: Array, lost: float) -> Peers:
    """Extrapolate each peer at constant velocity by the age of its message.

    A peer that is lost is kept where it would have been when it was lost; one that was never heard is at the robot's own position, at
    rest. Neither is `known`.

    Args:
        heard: of the peers.
        own_position: [..., 2], m, world frame.
        lost: age from which on a message says nothing any more [s].
    """
    xp = array_namespace(heard.position)
    ever = xp.isfinite(heard.age)
    age = xp.clip(heard.age, max=lost)
    known = xp.astype(heard.age <= lost, heard.position.dtype)
    velocity = xp.where(ever[..., None], heard.velocity, heard.velocity * 0.0)
    position = xp.where(ever[..., None], heard.position + age[..., None] * velocity, own_position[..., None, :])
    return Peers(position, velocity, age, known)


def heard_at_once(position: Array, velocity: Array) -> Heard:
    """A team in which everyone hears everyone without delay: [..., N, 2] of all to [..., N, N - 1, 2] of each one's peers."""
    peers = of_others(position)
    return Heard(peers, of_others(velocity), peers[..., 0] * 0.0)
