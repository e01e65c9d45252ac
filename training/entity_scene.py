"""What entity networks read: robots and landmarks around each of many robots, as scenes of any size."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from runtime.observation import field_shapes

ENTITY_FIELDS = ("own_velocity", "landmarks_relative", "landmarks_known", "peers_relative", "peers_velocity", "peers_known")
"""What entity actors read; numbers of landmarks stand in one field after the other, each by landmark, and so those of peers."""


def entity_fields(words: int) -> tuple[str, ...]:
    """What entity actors read that say `words` numbers to each other."""
    return (*ENTITY_FIELDS, "peers_message") if words else ENTITY_FIELDS


class Scene(NamedTuple):
    """What M robots see, numbers first: an operation then runs over whole rows of robots.

    Attributes:
        velocity: [2, M], own.
        landmarks: [2, L, M], from the own position.
        landmarks_known: [L, M], 1 or 0.
        peers: [2, P, M], from the own position.
        peers_velocity: [2, P, M].
        peers_known: [P, M], 1 or 0.
        peers_message: [W, P, M], what they said last, zeros for one that is silent; None where nobody speaks.
    """

    velocity: Tensor
    landmarks: Tensor
    landmarks_known: Tensor
    peers: Tensor
    peers_velocity: Tensor
    peers_known: Tensor
    peers_message: Tensor | None = None


def unpack(seen: Tensor, robots: int, landmarks: int, words: int = 0) -> Scene:
    """Observations [M, D] of `entity_fields` as a scene of `robots` - 1 peers and so many landmarks."""
    fields = field_shapes(entity_fields(words), robots, landmarks, words)
    parts = dict(zip((field.name for field in fields), seen.T.contiguous().split([field.size for field in fields]), strict=True))
    return Scene(
        parts["own_velocity"],
        _first(parts["landmarks_relative"], 2),
        parts["landmarks_known"],
        _first(parts["peers_relative"], 2),
        _first(parts["peers_velocity"], 2),
        parts["peers_known"],
        _first(parts["peers_message"], words) if words else None,
    )


def nearest(scene: Scene, most: int) -> Scene:
    """The same with the `most` nearest known landmarks, and with itself as many robots; what is missing is there and not known."""
    spots, spots_known = nearest_of(scene.landmarks, scene.landmarks_known, most)
    said = [] if scene.peers_message is None else [scene.peers_message]
    peers, known = nearest_of(torch.cat([scene.peers, scene.peers_velocity, *said]), scene.peers_known, max(1, most - 1))
    return Scene(scene.velocity, spots, spots_known, peers[:2], peers[2:4], known, peers[4:] if said else None)


def length(points: Tensor) -> Tensor:
    """[2, ...] to [...]; its gradient is finite at zero."""
    return torch.sqrt((points * points).sum(0) + 1e-6)


def nearest_of(entities: Tensor, known: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """Of K entities the `most` nearest known.

    Args:
        entities: numbers of each, of which the first two are its place from the own position [numbers, K, M].
        known: [K, M].
        most: how many are given back, also where there are fewer: who is missing is not known.

    Returns:
        [numbers, most, M] and [most, M].
    """
    nothing = entities.new_zeros(len(entities), most, entities.shape[2])
    entities, known = torch.cat([entities, nothing], 1), torch.cat([known, nothing[0]])
    far = torch.where(known > 0, (entities[:2] * entities[:2]).sum(0), 1e9)
    chosen = far.topk(most, dim=0, largest=False).indices
    return entities.gather(1, chosen[None].expand(len(entities), -1, -1)), known.gather(0, chosen)


def _first(rows: Tensor, width: int) -> Tensor:
    """[width K, M], by entity and number, to [width, K, M]."""
    return rows.unflatten(0, (rows.shape[0] // width, width)).transpose(0, 1)
