"""The teams of a batch: how many robots and landmarks, where they begin, and who leaves and who arrives on the way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from runtime.course import Course
from runtime.entities import arena_for
from sim3d.world import Layouts
from training.entity_config import TEAM_SIZE, EntitiesConfig


@dataclass(frozen=True)
class Teams:
    """B episodes of T steps of at most N robots and L landmarks.

    Attributes:
        starts: [B, N, 2], where each robot is when it first is.
        landmarks: [B, L, 2].
        landmarks_known: [B, L], 1 for those that there are, else 0.
        begins: [B, N], step before which a robot is not there.
        ends: [B, N], step from which on it is not there any more.
        hearing: [B], how far robots hear each other; infinite for all.
        course: of the landmarks; None where they stand still.
    """

    starts: Tensor
    landmarks: Tensor
    landmarks_known: Tensor
    begins: Tensor
    ends: Tensor
    hearing: Tensor
    course: Course | None = None

    def present(self, step: int) -> Tensor:
        """[B, N], whether each robot is there."""
        return (self.begins <= step) & (step < self.ends)


def draw_teams(entities: EntitiesConfig, most: int, episodes: int, horizon: int, generator: torch.Generator) -> Teams:
    """Teams of every size alike, in arenas that keep the density of simple_spread's three robots.

    Args:
        entities: laws.
        most: robots, and landmarks, of the largest team.
        episodes: B.
        horizon: T.
        generator: of all chance.
    """

    def chance() -> Tensor:
        return torch.rand(episodes, generator=generator)

    robots = entities.least + (chance() * (most + 1 - entities.least)).floor()
    more = torch.where(chance() < 0.5, -1.0, 1.0) * (chance() < entities.uneven)
    landmarks = (robots + more).clamp(1, most)
    number = torch.arange(most)
    begins = torch.where(number < robots[:, None], 0, horizon + 1)
    ends = torch.full((episodes, most), horizon + 1)
    # The one who leaves is any of those who begin; the one who arrives has the next number.
    leaver, leaves = (chance() * robots).floor(), 1 + (chance() * (horizon - 1)).floor()
    leaving = (chance() < entities.changes) & (robots > 1)
    ends = torch.where((number == leaver[:, None]) & leaving[:, None], leaves[:, None].long(), ends)
    arrives, arriving = 1 + (chance() * (horizon - 1)).floor(), chance() < entities.changes
    begins = torch.where((number == robots[:, None]) & arriving[:, None], arrives[:, None].long(), begins)
    half = arena_for(1.0, TEAM_SIZE, torch.maximum(robots, landmarks))
    points = (torch.rand(episodes, 2 * most, 2, generator=generator) * 2 - 1) * half[:, None, None]
    nearest, farthest = entities.hearing
    hearing = torch.full((episodes,), torch.inf) if farthest == 0 else nearest + (farthest - nearest) * chance()
    course = None
    if entities.drift:
        speed, angle = entities.drift * chance(), 2 * torch.pi * torch.rand(episodes, most, generator=generator)
        course = Course(points[:, most:], speed[:, None, None] * torch.stack([angle.cos(), angle.sin()], -1), half)
    return Teams(points[:, :most], points[:, most:], (number < landmarks[:, None]).float(), begins, ends, hearing, course)


def whole_teams(layouts: Layouts) -> Teams:
    """Teams in which nobody leaves or arrives."""
    starts, landmarks = _float(layouts.starts), _float(layouts.landmarks)
    shape = starts.shape[:2]
    never = torch.full(shape, torch.iinfo(torch.int64).max)
    hearing = torch.full(shape[:1], torch.inf)
    course = layouts.course()
    if course is not None:
        course = Course(landmarks, _float(course.drift), _float(course.within))
    return Teams(starts, landmarks, torch.ones(landmarks.shape[:2]), torch.zeros(shape, dtype=torch.int64), never, hearing, course)


def _float(values: np.ndarray) -> Tensor:
    return torch.from_numpy(values).float()
