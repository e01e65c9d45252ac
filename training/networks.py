"""Actors and critics: one network a robot, evaluated together as batched matrix products."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn


class TeamMlp(nn.Module):
    """N separate tanh perceptrons of one shape, one for each robot; nothing is shared between them.

    Args:
        robots: N.
        inputs: numbers each network reads.
        hidden: width of each hidden layer.
        outputs: numbers each network puts out.
        output_gain: of the orthogonal initialisation of the last layer (0.01 makes a policy start near zero; arXiv 2006.05990).
        generator: source of the initial weights.
    """

    def __init__(
        self, robots: int, inputs: int, hidden: Sequence[int], outputs: int, output_gain: float, generator: torch.Generator
    ) -> None:
        super().__init__()
        sizes = [inputs, *hidden, outputs]
        self.weights = nn.ParameterList()
        self.biases = nn.ParameterList()
        for layer, (fan_in, fan_out) in enumerate(itertools.pairwise(sizes)):
            gain = output_gain if layer == len(hidden) else math.sqrt(2.0)
            weight = torch.empty(robots, fan_in, fan_out)
            for robot in range(robots):
                nn.init.orthogonal_(weight[robot], gain, generator=generator)
            self.weights.append(nn.Parameter(weight))
            self.biases.append(nn.Parameter(torch.zeros(robots, 1, fan_out)))

    def forward(self, inputs: Tensor) -> Tensor:
        """[N, B, inputs] to [N, B, outputs]; robot n's rows go through robot n's network."""
        signal = inputs
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            signal = torch.baddbmm(bias, signal, weight)
            if layer < len(self.weights) - 1:
                signal = torch.tanh(signal)
        return signal

    def of_robot(self, robot: int) -> nn.Sequential:
        """A copy of one robot's network as plain layers: [B, inputs] to [B, outputs]."""
        layers: list[nn.Module] = []
        for weight, bias in zip(self.weights, self.biases, strict=True):
            linear = nn.Linear(weight.shape[1], weight.shape[2])
            with torch.no_grad():
                linear.weight.copy_(weight[robot].T)
                linear.bias.copy_(bias[robot, 0])
            layers += [linear, nn.Tanh()]
        return nn.Sequential(*layers[:-1])
