"""What robots of teams of any size are paid in `spread`: coverage, and contacts."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from sim3d.spread import ROBOT_RADIUS
from sim3d.spread_task import distances, separations

FARTHEST = 4.0
"""A landmark that has no robot counts as that far from one [simple_spread's units]; farther than most are in arenas of five robots."""


def entity_reward(
    position: Tensor, present: Tensor, landmarks: Tensor, landmarks_known: Tensor, local_ratio: float, credit: Literal["team", "difference"]
) -> Tensor:
    """Reward of each robot; of those that are not there it says nothing.

    (1 - local_ratio) * coverage - local_ratio * (robots that I touch). The coverage of a team is minus the sum over landmarks of the
    nearest robot's distance, as in simple_spread; the difference that a robot makes is that less the same without the robot.

    Args:
        position: [B, N, 2].
        present: [B, N], whether each robot is there.
        landmarks: [B, L, 2].
        landmarks_known: [B, L], 1 for those that there are.
        local_ratio: weight of the own contacts.
        credit: see EntitiesConfig.

    Returns:
        [B, N].
    """
    away = torch.where(present[..., None], distances(position, landmarks).clamp(max=FARTHEST), FARTHEST)  # [B, N, L]
    two = away.topk(min(2, away.shape[1]), dim=1, largest=False).values
    nearest = two[:, 0]
    if credit == "team":
        coverage = -(nearest * landmarks_known).sum(-1, keepdim=True)
    else:
        second = two[:, 1] if two.shape[1] > 1 else torch.full_like(nearest, FARTHEST)
        mine = away <= nearest[:, None]
        coverage = (mine * ((second - nearest) * landmarks_known)[:, None]).sum(-1)
    both = present[:, :, None] & present[:, None, :]
    touched = ((separations(position) < 2 * ROBOT_RADIUS) & both).sum(-1) - 1
    return (1.0 - local_ratio) * coverage - local_ratio * touched
