"""World `bullet`: three omni robots, random velocity set-points that are held for 0.1 s."""

from __future__ import annotations

import time

import numpy as np

from robots.spec import load_spec
from sim3d.bullet import BulletWorld
from sim3d.world import random_layouts
from tests.benchmarks.row import Row

ROBOTS = 3
EPISODES = 32
CONTROL_PERIOD = 0.1
"""[s]"""

DURATION = 5.0
"""How long one measurement goes on, at least [s]."""

WORKERS = (0, 2)


def measure() -> list[Row]:
    """Control periods of one team a second; simulated time against real time."""
    rows = []
    for workers in WORKERS:
        rate = _team_steps_per_second(workers)
        where = f"{workers} workers" if workers else "in process"
        rows.append(Row(f"world bullet, 3 omni robots, {where}", rate, "team control steps/s", rate * CONTROL_PERIOD, "real time"))
    return rows


def _team_steps_per_second(workers: int) -> float:
    spec = load_spec("omni")
    world = BulletWorld([spec] * ROBOTS, arena_half_size=2.0, workers=workers)
    ticks = round(CONTROL_PERIOD / world.tick_period)
    generator = np.random.default_rng(0)
    try:
        state = world.reset(random_layouts(EPISODES, ROBOTS, ROBOTS, world.arena_half_size, seed=0))
        state = world.step(state, np.zeros((EPISODES, ROBOTS, 2)), ticks)
        begin, steps = time.perf_counter(), 0
        while (elapsed := time.perf_counter() - begin) < DURATION:
            state = world.step(state, generator.uniform(-spec.cruise_speed, spec.cruise_speed, (EPISODES, ROBOTS, 2)), ticks)
            steps += EPISODES
        return steps / elapsed
    finally:
        world.close()
