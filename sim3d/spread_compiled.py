"""World `spread` under torch.compile: step, observations and rewards of a whole batch in a few loops. Optional: needs a C++ compiler."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from robots.errors import InputError
from runtime.observation import SIMPLE_SPREAD_V3, observe, views_of_team
from sim3d.spread import SpreadWorld
from sim3d.spread_task import reward
from sim3d.world import Dynamics, WorldState


class CompiledSpread:
    """One step of a SpreadWorld in torch, with what a learner reads after it, as one compiled function.

    It computes what the world, `observe` and `reward` compute, and is made from them; float32 results differ by rounding. The first step of
    each batch size compiles (5 to 15 s with g++, less when torch finds it in its cache).

    Args:
        world: on torch.
        layout: fields of the observation.
        local_ratio: weight of the own contacts in the reward.
    """

    def __init__(self, world: SpreadWorld, layout: Sequence[str] = SIMPLE_SPREAD_V3, local_ratio: float = 0.5) -> None:
        self.world = world
        # array-api-compat remembers which namespace a type has; torch warns of whatever remembers.
        warnings.filterwarnings("ignore", "Dynamo detected a call to a `functools.lru_cache`", UserWarning)

        def advance(
            position: Tensor, velocity: Tensor, landmarks: Tensor, dynamics: Dynamics | None, action: Tensor
        ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
            # The count of ticks stays outside: torch would compile again for each number.
            state = world.step(WorldState(position, velocity, velocity[..., 0], landmarks, 0, dynamics), action)
            observation = observe(layout, views_of_team(state.position, state.velocity, landmarks))
            return state.position, state.velocity, observation, reward(state.position, landmarks, world.robot_radius, local_ratio)

        # A size that may vary costs half of the speed: its loops are not unrolled into vector instructions.
        self._advance = torch.compile(advance, fullgraph=True, dynamic=False)

    @torch.no_grad()
    def step(self, state: WorldState, action: Tensor) -> tuple[WorldState, Tensor, Tensor]:
        """One step of B episodes that the world has begun.

        Args:
            state: of B episodes.
            action: [B, N, 2], force u in [-1, 1] per axis.

        Returns:
            The next state, observations [B, N, D] and rewards [B, N].

        Raises:
            ValueError: the landmarks move, which is not compiled.
            InputError: there is no C++ compiler, or it fails.
        """
        if state.course is not None:
            raise ValueError("CompiledSpread steps landmarks that stand still; these move")
        try:
            position, velocity, observation, scores = self._advance(state.position, state.velocity, state.landmarks, state.dynamics, action)
        except torch._dynamo.exc.BackendCompilerFailed as failure:
            reason = str(failure).strip().splitlines()[0]
            needs = "torch.compile needs a C++ compiler (g++, or what CXX names) and Python's headers"
            raise InputError(f"world 'spread' cannot be compiled: {reason}; {needs}") from failure
        return replace(state, position=position, velocity=velocity, tick=state.tick + 1), observation, scores
