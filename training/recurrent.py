"""Actors that remember: beside each robot's perceptron a gated recurrent unit, whose state the perceptron reads with its inputs."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from training.networks import TeamMlp, plain_layer


class RecurrentTeam(TeamMlp):
    """N separate GRU cells (arXiv 1406.1078, in the form of torch.nn.GRUCell), each before a perceptron that reads inputs and new state.

    With zero weights on the state this is the perceptron alone, so a run can begin from one without memory (see training.warm_start).

    Args:
        memory_size: S, width of each cell.
        robots: N.
        inputs: numbers each network reads.
        hidden: width of each hidden layer of the perceptrons.
        outputs: numbers each network puts out.
        output_gain: see TeamMlp.
        generator: source of the initial weights.
    """

    def __init__(
        self,
        memory_size: int,
        robots: int,
        inputs: int,
        hidden: Sequence[int],
        outputs: int,
        output_gain: float,
        generator: torch.Generator,
    ) -> None:
        super().__init__(robots, inputs + memory_size, hidden, outputs, output_gain, generator)
        self.memory_size = memory_size
        # The uniform law of torch.nn.GRUCell. In the last dimension: reset gate, update gate, candidate.
        bound = 1 / math.sqrt(memory_size)

        def drawn(rows: int) -> nn.Parameter:
            return nn.Parameter(torch.empty(robots, rows, 3 * memory_size).uniform_(-bound, bound, generator=generator))

        self.input_gates, self.memory_gates = drawn(inputs), drawn(memory_size)
        self.input_offset, self.memory_offset = drawn(1), drawn(1)

    def step(self, inputs: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """See TeamNetwork."""
        memory = self._advance(torch.baddbmm(self.input_offset, inputs, self.input_gates), memory)
        return self(torch.cat([inputs, memory], dim=-1)), memory

    def unroll(self, inputs: Tensor) -> Tensor:
        """See TeamNetwork."""
        steps, episodes = inputs.shape[1:3]
        gates = torch.baddbmm(self.input_offset, inputs.flatten(1, 2), self.input_gates).unflatten(1, (steps, episodes))
        memory = torch.zeros(len(inputs), episodes, self.memory_size)
        memories = []
        for step in range(steps):
            memory = self._advance(gates[:, step], memory)
            memories.append(memory)
        seen = torch.cat([inputs, torch.stack(memories, dim=1)], dim=-1)
        return self(seen.flatten(1, 2)).unflatten(1, (steps, episodes))

    def _advance(self, from_inputs: Tensor, memory: Tensor) -> Tensor:
        """What the inputs give to the gates [N, B, 3 S] and the memories [N, B, S], to the next memories."""
        from_memory = torch.baddbmm(self.memory_offset, memory, self.memory_gates)
        return gated(from_inputs, from_memory, memory)

    def of_robot(self, robot: int) -> nn.Module:
        """See TeamNetwork."""
        from_inputs = plain_layer(self.input_gates[robot], self.input_offset[robot, 0])
        from_memory = plain_layer(self.memory_gates[robot], self.memory_offset[robot, 0])
        return RecurrentNetwork(from_inputs, from_memory, super().of_robot(robot))


class RecurrentNetwork(nn.Module):
    """One robot's network as plain layers: (inputs [B, inputs], memory [B, S]) to (outputs [B, outputs], memory [B, S])."""

    def __init__(self, from_inputs: nn.Linear, from_memory: nn.Linear, perceptron: nn.Module) -> None:
        super().__init__()
        self.from_inputs, self.from_memory, self.perceptron = from_inputs, from_memory, perceptron

    def forward(self, inputs: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        memory = gated(self.from_inputs(inputs), self.from_memory(memory), memory)
        return self.perceptron(torch.cat([inputs, memory], dim=-1)), memory


def gated(from_inputs: Tensor, from_memory: Tensor, memory: Tensor) -> Tensor:
    """The GRU's update of memories [..., S], given what inputs and memories give to reset gate, update gate and candidate [..., 3 S]."""
    size = memory.shape[-1]
    reset = torch.sigmoid(from_inputs[..., :size] + from_memory[..., :size])
    keep = torch.sigmoid(from_inputs[..., size : 2 * size] + from_memory[..., size : 2 * size])
    candidate = torch.tanh(from_inputs[..., 2 * size :] + reset * from_memory[..., 2 * size :])
    return candidate + keep * (memory - candidate)
