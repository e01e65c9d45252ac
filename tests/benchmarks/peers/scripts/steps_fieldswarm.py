"""Steps of fieldswarm's world `spread`: `eager` or `compiled`, the second argument."""

import sys

from answering import HORIZON, ROBOTS, Measured

measured = Measured()

import torch  # noqa: E402

from runtime.observation import SIMPLE_SPREAD_V3, observe, views_of_team  # noqa: E402
from sim3d.spread import ROBOT_RADIUS, SpreadWorld  # noqa: E402
from sim3d.spread_compiled import CompiledSpread  # noqa: E402
from sim3d.spread_task import reward  # noqa: E402

torch.set_num_threads(measured.threads)
world = SpreadWorld(ROBOTS, like=torch.zeros(0))
compiled = CompiledSpread(world)


def eager_step(state, action):
    state = world.step(state, action)
    observation = observe(SIMPLE_SPREAD_V3, views_of_team(state.position, state.velocity, state.landmarks))
    return state, observation, reward(state.position, state.landmarks, ROBOT_RADIUS)


take_step = {"eager": eager_step, "compiled": compiled.step}[sys.argv[2]]


def prepare(batch):
    # By component, as the world keeps its own arrays.
    actions = torch.rand(HORIZON, 2, ROBOTS, batch).permute(0, 3, 2, 1) * 2 - 1

    @torch.no_grad()
    def episode():
        points = torch.rand(batch, 2 * ROBOTS, 2) * 2 - 1
        state = world.begin(points[:, :ROBOTS], points[:, ROBOTS:])
        for step in range(HORIZON):
            state, _, _ = take_step(state, actions[step])
        return batch * HORIZON

    return episode


measured.answer(prepare)
