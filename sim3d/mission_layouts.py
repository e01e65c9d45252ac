"""Missions, as the user writes them, into layouts, as the worlds take them, and back."""

from __future__ import annotations

import dataclasses

import numpy as np

from robots.errors import InputError
from runtime.team import Mission, Missions
from sim3d.world import Layouts, random_layouts


def layouts_of(missions: Missions, robots: int, arena_half_size: float, seed: int, place: str) -> Layouts:
    """What the plant makes of a mission file; what a mission leaves open is drawn from `seed` and the mission's number.

    Args:
        missions: E missions with L landmarks each.
        robots: N.
        arena_half_size: robots that have no start begin within +-this on both axes [m].
        seed: of the series, for missions that have none of their own.
        place: names the mission file in errors.

    Raises:
        InputError: a mission has starts, but not N; or a seed that is not in 0 ... 2^63 - 1.
    """
    layouts = []
    for index, mission in enumerate(missions.missions):
        if mission.seed is not None and not 0 <= mission.seed < 2**63:
            raise InputError(f"{place}: missions[{index}].seed: is {mission.seed}, must be in 0 ... 2^63 - 1")
        drawn = random_layouts(1, robots, len(mission.landmarks), arena_half_size, seed if mission.seed is None else mission.seed, index)
        if len(mission.starts) not in (0, robots):
            raise InputError(f"{place}: missions[{index}].starts: has {len(mission.starts)}, the team has {robots} robots")
        starts = np.array([mission.starts]) if mission.starts else drawn.starts
        seeds = drawn.seeds if mission.seed is None else np.array([mission.seed])
        layouts.append(Layouts(starts, np.array([mission.landmarks]), seeds))
    joined = (np.concatenate([getattr(layout, field.name) for layout in layouts]) for field in dataclasses.fields(Layouts))
    return Layouts(*joined)


def missions_of(layouts: Layouts) -> Missions:
    """Layouts as missions that leave nothing open."""
    return Missions(
        missions=tuple(
            Mission(landmarks=tuple(map(tuple, landmarks)), starts=tuple(map(tuple, starts)), seed=seed)
            for landmarks, starts, seed in zip(layouts.landmarks.tolist(), layouts.starts.tolist(), layouts.seeds.tolist(), strict=True)
        )
    )
