"""Policies of learners that do not learn probabilities: the best choice so far, and how they stray from it to find better ones."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from training.networks import TeamNetwork
from training.policies import CategoricalPolicy

_HALF_LOG_TAU = 0.5 * math.log(2 * math.pi)


class EpsilonGreedyPolicy(CategoricalPolicy):
    """The action of the largest value, or with probability epsilon any: outputs of the networks are values of simple_spread's five actions.

    The export's argmax is the one of a categorical policy, so both are exported alike.

    Attributes:
        epsilon: set by the learner as the run goes on.
    """

    def __init__(self, actors: TeamNetwork) -> None:
        super().__init__(actors)
        self.epsilon = 1.0

    def sample(self, out: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """See TeamPolicy; choices are action numbers [N, B]."""
        actions, best = out.shape[-1], out.argmax(-1)
        anywhere = torch.randint(actions, best.shape, generator=generator)
        strays = torch.rand(best.shape, generator=generator) < self.epsilon
        choice = torch.where(strays, anywhere, best)
        probability = self.epsilon / actions + (1.0 - self.epsilon) * (choice == best)
        return choice, probability.log()


class NoisyForcePolicy(nn.Module):
    """A force that the network decides, and noise on it that does not depend on what is seen.

    Attributes:
        noise: standard deviation of each component, set by the learner as the run goes on.
    """

    choices = 2

    def __init__(self, actors: TeamNetwork) -> None:
        super().__init__()
        self.actors = SquashedTeam(actors)
        self.noise = 1.0

    def sample(self, out: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """See TeamPolicy; choices are unclipped forces [N, B, 2]."""
        white = torch.randn(out.shape, generator=generator)
        return out + self.noise * white, (-0.5 * white * white - math.log(self.noise) - _HALF_LOG_TAU).sum(-1)

    def force(self, choice: Tensor) -> Tensor:
        """See TeamPolicy."""
        return choice.clamp(-1.0, 1.0)

    def greedy_force(self, out: Tensor) -> Tensor:
        """See TeamPolicy."""
        return self.force(out)

    def played(self, choice: Tensor) -> Tensor:
        """See DifferentiablePolicy."""
        return self.force(choice)

    def logits(self, seen: Tensor) -> Tensor:
        """See DifferentiablePolicy."""
        return self.actors.inner(seen)

    def differentiable(self, logits: Tensor, generator: torch.Generator) -> Tensor:
        """See DifferentiablePolicy."""
        return torch.tanh(logits)


class GumbelPolicy(CategoricalPolicy):
    """One of five discrete actions, drawn by the outputs as logits; gradients pass through the draw by a relaxation.

    Gumbel-softmax with temperature 1, straight-through: forwards the drawn action alone, backwards the softmax of the perturbed logits
    (arXiv 1611.01144), as MADDPG's authors do for discrete actions.
    """

    choices = 5

    def played(self, choice: Tensor) -> Tensor:
        """See DifferentiablePolicy."""
        return nn.functional.one_hot(choice, self.choices).to(self.forces.dtype)

    def logits(self, seen: Tensor) -> Tensor:
        """See DifferentiablePolicy."""
        return self.actors(seen)

    def differentiable(self, logits: Tensor, generator: torch.Generator) -> Tensor:
        """See DifferentiablePolicy."""
        # An exponential variable is positive but may be rounded to 0.
        perturbed = logits - torch.empty_like(logits).exponential_(generator=generator).clamp_min(1e-20).log()
        soft = perturbed.softmax(-1)
        return self.played(perturbed.argmax(-1)) + soft - soft.detach()


class SquashedTeam(nn.Module):
    """Networks whose outputs lie in (-1, 1): tanh of those of others.

    Args:
        actors: the others; they do not remember.
    """

    memory_size = 0

    def __init__(self, actors: TeamNetwork) -> None:
        super().__init__()
        self.inner = actors

    def forward(self, inputs: Tensor) -> Tensor:
        """[N, B, inputs] to [N, B, outputs]."""
        return torch.tanh(self.inner(inputs))

    def step(self, inputs: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """See TeamNetwork."""
        return self(inputs), memory

    def unroll(self, inputs: Tensor) -> Tensor:
        """See TeamNetwork."""
        return torch.tanh(self.inner.unroll(inputs))

    def alone(self, robot: int) -> SquashedTeam:
        """See TeamNetwork."""
        return SquashedTeam(self.inner.alone(robot))

    def of_robot(self, robot: int) -> nn.Module:
        """See TeamNetwork."""
        return nn.Sequential(*self.inner.of_robot(robot), nn.Tanh())
