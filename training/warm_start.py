"""Warm start: a run begins with another run's actors and critics, and what is new to them starts without a say.

A number that both runs' networks read keeps its weights, whatever its place among the inputs; a number that is new gets zero weights. The
first actions and values are then those of the older run.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from robots.errors import InputError
from training.learner import Learner
from training.networks import TeamMlp
from training.ppo import Ppo
from training.recurrent import RecurrentTeam


@torch.no_grad()
def begin_from(learner: Ppo, older: Learner, place: str) -> None:
    """Give a new learner the actors, critics and return scale of an older one; its optimiser, budget and chance are its own.

    Args:
        learner: whose networks are overwritten.
        older: read only.
        place: names the older run in errors.

    Raises:
        InputError: the older run was another learner's, or the networks differ in more than what they read.
    """
    if not isinstance(older, Ppo):
        raise InputError(f"{place}: was trained by learner '{older.config.learner}'; a run can begin with one of learner 'ppo' only")
    new, old = learner.policy.actors, older.policy.actors
    _take_over(new, old, _actor_inputs(learner), _actor_inputs(older), f"{place}: actors")
    if isinstance(new, RecurrentTeam) and isinstance(old, RecurrentTeam):
        new.input_gates.copy_(_rearranged(old.input_gates, learner.front_end.inputs, older.front_end.inputs))
        for name in ("input_offset", "memory_gates", "memory_offset"):
            getattr(new, name).copy_(getattr(old, name))
    _take_over(learner.critics, older.critics, _critic_inputs(learner), _critic_inputs(older), f"{place}: critics")
    beside = {name: value for name, value in older.policy.state_dict().items() if not name.startswith("actors.")}
    learner.policy.load_state_dict(beside, strict=False)
    learner.scale.load_state_dict(older.scale.state_dict())


def _actor_inputs(learner: Ppo) -> tuple[str, ...]:
    """A name for each number that the perceptrons of the actors read."""
    memory = (f"memory[{number}]" for number in range(learner.policy.actors.memory_size))
    return (*learner.front_end.inputs, *memory, *_ids(learner))


def _critic_inputs(learner: Ppo) -> tuple[str, ...]:
    return (*learner.critic_view.inputs(learner.config.world.robots, learner.front_end), *_ids(learner))


def _ids(learner: Ppo) -> tuple[str, ...]:
    network, robots = learner.config.network, learner.config.world.robots
    return tuple(f"id[{robot}]" for robot in range(robots)) if network.share == "ids" else ()


def _take_over(new: TeamMlp, old: TeamMlp, new_inputs: Sequence[str], old_inputs: Sequence[str], place: str) -> None:
    lost = [name for name in old_inputs if name not in new_inputs]
    if lost or _beyond_inputs(new) != _beyond_inputs(old):
        why = f": '{lost[0]}' is not among the new inputs" if lost else ""
        raise InputError(f"{place} are {old.shape}, which cannot be extended to {new.shape}{why}")
    new.weights[0].copy_(_rearranged(old.weights[0], new_inputs, old_inputs))
    for mine, other in zip([*new.weights[1:], *new.biases], [*old.weights[1:], *old.biases], strict=True):
        mine.copy_(other)


def _beyond_inputs(networks: TeamMlp) -> list[torch.Size]:
    return [networks.biases[0].shape, *(weight.shape for weight in networks.weights[1:])]


def _rearranged(weights: torch.Tensor, new_inputs: Sequence[str], old_inputs: Sequence[str]) -> torch.Tensor:
    """Weights [N, old inputs, outputs] to [N, new inputs, outputs], by the inputs' names."""
    rearranged = torch.zeros(len(weights), len(new_inputs), weights.shape[-1])
    rearranged[:, [new_inputs.index(name) for name in old_inputs]] = weights
    return rearranged
