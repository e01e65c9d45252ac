"""Missions, as the user writes them, into layouts, as the worlds take them, and back."""

from __future__ import annotations

import math

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
    joined = (np.concatenate([getattr(layout, name) for layout in layouts]) for name in ("starts", "landmarks", "seeds"))
    return Layouts(*joined, *_courses(missions))


def _courses(missions: Missions) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Drift [E, L, 2] and walls [E] of all missions; None and None where all landmarks stand still."""
    if not any(mission.drift for mission in missions.missions):
        return None, None
    drift = np.array([mission.drift or ((0.0, 0.0),) * len(mission.landmarks) for mission in missions.missions])
    return drift, np.array([math.inf if mission.within is None else mission.within for mission in missions.missions])


def missions_of(layouts: Layouts) -> Missions:
    """Layouts as missions that leave nothing open."""
    return Missions(missions=tuple(_mission_of(layouts[index : index + 1]) for index in range(len(layouts))))


def _mission_of(layout: Layouts) -> Mission:
    within = None if layout.within is None or math.isinf(layout.within[0]) else float(layout.within[0])
    drift = [[]] if layout.drift is None else layout.drift.tolist()
    landmarks, starts, drifts = (tuple(map(tuple, points[0])) for points in (layout.landmarks.tolist(), layout.starts.tolist(), drift))
    return Mission(landmarks=landmarks, starts=starts, drift=drifts, within=within, seed=int(layout.seeds[0]))
