"""The learners by their names in a configuration."""

from __future__ import annotations

from collections.abc import Callable

from training.config import TrainConfig
from training.learner import Learner
from training.maddpg import Maddpg
from training.ppo import Ppo
from training.q_learning import QLearning

LEARNERS: dict[str, Callable[[TrainConfig], Learner]] = {"ppo": Ppo, "q_learning": QLearning, "maddpg": Maddpg}


def make_learner(config: TrainConfig) -> Learner:
    """The learner of a configuration, at its start. Raises InputError: see ground_for."""
    return LEARNERS[config.learner](config)
