"""How the values of the robots' own choices make the values that are learned: each its own, their sum (VDN), a monotonic mixture (QMIX)."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn


class Mixer(Protocol):
    """From the robots' values to what a temporal difference is taken of.

    Attributes:
        values: K, how many there are: N for robots that learn independently, 1 for a team.
    """

    values: int

    def __call__(self, value: Tensor, state: Tensor) -> Tensor:
        """Values of the robots' own choices [N, M] and what all see side by side [M, E], to [K, M]."""


class Independent(nn.Module):
    """Each robot learns the value of its own rewards: independent Q-learning (Tan 1993; arXiv 1511.08779)."""

    def __init__(self, robots: int) -> None:
        super().__init__()
        self.values = robots

    def forward(self, value: Tensor, state: Tensor) -> Tensor:
        """See Mixer."""
        return value


class Additive(nn.Module):
    """The team's value is the sum of the robots': value-decomposition networks (arXiv 1706.05296, equation 2)."""

    values = 1

    def forward(self, value: Tensor, state: Tensor) -> Tensor:
        """See Mixer."""
        return value.sum(0, keepdim=True)


class Monotonic(nn.Module):
    """The team's value never falls as a robot's rises: QMIX (arXiv 1803.11485, section 4).

    A perceptron with one layer of ELUs, whose weights and biases a hypernetwork makes of the state; the weights' absolute values make it
    monotonic, so that each robot's best choice by its own value is its part of the team's best.

    Args:
        robots: N.
        state: E, numbers of the state.
        width: of the mixing layer.
        hidden: of the hypernetwork that makes weights.
        generator: source of the initial weights.
    """

    values = 1

    def __init__(self, robots: int, state: int, width: int, hidden: int, generator: torch.Generator) -> None:
        super().__init__()
        self._robots, self._width = robots, width
        self.first = _hypernetwork(state, hidden, robots * width, generator)
        self.first_bias = _linear(state, width, generator)
        self.second = _hypernetwork(state, hidden, width, generator)
        self.second_bias = _hypernetwork(state, width, 1, generator)

    def forward(self, value: Tensor, state: Tensor) -> Tensor:
        """See Mixer."""
        weights = self.first(state).abs().unflatten(-1, (self._robots, self._width))
        mixed = nn.functional.elu(torch.einsum("nm,mnw->mw", value, weights) + self.first_bias(state))
        return ((mixed * self.second(state).abs()).sum(-1) + self.second_bias(state)[:, 0])[None]


def _hypernetwork(inputs: int, hidden: int, outputs: int, generator: torch.Generator) -> nn.Module:
    return nn.Sequential(_linear(inputs, hidden, generator), nn.ReLU(), _linear(hidden, outputs, generator))


def _linear(inputs: int, outputs: int, generator: torch.Generator) -> nn.Linear:
    layer = nn.Linear(inputs, outputs)
    bound = inputs**-0.5  # the uniform law of torch.nn.Linear, from the run's own generator
    with torch.no_grad():
        for parameter in (layer.weight, layer.bias):
            parameter.uniform_(-bound, bound, generator=generator)
    return layer
