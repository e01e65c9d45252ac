"""What teams of one size are worth: missions of exported actors in `spread`, in an arena as crowded as that of the smallest."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from runtime.actor import OnnxActor
from sim3d.in_process import run_missions
from sim3d.metrics import EpisodeMetrics, team_metrics
from sim3d.mission_length import mission_periods
from sim3d.profile import load_profile
from sim3d.world import random_layouts
from sim3d.worlds import make_world, specs_of

AT_ONCE = 100
"""Missions in a batch: thirty robots that each read thirty entities fill the caches of a processor with more."""


def fly(actors: Sequence[OnnxActor], episodes: int, seed: int) -> dict[str, np.ndarray]:
    """Every metric of E missions (`sim3d.metrics.EpisodeMetrics`) [E], on layouts that depend on the size of the team and `seed` alone."""
    contract, specs = actors[0].contract, specs_of(actors, "the bundle")
    parts: list[EpisodeMetrics] = []
    for first in range(0, episodes, AT_ONCE):
        count = min(AT_ONCE, episodes - first)
        layouts = random_layouts(count, contract.team_size, contract.landmarks, contract.arena_half_size, seed, first)
        world = make_world("spread", specs, contract.landmarks, contract.arena_half_size)
        position = run_missions(world, specs, actors, layouts, load_profile("clean"), mission_periods(contract))
        parts.append(team_metrics(position, layouts.landmarks, contract, world))
    return {field.name: np.concatenate([getattr(part, field.name) for part in parts]) for field in dataclasses.fields(EpisodeMetrics)}
