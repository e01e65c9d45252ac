"""Flat reward: nothing is learned any more, and the task is far from solved."""

from __future__ import annotations

import numpy as np

from training.config import TrainConfig
from training.signatures.past import Past
from training.signatures.remedies import LEARNING_RATES, far_above, far_below, with_learning_rates_times
from training.signatures.signature import Signature

WINDOW = 0.25
"""Share of the budget in which the return must have improved."""

FEWEST = 4
"""Evaluations without which nothing is said; the window is as long as they take."""

IMPROVED = 0.02
"""Of the return, from the first to the second half of the window; mappo.yaml, which gains slowly, has 0.03."""

SOLVED = 0.5
"""Success from which a constant return is a plateau of a team that learned its task, not a failure to learn."""


def _symptom(past: Past) -> str | None:
    returns, steps = past.recent("episode_return", WINDOW, FEWEST)  # of evaluations, whose layouts are always the same
    if past.share_done < WINDOW or len(returns) < FEWEST or past.last("success") >= SOLVED:
        return None
    before, after = np.array_split(returns, 2)
    gain = after.mean() - before.mean()
    error = np.sqrt(before.var(ddof=1) / len(before) + after.var(ddof=1) / len(after))
    # Two standard errors: the gain is small, not merely unproven.
    if not gain + 2 * error < IMPROVED * abs(before.mean()):
        return None
    return (
        f"the evaluation's return has stayed at {returns.mean():.1f} for {steps / 1e6:.2g} M steps, with success in "
        f"{past.last('success'):.1%} of the episodes"
    )


def _remedy(config: TrainConfig) -> str:
    far = far_below(config, LEARNING_RATES) or far_above(config, LEARNING_RATES)
    if far:
        return far
    if not config.world.dimensionless and not config.start:
        return "start: a run of world spread, which learns the same in a hundredth of the time"
    if config.network.share != "none":
        return "network.share: none, so that each robot has networks of its own"
    return with_learning_rates_times(config, 2.0)


FLAT_REWARD = Signature("flat reward", ("episode_return", "success"), 3, _symptom, _remedy)
