"""World `spread` against mpe2's simple_spread_v3: three robots, random actions, step + observation + reward, episodes of 25 steps."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import numpy as np
import torch
from mpe2 import simple_spread_v3

from runtime.observation import SIMPLE_SPREAD_V3, observe, views_of_team
from sim3d.spread import HORIZON, ROBOT_RADIUS, SpreadWorld
from sim3d.spread_task import reward
from tests.benchmarks.row import Row

ROBOTS = 3
THREADS = 2
BATCHES = (1024, 4096)
ROUNDS = 5
"""Everything is measured in turn, this often, and the median counts: other load on the machine then hits all alike."""

ROUND_TIME = 1.0
"""How long one measurement of a round goes on, at least [s]."""


def measure() -> list[Row]:
    """Steps of one environment a second; one step moves all three robots."""
    torch.set_num_threads(THREADS)
    episodes = {"mpe2": _mpe2_episode(), **{batch: _batch_of_episodes(batch) for batch in BATCHES}}
    for episode in episodes.values():
        episode()
    rates: dict[object, list[float]] = {key: [] for key in episodes}
    for _ in range(ROUNDS):
        for key, episode in episodes.items():
            rates[key].append(_steps_per_second(episode))
    rows = [Row("mpe2 simple_spread_v3, 3 robots, continuous actions", median(rates["mpe2"]), "env steps/s")]
    for batch in BATCHES:
        ratio = median(ours / theirs for ours, theirs in zip(rates[batch], rates["mpe2"], strict=True))
        rows.append(Row(f"world spread, torch, batch {batch}, {THREADS} threads", median(rates[batch]), "env steps/s", ratio, "mpe2"))
    return rows


def _steps_per_second(episode: Callable[[], int]) -> float:
    begin, steps = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - begin) < ROUND_TIME:
        steps += episode()
    return steps / elapsed


def _mpe2_episode() -> Callable[[], int]:
    environment = simple_spread_v3.parallel_env(N=ROBOTS, max_cycles=HORIZON, continuous_actions=True)
    # Drawn beforehand, which is in mpe2's favour; float32, or it complains of every action.
    actions = np.random.default_rng(0).random((HORIZON, ROBOTS, 5), dtype=np.float32)

    def episode() -> int:
        environment.reset()
        agents = environment.possible_agents
        for step in range(HORIZON):
            environment.step(dict(zip(agents, actions[step], strict=True)))
        return HORIZON

    return episode


def _batch_of_episodes(batch: int) -> Callable[[], int]:
    world = SpreadWorld(ROBOTS, like=torch.zeros(0))
    generator = torch.Generator().manual_seed(0)

    @torch.no_grad()
    def episodes() -> int:
        points = torch.rand(batch, 2 * ROBOTS, 2, generator=generator) * 2 - 1
        state = world.begin(points[:, :ROBOTS], points[:, ROBOTS:])
        for _ in range(HORIZON):
            action = torch.rand(batch, ROBOTS, 2, generator=generator) * 2 - 1
            state = world.step(state, action)
            observe(SIMPLE_SPREAD_V3, views_of_team(state.position, state.velocity, state.landmarks))
            reward(state.position, state.landmarks, ROBOT_RADIUS)
        return batch * HORIZON

    return episodes
