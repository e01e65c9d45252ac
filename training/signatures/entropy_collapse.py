"""Entropy collapse: the policy has made up its mind before it can do the task, and tries nothing else any more."""

from __future__ import annotations

from math import exp, log, tau

from training.config import TrainConfig
from training.signatures.past import Past
from training.signatures.remedies import LEARNING_RATES, far_above
from training.signatures.signature import Signature

FEWEST_ACTIONS = 1.5
"""Actions that a discrete policy still chooses from, exp(entropy): the successful teams of arXiv 2510.00022 end with 0.406 nats, which are
1.5 actions. A team that has as few without success has stopped looking."""

SMALLEST_SPREAD = 0.15
"""Standard deviation of forces: a force moves the point at which a robot comes to rest by 0.2 units (sim3d.spread), so this tries points
within 0.03 units, a third of the capture radius. spread.yaml ends with 0.37."""

SOLVED = 0.5
"""Success from which a decided policy is what training was for."""


def _symptom(past: Past) -> str | None:
    entropy, success = past.last("entropy"), past.last("success")
    if success >= SOLVED or entropy >= _least(past.config):
        return None
    if past.config.world.actions == "discrete":
        left = f"chooses from {exp(entropy):.2f} actions"
    else:
        left = f"strays by {_spread(entropy):.2f} from its forces"
    return f"the policy {left} (entropy {entropy:.2f}) with success in {success:.1%} of the episodes: it tries nothing new"


def _least(config: TrainConfig) -> float:
    """Entropy under which a policy tries nothing new [nats]."""
    return log(FEWEST_ACTIONS) if config.world.actions == "discrete" else log(tau * SMALLEST_SPREAD**2) + 1.0


def _spread(entropy: float) -> float:
    """Standard deviation of each of the two forces of a Gaussian policy."""
    return exp((entropy - 1.0) / 2) / tau**0.5


def _remedy(config: TrainConfig) -> str:
    far = far_above(config, (*LEARNING_RATES, "epochs", "clip"))
    if far:
        return far
    least = 0.01 if config.world.actions == "discrete" else 0.003
    return f"ppo.entropy: {max(least, 3 * config.ppo.entropy):.2g}"


ENTROPY_COLLAPSE = Signature("entropy collapse", ("entropy", "success"), 3, _symptom, _remedy)
