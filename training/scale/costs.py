"""What teams of one size cost: a step of training, and a robot's tick, memory and messages as processes in real time."""

from __future__ import annotations

import math
import shutil
import time
from pathlib import Path

import msgspec
import numpy as np
import torch

from runtime.bundle import Bundle
from runtime.contract import Contract
from runtime.message import MESSAGE_VERSION, LocalObservation, encode_message
from sim3d.simulate import simulate
from sim3d.spread import DT, HORIZON
from sim3d.world import random_layouts
from training.config import TrainConfig
from training.learners import make_learner

BATCHES = 2
"""Of which the quicker one counts, after one that does not: whatever else the machine does only adds to it."""
EPISODES = 32
"""Of these batches: a step of thirty robots takes a hundred times as long as one of three."""


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """Of a team of N robots on this machine.

    Attributes:
        training: seconds of one core for 1 000 env steps of teams of up to N robots, collection and learning.
        tick_p50, tick_p99: of a robot's tick, sense to command, the median and the slowest robot's [us].
        missed: share of the ticks, of all robots.
        memory: resident, mean of the robots [MB].
        sent: bytes of messages that a robot sends in a second, to N - 1 peers each.
    """

    training: float
    tick_p50: float
    tick_p99: float
    missed: float
    memory: float
    sent: float


def cost_of(config: TrainConfig, bundle: Bundle, robots: int, seconds: float, folder: Path) -> Cost:
    """Measure.

    Args:
        config: of the training.
        bundle: of actors of kind `point`.
        robots: N.
        seconds: that the team flies in real time, at the least.
        folder: for the processes' files; removed when all went well.

    Raises:
        InputError: a process failed.
    """
    actors = bundle.actors_for(robots, robots)
    missions = math.ceil(seconds / (HORIZON * DT))
    layouts = random_layouts(missions, robots, robots, actors[0].contract.arena_half_size, seed=0)
    result = simulate(bundle.path, layouts, folder, clock="realtime")
    shutil.rmtree(folder)
    summaries = list(result.robots.values())
    ticks, missed = (sum(each[name] for each in summaries) for name in ("ticks", "missed_ticks"))
    messages = sum(each["messages"]["sent"] for each in summaries) / robots / (missions * HORIZON * DT)
    return Cost(
        training=training_cost(config, robots),
        tick_p50=float(np.median([each["compute_us"]["p50"] for each in summaries])),
        tick_p99=max(each["compute_us"]["p99"] for each in summaries),
        missed=missed / (ticks + missed),
        memory=float(np.mean([each["process"]["max_resident_mb"] for each in summaries])),
        sent=messages * (robots - 1) * len(_message(actors[0].contract)),
    )


def training_cost(config: TrainConfig, robots: int) -> float:
    """Seconds of one core for 1 000 env steps of teams of up to so many robots."""
    torch.set_num_threads(1)
    world = msgspec.structs.replace(config.world, robots=robots)
    ppo = msgspec.structs.replace(config.ppo, episodes=EPISODES)
    learner = make_learner(msgspec.structs.replace(config, world=world, ppo=ppo, threads=1))
    learner.train_batch()
    times = []
    for _ in range(BATCHES):
        began = time.process_time()
        learner.train_batch()
        times.append(time.process_time() - began)
    return min(times) / learner.config.batch_steps * 1000


def _message(contract: Contract) -> bytes:
    """As long as they are: every number has its full width."""
    words = (1 if contract.message and contract.message.kind == "bits" else 0.1,) * contract.words
    return encode_message(
        LocalObservation(MESSAGE_VERSION, "r10", 2**63, 10_000, 2**60, 10_000, 10, "ACTIVE", (0.1, -0.2), (0.3, 0.4), 0.0, words)
    )
