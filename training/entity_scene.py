"""What entity networks read: robots and landmarks around each of many robots, as scenes of any size."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from runtime.observation import field_shapes
from training.entity_config import EntitiesConfig

ENTITY_FIELDS = ("own_velocity", "landmarks_relative", "landmarks_known", "peers_relative", "peers_velocity", "peers_known")
"""What entity actors read; numbers of landmarks stand in one field after the other, each by landmark, and so those of peers."""
MOVING_FIELDS = (*ENTITY_FIELDS[:3], "landmarks_velocity", *ENTITY_FIELDS[3:])
"""What those read that learned among landmarks that move."""


def fields_for(entities: EntitiesConfig) -> tuple[str, ...]:
    """What the actors of a configuration read."""
    fields = MOVING_FIELDS if entities.drift else ENTITY_FIELDS
    return (*fields, "peers_message") if entities.words else fields


class Scene(NamedTuple):
    """What M robots see, numbers first: an operation then runs over whole rows of robots.

    Attributes:
        velocity: [2, M], own.
        landmarks: [2, L, M], from the own position.
        landmarks_known: [L, M], 1 or 0.
        peers: [2, P, M], from the own position.
        peers_velocity: [2, P, M].
        peers_known: [P, M], 1 or 0.
        landmarks_velocity: [2, L, M]; zero for those that stand still.
        peers_message: [W, P, M], what they said last, zeros for one that is silent; None where nobody speaks.
    """

    velocity: Tensor
    landmarks: Tensor
    landmarks_known: Tensor
    peers: Tensor
    peers_velocity: Tensor
    peers_known: Tensor
    landmarks_velocity: Tensor
    peers_message: Tensor | None = None


def unpack(seen: Tensor, robots: int, landmarks: int, fields: tuple[str, ...], words: int) -> Scene:
    """Observations [M, D] of what `fields_for` says as a scene of `robots` - 1 peers and so many landmarks."""
    sizes = [field.size for field in field_shapes(fields, robots, landmarks, words)]
    parts = dict(zip(fields, seen.T.contiguous().split(sizes), strict=True))
    spots = _first(parts["landmarks_relative"], 2)
    return Scene(
        parts["own_velocity"],
        spots,
        parts["landmarks_known"],
        _first(parts["peers_relative"], 2),
        _first(parts["peers_velocity"], 2),
        parts["peers_known"],
        _first(parts["landmarks_velocity"], 2) if "landmarks_velocity" in parts else torch.zeros_like(spots),
        _first(parts["peers_message"], words) if words else None,
    )


def nearest(scene: Scene, most: int) -> Scene:
    """The same with the `most` nearest known landmarks, and with itself as many robots; what is missing is there and not known."""
    spots, spots_known = nearest_of(torch.cat([scene.landmarks, scene.landmarks_velocity]), scene.landmarks_known, most)
    said = [] if scene.peers_message is None else [scene.peers_message]
    peers, known = nearest_of(torch.cat([scene.peers, scene.peers_velocity, *said]), scene.peers_known, max(1, most - 1))
    return Scene(scene.velocity, spots[:2], spots_known, peers[:2], peers[2:4], known, spots[2:], peers[4:] if said else None)


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
