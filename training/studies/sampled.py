"""A stochastic policy as it plays in training: actions drawn, not the most likely ones."""

from __future__ import annotations

import torch
from torch import Tensor

from training.policies import StochasticPolicy

_SEED = 3_000_017
"""Of what is drawn; no run draws from it."""


class Sampled:
    """Stands for a policy where the most likely actions are asked for, and gives drawn ones.

    Args:
        policy: whose probabilities are learned.
    """

    def __init__(self, policy: StochasticPolicy) -> None:
        self.actors, self._policy = policy.actors, policy
        self._generator = torch.Generator().manual_seed(_SEED)

    def greedy_force(self, out: Tensor) -> Tensor:
        """The force [N, B, 2] of an action that is drawn."""
        choice, _ = self._policy.sample(out, self._generator)
        return self._policy.force(choice)
