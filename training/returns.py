"""Advantages and returns by generalised advantage estimation (arXiv 1506.02438), and the scale of returns that critics work in."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def generalised_advantage(
    reward: Tensor, value: Tensor, last_value: Tensor, gamma: float, lam: float, present: Tensor | None = None
) -> Tensor:
    """Advantages of T steps of episodes that are cut, not ended, after the last one.

    Args:
        reward: [T, N, B].
        value: [T, N, B], of the state in which the step was taken.
        last_value: [N, B], of the state after the last step.
        gamma: discount.
        lam: lambda; 1 gives Monte-Carlo returns, bootstrapped after the last step.
        present: [T, N, B], whether a robot is there before and after each step; what it did before it left is cut there, as after the last
            step. None where all always are.

    Returns:
        [T, N, B].
    """
    advantage = torch.zeros_like(reward)
    carried = torch.zeros_like(last_value)
    following = last_value
    for step in reversed(range(len(reward))):
        surprise = reward[step] + gamma * following - value[step]
        carried = surprise + gamma * lam * carried
        if present is not None:
            carried = carried * present[step]
        advantage[step] = carried
        following = value[step]
    return advantage


class ReturnScale(nn.Module):
    """Running mean and standard deviation of each robot's returns; critics predict in these units (as in MAPPO, arXiv 2103.01955).

    Args:
        robots: N.
        memory: weight of the past at each update.
    """

    mean: Tensor
    square: Tensor
    weight: Tensor

    def __init__(self, robots: int, memory: float = 0.99) -> None:
        super().__init__()
        self.memory = memory
        self.register_buffer("mean", torch.zeros(robots, 1))
        self.register_buffer("square", torch.zeros(robots, 1))
        self.register_buffer("weight", torch.zeros(()))

    def update(self, returns: Tensor) -> None:
        """Take in a batch of returns [T, N, B]."""
        self.mean.lerp_(returns.mean((0, 2))[:, None], 1 - self.memory)
        self.square.lerp_((returns * returns).mean((0, 2))[:, None], 1 - self.memory)
        self.weight.lerp_(torch.ones(()), 1 - self.memory)

    def _moments(self) -> tuple[Tensor, Tensor]:
        weight = self.weight.clamp_min(1e-6)
        mean = self.mean / weight
        variance = (self.square / weight - mean * mean).clamp_min(1e-2)
        return mean, variance.sqrt()

    def normalise(self, returns: Tensor) -> Tensor:
        """Returns [..., N, B] in the critics' units."""
        mean, deviation = self._moments()
        return (returns - mean) / deviation

    def restore(self, value: Tensor) -> Tensor:
        """Critics' outputs [..., N, B] in units of reward."""
        mean, deviation = self._moments()
        return value * deviation + mean
