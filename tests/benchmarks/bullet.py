"""World `bullet`: teams of three of each kind, and one of each; random velocity set-points that are held for 0.1 s."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from robots.spec import load_spec
from sim3d.bullet import BulletWorld
from sim3d.world import random_layouts
from tests.benchmarks.row import Row

TEAMS = {
    "3 omni robots": ("omni",) * 3,
    "3 differential drives": ("diffdrive",) * 3,
    "3 quadrotors": ("quadrotor",) * 3,
    "one of each": ("omni", "diffdrive", "quadrotor"),
}
EPISODES = 32
CONTROL_PERIOD = 0.1
"""[s]"""

DURATION = 5.0
"""How long one measurement goes on, at least [s]."""

IN_PROCESS, WORKERS = 0, 2


def measure() -> list[Row]:
    """Control periods of one team a second; simulated time against real time."""
    rows = []
    for name, kinds in TEAMS.items():
        for workers in (IN_PROCESS, WORKERS) if name == "3 omni robots" else (IN_PROCESS,):
            rate = _team_steps_per_second(kinds, workers)
            where = f"{workers} workers" if workers else "in process"
            rows.append(Row(f"world bullet, {name}, {where}", rate, "team control steps/s", rate * CONTROL_PERIOD, "real time"))
    return rows


def _team_steps_per_second(kinds: Sequence[str], workers: int) -> float:
    specs = [load_spec(kind) for kind in kinds]
    world = BulletWorld(specs, arena_half_size=2.0, workers=workers)
    ticks = round(CONTROL_PERIOD / world.tick_period)
    fastest = np.array([[spec.cruise_speed] for spec in specs])
    generator = np.random.default_rng(0)
    shape = (EPISODES, len(specs), 2)
    try:
        state = world.reset(random_layouts(EPISODES, len(specs), len(specs), world.arena_half_size, seed=0))
        state = world.step(state, np.zeros(shape), ticks)
        begin, steps = time.perf_counter(), 0
        while (elapsed := time.perf_counter() - begin) < DURATION:
            state = world.step(state, fastest * generator.uniform(-1.0, 1.0, shape), ticks)
            steps += EPISODES
        return steps / elapsed
    finally:
        world.close()
