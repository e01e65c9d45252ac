"""World `spread` against mpe2 itself: 10 000 random steps for each team size and kind of action, in double precision."""

import numpy as np
import pytest
import torch
from mpe2 import simple_spread_v3

from runtime.observation import SIMPLE_SPREAD_V3, observe, views_of_team
from sim3d.spread import CAPTURE_RADIUS, DISCRETE_FORCES, HORIZON, SpreadWorld
from sim3d.spread_task import all_covered, reward
from sim3d.world import random_layouts

torch.set_num_threads(1)
EPISODES = 400
TOLERANCE = 1e-9
QUANTITIES = ("position", "velocity", "observation", "reward", "success")


def draw_actions(robots, continuous):
    """Random actions [T, E, N, ...] as mpe2 takes them, and the forces u [T, E, N, 2] that they mean."""
    random = np.random.default_rng(robots)
    if not continuous:
        chosen = random.integers(5, size=(HORIZON, EPISODES, robots))
        return chosen, DISCRETE_FORCES[chosen]
    chosen = random.random((HORIZON, EPISODES, robots, 5), dtype=np.float32)
    force = np.stack([chosen[..., 2] - chosen[..., 1], chosen[..., 4] - chosen[..., 3]], axis=-1)
    return chosen, force.astype(np.float64)


def run_mpe2(robots, continuous, layouts, actions):
    """mpe2's own world step and scores, in its own precision: the wrappers about it round observations to float32."""
    env = simple_spread_v3.raw_env(N=robots, continuous_actions=continuous, terminate_on_success=True)
    env.reset(seed=0)
    world, scenario = env.world, env.scenario
    series = {name: [] for name in QUANTITIES}
    for episode in range(EPISODES):
        env.reset()
        for agent, start in zip(world.agents, layouts.starts[episode], strict=True):
            agent.state.p_pos = start.copy()
        for landmark, point in zip(world.landmarks, layouts.landmarks[episode], strict=True):
            landmark.state.p_pos = point.copy()
        for step in range(HORIZON):
            env.current_actions = list(actions[step, episode])
            env._execute_world_step()
            series["position"].append([agent.state.p_pos.copy() for agent in world.agents])
            series["velocity"].append([agent.state.p_vel.copy() for agent in world.agents])
            series["observation"].append([scenario.observation(agent, world) for agent in world.agents])
            series["reward"].append([env.rewards[agent.name] for agent in world.agents])
            series["success"].append(scenario.is_terminal(world))
    return {name: np.array(values).reshape(EPISODES, HORIZON, *np.shape(values)[1:]) for name, values in series.items()}


def run_ours(robots, layouts, forces, like):
    world = SpreadWorld(robots, like=like)
    state = world.reset(layouts)
    series = {name: [] for name in QUANTITIES}
    for force in forces:
        state = world.step(state, force if isinstance(like, np.ndarray) else torch.from_numpy(force))
        series["position"].append(state.position)
        series["velocity"].append(state.velocity)
        series["observation"].append(observe(SIMPLE_SPREAD_V3, views_of_team(state.position, state.velocity, state.landmarks)))
        series["reward"].append(reward(state.position, state.landmarks, world.robot_radius))
        series["success"].append(all_covered(state.position, state.landmarks, CAPTURE_RADIUS))
    return {name: np.stack([np.asarray(value) for value in values], axis=1) for name, values in series.items()}


@pytest.mark.parametrize("continuous", [False, True], ids=["discrete", "continuous"])
@pytest.mark.parametrize("robots", range(1, 7))
def test_spread_equals_mpe2(robots, continuous):
    layouts = random_layouts(EPISODES, robots, robots, arena_half_size=1.0, seed=robots)
    actions, forces = draw_actions(robots, continuous)
    theirs = run_mpe2(robots, continuous, layouts, actions)
    touched = np.ptp(theirs["reward"], axis=-1).max() > 0
    assert touched == (robots > 2), "some robots must touch and others not, or contacts go untested"
    for like in (np.zeros(0), torch.zeros(0, dtype=torch.float64)):
        ours = run_ours(robots, layouts, forces, like)
        np.testing.assert_array_equal(ours["success"], theirs["success"])
        for name in ("position", "velocity", "observation", "reward"):
            assert ours[name].dtype == np.float64
            largest = np.abs(ours[name] - theirs[name]).max()
            print(f"{type(like).__module__}: largest difference in {name} over {EPISODES * HORIZON} steps: {largest:.1e}")
            assert largest <= TOLERANCE
