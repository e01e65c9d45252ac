"""Actors and critics: one network a robot, evaluated together as batched matrix products."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn


class TeamNetwork(Protocol):
    """Networks of N robots that see one step after another, and may remember.

    Attributes:
        memory_size: S, numbers that each network remembers; 0 for one that sees each step by itself.
    """

    memory_size: int

    def step(self, inputs: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Inputs [N, B, inputs] of one step and memories [N, B, S], zero before the first, to outputs [N, B, outputs] and memories."""

    def unroll(self, inputs: Tensor) -> Tensor:
        """Inputs [N, T, B, inputs] of whole episodes to outputs [N, T, B, outputs], as T steps give them."""

    def alone(self, robot: int) -> TeamNetwork:
        """A copy of one robot's network as a team of one."""

    def of_robot(self, robot: int) -> nn.Module:
        """A copy of one robot's network as plain layers: [B, inputs] (and, where S > 0, [B, S]) to [B, outputs] (and [B, S])."""


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

    memory_size = 0

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

    @property
    def shape(self) -> str:
        """In words: robots, and the numbers in each layer from inputs to outputs."""
        layers = [self.weights[0].shape[1], *(weight.shape[2] for weight in self.weights)]
        return f"{len(self.weights[0])} x {'-'.join(map(str, layers))}"

    def forward(self, inputs: Tensor) -> Tensor:
        """[N, B, inputs] to [N, B, outputs]; robot n's rows go through robot n's network."""
        signal = inputs
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            signal = torch.baddbmm(bias, signal, weight)
            if layer < len(self.weights) - 1:
                signal = _Tanh.apply(signal)
        return signal

    def step(self, inputs: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """See TeamNetwork."""
        return self(inputs), memory

    def unroll(self, inputs: Tensor) -> Tensor:
        """See TeamNetwork."""
        return self(inputs.flatten(1, 2)).unflatten(1, inputs.shape[1:3])

    def alone(self, robot: int) -> TeamMlp:
        """See TeamNetwork."""
        one = copy.deepcopy(self)
        for parameter in one.parameters():
            parameter.data = parameter.data[robot : robot + 1]
        return one

    def of_robot(self, robot: int) -> nn.Module:
        """See TeamNetwork."""
        layers: list[nn.Module] = []
        for weight, bias in zip(self.weights, self.biases, strict=True):
            layers += [plain_layer(weight[robot], bias[robot, 0]), nn.Tanh()]
        return nn.Sequential(*layers[:-1])


class _Tanh(torch.autograd.Function):
    """tanh as 2 sigmoid(2 x) - 1, within 2e-7: torch's own takes five times as long on a CPU, more than all matrix products around it."""

    @staticmethod
    def forward(context: torch.autograd.function.FunctionCtx, inputs: Tensor) -> Tensor:
        out = (inputs + inputs).sigmoid_().mul_(2.0).sub_(1.0)
        context.save_for_backward(out)
        return out

    @staticmethod
    def backward(context: torch.autograd.function.FunctionCtx, gradient: Tensor) -> Tensor:
        (out,) = context.saved_tensors
        return torch.ops.aten.tanh_backward(gradient, out)


def plain_layer(weight: Tensor, bias: Tensor) -> nn.Linear:
    """A copy of weights [inputs, outputs] and bias [outputs] as a layer of one robot."""
    linear = nn.Linear(*weight.shape)
    with torch.no_grad():
        linear.weight.copy_(weight.T)
        linear.bias.copy_(bias)
    return linear
