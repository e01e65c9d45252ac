"""Robots that say something besides what they do: a message is a part of the action, learned as the force is.

The same return pays for both (reinforced inter-agent learning, arXiv 1605.06676): no gradient passes from one robot to another.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from training.networks import TeamNetwork
from training.policies import GaussianPolicy

_HALF_LOG_TAU = 0.5 * math.log(2 * math.pi)
STRAY = 1 / 3
"""How far numbers in messages stray at the start, as a share of how far forces do: a place that is off is taken for another robot."""


class SpeakingPolicy(GaussianPolicy):
    """Forces and numbers drawn from Gaussians, or bits by their log-odds; the actors put out 2 + W numbers, choices have as many.

    Args:
        actors: see GaussianPolicy.
        robots: see GaussianPolicy.
        initial_log_std: see GaussianPolicy.
        words: W.
        bits: whether each is -1 or 1.
    """

    def __init__(self, actors: TeamNetwork, robots: int, initial_log_std: float, words: int, bits: bool) -> None:
        super().__init__(actors, robots, initial_log_std)
        self.word_log_std = None if bits else nn.Parameter(torch.full((robots, 1, words), initial_log_std + math.log(STRAY)))

    def sample(self, out: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """See TeamPolicy; choices are unclipped forces and what is said [N, B, 2 + W]."""
        force, of_force = super().sample(out[..., :2], generator)
        if self.word_log_std is None:
            said = torch.where(torch.rand(out[..., 2:].shape, generator=generator) < torch.sigmoid(out[..., 2:]), 1.0, -1.0)
        else:
            said = out[..., 2:] + self.word_log_std.exp() * torch.randn(out[..., 2:].shape, generator=generator)
        return torch.cat([force, said], dim=-1), of_force + self._of_words(out[..., 2:], said)[0]

    def score(self, out: Tensor, choice: Tensor) -> tuple[Tensor, Tensor]:
        """See StochasticPolicy."""
        of_force, entropy = super().score(out[..., :2], choice[..., :2])
        of_words, entropy_of_words = self._of_words(out[..., 2:], choice[..., 2:])
        return of_force + of_words, entropy + entropy_of_words

    def _of_words(self, out: Tensor, said: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probability and entropy of what is said [N, B]."""
        if self.word_log_std is None:
            uncertain = torch.sigmoid(out)
            entropy = nn.functional.binary_cross_entropy_with_logits(out, uncertain, reduction="none")
            return nn.functional.logsigmoid(said * out).sum(-1), entropy.sum(-1)
        white = (said - out) * torch.exp(-self.word_log_std)
        entropy = (self.word_log_std + 0.5 + _HALF_LOG_TAU).sum(-1)
        return (-0.5 * white * white - self.word_log_std - _HALF_LOG_TAU).sum(-1), entropy.expand(white.shape[:-1])

    def force(self, choice: Tensor) -> Tensor:
        """See TeamPolicy."""
        return super().force(choice[..., :2])
