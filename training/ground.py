"""Where a team learns and is tried: a world, with all that stands between it and the networks."""

from __future__ import annotations

from typing import Protocol

import torch

from sim3d.metrics import EpisodeMetrics
from sim3d.profile import Profile
from training.front_ends import FrontEnd
from training.policies import TeamPolicy
from training.rollout import Batch

EVALUATION_SEED = 1_000_003
"""Of the layouts of evaluations; training never draws from it."""


class Ground(Protocol):
    """A world for one team.

    Attributes:
        front_end: of robot 0; what networks read is alike for all.
    """

    front_end: FrontEnd

    def collect(self, policy: TeamPolicy, profile: Profile, generator: torch.Generator) -> Batch:
        """A batch of whole episodes with sampled choices, disturbed by `profile`, on layouts drawn from `generator`."""

    def evaluate(self, policy: TeamPolicy, episodes: int, profile: Profile) -> EpisodeMetrics:
        """The most likely choices on layouts that are the same at every evaluation, disturbed by `profile`."""
