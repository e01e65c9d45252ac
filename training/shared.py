"""One network for all robots: what each learns, all know. With ids it is told whose turn it is."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from training.networks import TeamMlp


class SharedMlp(TeamMlp):
    """One tanh perceptron that all N robots share (parameter sharing, arXiv 2005.13625); its parameters are those of a team of one.

    Args:
        robots: N.
        inputs: numbers that it reads of each robot.
        hidden: see TeamMlp.
        outputs: see TeamMlp.
        output_gain: see TeamMlp.
        generator: see TeamMlp.
        ids: whether it also reads which robot it acts for, as one of N (one-hot), after the other inputs. Without, robots that see the same
            do the same.
    """

    def __init__(
        self,
        robots: int,
        inputs: int,
        hidden: Sequence[int],
        outputs: int,
        output_gain: float,
        generator: torch.Generator,
        ids: bool,
    ) -> None:
        self.ids = ids
        super().__init__(1, inputs + (robots if ids else 0), hidden, outputs, output_gain, generator)
        self._robots, self._inputs = robots, inputs

    def forward(self, inputs: Tensor) -> Tensor:
        """[N, B, inputs] to [N, B, outputs]."""
        if self.ids:
            own = torch.eye(self._robots)[:, None].expand(-1, inputs.shape[1], -1)
            inputs = torch.cat([inputs, own], dim=-1)
        return super().forward(inputs.flatten(0, 1)[None])[0].unflatten(0, inputs.shape[:2])

    def alone(self, robot: int) -> TeamMlp:
        """See TeamNetwork. The id never changes, so its row of the first layer's weights becomes part of that layer's bias."""
        hidden, outputs = [weight.shape[2] for weight in self.weights[:-1]], self.weights[-1].shape[2]
        one = TeamMlp(1, self._inputs, hidden, outputs, 1.0, torch.Generator())
        with torch.no_grad():
            for mine, ours in zip([*one.weights[1:], *one.biases], [*self.weights[1:], *self.biases], strict=True):
                mine.copy_(ours)
            one.weights[0].copy_(self.weights[0][:, : self._inputs])
            if self.ids:
                one.biases[0] += self.weights[0][:, self._inputs + robot, None]
        return one

    def of_robot(self, robot: int) -> nn.Module:
        """See TeamNetwork."""
        return self.alone(robot).of_robot(0)
