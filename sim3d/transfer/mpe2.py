"""Missions of `point` robots on given layouts in mpe2's own simple_spread_v3, recorded as those of our worlds are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mpe2 import simple_spread_v3

from runtime.actor import OnnxActor
from sim3d.mpe2_missions import as_mpe2_action
from sim3d.world import Layouts


def mpe2_positions(actors: Sequence[OnnxActor], layouts: Layouts, steps: int) -> np.ndarray:
    """Run exported actors in mpe2, one mission after the other, from where the layouts have robots and landmarks.

    Args:
        actors: by agent, for robots of kind `point`.
        layouts: of the B missions.
        steps: of each mission, which goes on when it has succeeded.

    Returns:
        Positions [B, steps + 1, N, 2], from the start to the end.
    """
    env = simple_spread_v3.parallel_env(N=len(actors), max_cycles=steps, continuous_actions=True)
    raw = env.aec_env.unwrapped
    positions = np.empty((len(layouts), steps + 1, len(actors), 2))
    for mission, trajectory in enumerate(positions):
        env.reset(seed=0)
        bodies = (*raw.world.agents, *raw.world.landmarks)
        for body, place in zip(bodies, np.concatenate([layouts.starts[mission], layouts.landmarks[mission]]), strict=True):
            body.state.p_pos = place.copy()
        observations = {name: raw.observe(name) for name in env.agents}
        trajectory[0] = layouts.starts[mission]
        memories = [actor.initial_state() for actor in actors]
        for step in range(steps):
            actions = {}
            for agent, actor in enumerate(actors):
                name = f"agent_{agent}"
                force, memories[agent] = actor.act(observations[name], memories[agent])
                actions[name] = as_mpe2_action(force)
            observations, *_ = env.step(actions)
            trajectory[step + 1] = [body.state.p_pos for body in raw.world.agents]
    env.close()
    return positions
