"""Symmetry collapse: robots do the same instead of dividing the landmarks among themselves.

Every healthy run begins like this: all robots go to the middle of the landmarks, since that is the best that a robot can do before it knows
what the others will do. What is a failure is to stay there.
"""

from __future__ import annotations

from math import factorial

import numpy as np

from training.config import TrainConfig
from training.signatures.past import Past
from training.signatures.remedies import LEARNING_RATES, far_above
from training.signatures.signature import Signature

EARLY = 0.25
"""Share of the budget in which robots may crowd: spread.yaml's have parted after 0.17 of it, and mappo.yaml's, which do so late, crowd no
longer than 0.2."""

WINDOW = 0.2
"""Share of the budget in which it must not have become less."""

FEWEST = 4
"""Evaluations without which nothing is said; the window is as long as they take."""

BY_LOT = 0.75
"""Crowding is what robots would do who choose their landmark by lot; this share of it is still taken for the same."""

FALLING = 0.03
"""A fall of `overlap` by this between the halves of the window is progress: 1.4 times the standard error of a share in 512 episodes."""

LEARNED = 0.05
"""By which the return must have risen since the first evaluation; robots that learned nothing are not symmetric but lost."""


def _symptom(past: Past) -> str | None:
    robots = past.config.world.robots
    overlap, steps = past.recent("overlap", WINDOW, FEWEST)
    if robots < 2 or past.share_done < EARLY or len(overlap) < FEWEST:
        return None
    before, after = np.array_split(overlap, 2)
    first, last = past.first("episode_return"), past.last("episode_return")
    crowded = overlap.min() >= BY_LOT * by_lot(robots) and after.mean() > before.mean() - FALLING
    if not crowded or last < first + LEARNED * abs(first):
        return None
    return (
        f"in {overlap[-1]:.0%} of the evaluation's episodes two robots end at one landmark and leave another bare, against "
        f"{by_lot(robots):.0%} if each chose by lot, and that has not become less for {steps / 1e6:.2g} M steps"
    )


def by_lot(robots: int) -> float:
    """How often two of N robots choose one landmark when each draws one of N."""
    return 1.0 - factorial(robots) / robots**robots


def _remedy(config: TrainConfig) -> str:
    if config.network.share != "none":
        return "network.share: none, so that each robot has networks of its own"
    far = far_above(config, LEARNING_RATES)
    if far:
        return far
    if config.learner == "ppo" and config.network.critics_see == "local":
        return "network.critics_see: observations, so that critics see the teammates"
    if config.learner == "ppo" and config.ppo.entropy > 0.01:
        return "ppo.entropy: 0.003, so that chance does not hide from robots what their teammates do"
    if not config.world.dimensionless and not config.start:
        return "start: a run of world spread, which learns the same in a hundredth of the time"
    return f"steps: {2 * config.steps}; robots part once each can count on what its teammates do"


SYMMETRY_COLLAPSE = Signature("symmetry collapse", ("overlap", "episode_return"), 3, _symptom, _remedy)
