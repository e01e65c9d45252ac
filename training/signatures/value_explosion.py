"""Value explosion: what the critics predict, or how wrong they are, grows beyond anything that rewards could be worth."""

from __future__ import annotations

import math

from training.config import SECTIONS, TrainConfig
from training.signatures.past import Past
from training.signatures.remedies import LEARNING_RATES, far_above, with_learning_rates_times
from training.signatures.signature import Signature

LOSS = 10.0
"""How many times the loss must be that of a critic that always predicts the mean. The healthy runs with most, of QMIX, have twice that."""

DEVIATIONS = 5.0
"""Rewards, in deviations from their mean, that values cannot promise for ever. The healthy runs with most, of VDN, have 1.0."""

ROWS = 3
"""Batches in a row that must show it: a single batch may be far from what critics have seen."""


def _symptom(past: Past) -> str | None:
    for name in ("value_loss", "value", "entropy", "approximate_kl", "return", "largest_weight"):
        newest = past.newest(name, 1)
        if newest and not math.isfinite(newest[0]):
            return f"{name} is {newest[0]}, and the networks with it"
    for name, bound in bounds(past.config).items():
        newest = past.newest(name, ROWS)
        if len(newest) == ROWS and min(map(abs, newest)) > bound:
            return f"{name} is {newest[-1]:.3g}, more than {bound:.3g} in {ROWS} batches in a row"
    return None


def bounds(config: TrainConfig) -> dict[str, float]:
    """What the figures of critics cannot reach in a run that learns.

    Critics work in units in which PPO's returns, and the rewards of the others, have mean 0 and deviation 1. A critic that always predicts
    the mean is then wrong by one deviation, and a value is at most a reward for ever, 1 / (1 - gamma) of it.
    """
    section = getattr(config, SECTIONS[config.learner])
    return {"value_loss": LOSS * _huber(1.0, section.huber_delta), "value": DEVIATIONS / max(1.0 - section.gamma, 1e-3)}


def _huber(error: float, delta: float) -> float:
    return 0.5 * error**2 if error <= delta else delta * (error - 0.5 * delta)


def _remedy(config: TrainConfig) -> str:
    far = far_above(config, (*LEARNING_RATES, "huber_delta", "max_grad_norm", "target_rate"))
    if far:
        return far
    name = SECTIONS[config.learner]
    if getattr(config, name).gamma > 0.99:
        return f"{name}.gamma: 0.95"
    return with_learning_rates_times(config, 1 / 3)


VALUE_EXPLOSION = Signature("value explosion", ("value_loss",), 1, _symptom, _remedy)
