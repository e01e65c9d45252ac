"""Steps of mpe2's own simple_spread_v3."""

from answering import HORIZON, ROBOTS, Measured

measured = Measured()

import numpy as np  # noqa: E402
from mpe2 import simple_spread_v3  # noqa: E402


def prepare(batch):
    assert batch == 1
    environment = simple_spread_v3.parallel_env(N=ROBOTS, max_cycles=HORIZON, continuous_actions=True)
    # float32, or it complains of every action.
    actions = np.random.default_rng(0).random((HORIZON, ROBOTS, 5), dtype=np.float32)

    def episode():
        environment.reset()
        for step in range(HORIZON):
            environment.step(dict(zip(environment.possible_agents, actions[step], strict=True)))
        return HORIZON

    return episode


measured.answer(prepare)
