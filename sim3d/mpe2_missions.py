"""Missions in mpe2's own simple_spread_v3, one robot after the other: the referee that is not ours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from mpe2 import simple_spread_v3

from runtime.actor import OnnxActor
from sim3d.spread import HORIZON


@dataclass(frozen=True)
class Mpe2Episodes:
    """What mpe2 said.

    Attributes:
        success: [E] booleans: every landmark covered at some step, by the scenario's own test.
        episode_return: [E], reward summed over the robots and the steps until the end of the episode.
        steps: [E], length of the episode.
    """

    success: np.ndarray
    episode_return: np.ndarray
    steps: np.ndarray


def run_mpe2(actors: Sequence[OnnxActor], episodes: int, seed: int, progress: Callable[[int], None] = lambda done: None) -> Mpe2Episodes:
    """Run exported `point` actors in `parallel_env(continuous_actions=True, terminate_on_success=True)`.

    Args:
        actors: by agent; a discrete policy's forces are among the continuous ones, so it runs here too.
        episodes: E.
        seed: episode e is reset with seed + e.
        progress: told after each episode.
    """
    env = simple_spread_v3.parallel_env(N=len(actors), max_cycles=HORIZON, continuous_actions=True, terminate_on_success=True)
    raw = env.aec_env.unwrapped
    result = Mpe2Episodes(np.zeros(episodes, bool), np.zeros(episodes), np.zeros(episodes, int))
    for episode in range(episodes):
        observations, _ = env.reset(seed=seed + episode)
        memories = [actor.initial_state() for actor in actors]
        while env.agents:
            actions = {}
            for agent, actor in enumerate(actors):
                name = f"agent_{agent}"
                force, memories[agent] = actor.act(observations[name], memories[agent])
                actions[name] = as_mpe2_action(force)
            observations, rewards, *_ = env.step(actions)
            result.episode_return[episode] += sum(rewards.values())
            result.steps[episode] += 1
            # At the last step mpe2 reports a truncation even where the scenario is solved, so ask the scenario itself.
            result.success[episode] |= raw.scenario.is_terminal(raw.world)
        progress(1)
    env.close()
    return result


def as_mpe2_action(force: np.ndarray) -> np.ndarray:
    """A force [2] in [-1, 1] as mpe2's continuous action [5] in [0, 1]: none, -x, +x, -y, +y."""
    x, y = np.asarray(force, dtype=np.float32)
    return np.array([0.0, max(-x, 0.0), max(x, 0.0), max(-y, 0.0), max(y, 0.0)], dtype=np.float32)
