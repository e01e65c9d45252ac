"""What the numbers that an actor puts out mean: a Gaussian over forces, or a choice among simple_spread's five discrete ones."""

from __future__ import annotations

import copy
import math
from typing import Protocol, TypeVar

import torch
from torch import Tensor, nn

from sim3d.spread import DISCRETE_FORCES
from training.networks import TeamNetwork

_HALF_LOG_TAU = 0.5 * math.log(2 * math.pi)


class TeamPolicy(Protocol):
    """The policies of N robots.

    Shapes: outputs of the actors [N, B, outputs], choices as `sample` returns them, log-probabilities [N, B].
    """

    actors: TeamNetwork

    def sample(self, out: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw choices, and their log-probabilities [N, B]."""

    def force(self, choice: Tensor) -> Tensor:
        """The force [N, B, 2] that a choice stands for, in [-1, 1] per axis."""

    def greedy_force(self, out: Tensor) -> Tensor:
        """The force [N, B, 2] of the most likely choice; this is what gets exported."""


class StochasticPolicy(TeamPolicy, Protocol):
    """Policies whose probabilities are learned."""

    def score(self, out: Tensor, choice: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probabilities [N, B] of choices, and the entropy of each robot's policy [N, B]."""


class DifferentiablePolicy(TeamPolicy, Protocol):
    """Policies whose actions a critic's gradient passes through.

    Attributes:
        choices: A, numbers of an action as critics read it, and outputs of an actor.
    """

    choices: int

    def played(self, choice: Tensor) -> Tensor:
        """A choice as critics read it: [N, B, A]."""

    def logits(self, seen: Tensor) -> Tensor:
        """What the networks put out before anything bounds it: [N, B, D] to [N, B, A]."""

    def differentiable(self, logits: Tensor, generator: torch.Generator) -> Tensor:
        """The action of logits as critics read it [N, B, A], with a gradient."""


Policy = TypeVar("Policy", bound=nn.Module)


def of_robot(policy: Policy, robot: int) -> Policy:
    """A copy of one robot's policy, as a team of one."""
    alone = copy.deepcopy(policy)
    alone.actors = policy.actors.alone(robot)
    for parameter in alone.parameters(recurse=False):  # the robot is the first dimension, unless all share
        parameter.data = parameter.data[robot % len(parameter)][None]
    return alone


class GaussianPolicy(nn.Module):
    """Forces drawn from a Gaussian whose spread does not depend on the observation, then clipped to [-1, 1]."""

    def __init__(self, actors: TeamNetwork, robots: int, initial_log_std: float) -> None:
        super().__init__()
        self.actors = actors
        self.log_std = nn.Parameter(torch.full((robots, 1, 2), initial_log_std))

    def sample(self, out: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """See TeamPolicy; choices are unclipped forces [N, B, 2]."""
        white = torch.randn(out.shape, generator=generator)
        return out + self.log_std.exp() * white, self._log_probability(white)

    def score(self, out: Tensor, choice: Tensor) -> tuple[Tensor, Tensor]:
        """See TeamPolicy."""
        white = (choice - out) * torch.exp(-self.log_std)
        entropy = (self.log_std + 0.5 + _HALF_LOG_TAU).sum(-1)
        return self._log_probability(white), entropy.expand(white.shape[:-1])

    def _log_probability(self, white: Tensor) -> Tensor:
        return (-0.5 * white * white - self.log_std - _HALF_LOG_TAU).sum(-1)

    def force(self, choice: Tensor) -> Tensor:
        """See TeamPolicy."""
        return choice.clamp(-1.0, 1.0)

    def greedy_force(self, out: Tensor) -> Tensor:
        """See TeamPolicy."""
        return self.force(out)


class CategoricalPolicy(nn.Module):
    """One of simple_spread's five discrete actions: nothing, -x, +x, -y, +y."""

    forces: Tensor

    def __init__(self, actors: TeamNetwork) -> None:
        super().__init__()
        self.actors = actors
        self.register_buffer("forces", torch.tensor(DISCRETE_FORCES, dtype=torch.float32), persistent=False)

    def sample(self, out: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """See TeamPolicy; choices are action numbers [N, B]."""
        log_probability = torch.log_softmax(out, dim=-1)
        flat = log_probability.exp().reshape(-1, log_probability.shape[-1])
        choice = torch.multinomial(flat, 1, generator=generator).reshape(log_probability.shape[:-1])
        return choice, log_probability.gather(-1, choice[..., None])[..., 0]

    def score(self, out: Tensor, choice: Tensor) -> tuple[Tensor, Tensor]:
        """See TeamPolicy."""
        log_probability = torch.log_softmax(out, dim=-1)
        entropy = -(log_probability.exp() * log_probability).sum(-1)
        return log_probability.gather(-1, choice[..., None])[..., 0], entropy

    def force(self, choice: Tensor) -> Tensor:
        """See TeamPolicy."""
        return self.forces[choice]

    def greedy_force(self, out: Tensor) -> Tensor:
        """See TeamPolicy."""
        return self.force(out.argmax(-1))
