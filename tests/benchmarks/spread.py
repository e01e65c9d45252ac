"""World `spread` against mpe2's simple_spread_v3: three robots, random actions, step + observation + reward, episodes of 25 steps."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import numpy as np
import torch
from mpe2 import simple_spread_v3
from torch import Tensor

from robots.errors import InputError
from runtime.observation import SIMPLE_SPREAD_V3, observe, views_of_team
from sim3d.spread import HORIZON, ROBOT_RADIUS, SpreadWorld
from sim3d.spread_compiled import CompiledSpread
from sim3d.spread_task import reward
from sim3d.world import WorldState
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
    world = SpreadWorld(ROBOTS, like=torch.zeros(0))
    compiled = CompiledSpread(world).step
    episodes = {"mpe2": _mpe2_episode()}
    for batch in BATCHES:
        episodes[f"world spread, torch, batch {batch}"] = _batch_of_episodes(world, _eager_step(world), batch)
    for batch in BATCHES:
        episodes[f"world spread, compiled, batch {batch}"] = _batch_of_episodes(world, compiled, batch)
    for name, episode in list(episodes.items()):
        try:
            episode()
        except InputError as error:
            print(f"{name} skipped: {error}", flush=True)
            del episodes[name]
    rates: dict[str, list[float]] = {key: [] for key in episodes}
    for _ in range(ROUNDS):
        for key, episode in episodes.items():
            rates[key].append(_steps_per_second(episode))
    rows = [Row("mpe2 simple_spread_v3, 3 robots, continuous actions", median(rates["mpe2"]), "env steps/s")]
    for name in list(episodes)[1:]:
        ratio = median(ours / theirs for ours, theirs in zip(rates[name], rates["mpe2"], strict=True))
        rows.append(Row(f"{name}, {THREADS} threads", median(rates[name]), "env steps/s", ratio, "mpe2"))
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


Step = Callable[[WorldState, Tensor], tuple[WorldState, Tensor, Tensor]]
"""From a state and the forces [B, N, 2] to the next state, observations and rewards."""


def _eager_step(world: SpreadWorld) -> Step:
    def step(state: WorldState, action: Tensor) -> tuple[WorldState, Tensor, Tensor]:
        state = world.step(state, action)
        observation = observe(SIMPLE_SPREAD_V3, views_of_team(state.position, state.velocity, state.landmarks))
        return state, observation, reward(state.position, state.landmarks, ROBOT_RADIUS)

    return step


def _batch_of_episodes(world: SpreadWorld, step: Step, batch: int) -> Callable[[], int]:
    generator = torch.Generator().manual_seed(0)

    @torch.no_grad()
    def episodes() -> int:
        points = torch.rand(batch, 2 * ROBOTS, 2, generator=generator) * 2 - 1
        state = world.begin(points[:, :ROBOTS], points[:, ROBOTS:])
        for _ in range(HORIZON):
            # By component, as the world keeps its own arrays.
            action = torch.rand(2, ROBOTS, batch, generator=generator).permute(2, 1, 0) * 2 - 1
            state, _, _ = step(state, action)
        return batch * HORIZON

    return episodes
