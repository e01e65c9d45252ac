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
    return MOVING_FIELDS if entities.drift else ENTITY_FIELDS


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
    """

    velocity: Tensor
    landmarks: Tensor
    landmarks_known: Tensor
    peers: Tensor
    peers_velocity: Tensor
    peers_known: Tensor
    landmarks_velocity: Tensor


def unpack(seen: Tensor, robots: int, landmarks: int, fields: tuple[str, ...]) -> Scene:
    """Observations [M, D] of ENTITY_FIELDS or MOVING_FIELDS as a scene of `robots` - 1 peers and so many landmarks."""
    sizes = [field.size for field in field_shapes(fields, robots, landmarks)]
    said = dict(zip(fields, seen.T.contiguous().split(sizes), strict=True))
    spots = _by_axis(said["landmarks_relative"])
    return Scene(
        said["own_velocity"],
        spots,
        said["landmarks_known"],
        _by_axis(said["peers_relative"]),
        _by_axis(said["peers_velocity"]),
        said["peers_known"],
        _by_axis(said["landmarks_velocity"]) if "landmarks_velocity" in said else torch.zeros_like(spots),
    )


def nearest(scene: Scene, most: int) -> Scene:
    """The same with the `most` nearest known landmarks, and with itself as many robots; what is missing is there and not known."""
    spots, (moves, spots_known) = _nearest(scene.landmarks, [scene.landmarks_velocity], scene.landmarks_known, most)
    peers, (speeds, known) = _nearest(scene.peers, [scene.peers_velocity], scene.peers_known, max(1, most - 1))
    return Scene(scene.velocity, spots, spots_known, peers, speeds, known, moves)


def length(points: Tensor) -> Tensor:
    """[2, ...] to [...]; its gradient is finite at zero."""
    return torch.sqrt((points * points).sum(0) + 1e-6)


def _by_axis(rows: Tensor) -> Tensor:
    """[2 K, M], by entity and axis, to [2, K, M]."""
    return rows.unflatten(0, (rows.shape[0] // 2, 2)).transpose(0, 1)


def _nearest(spots: Tensor, others: list[Tensor], known: Tensor, most: int) -> tuple[Tensor, list[Tensor]]:
    """Of K entities the `most` nearest known: spots and others [2, K, M], known [K, M], the last of what is given back."""
    # So that there are always as many: entities that are not known.
    nothing = spots.new_zeros(2, most, spots.shape[2])
    spots, *others = (torch.cat([each, nothing], 1) for each in (spots, *others))
    known = torch.cat([known, nothing[0]])
    far = torch.where(known > 0, (spots * spots).sum(0), 1e9)
    chosen = far.topk(most, dim=0, largest=False).indices
    pairs = chosen[None].expand(2, -1, -1)
    return spots.gather(1, pairs), [*(each.gather(1, pairs) for each in others), known.gather(0, chosen)]
