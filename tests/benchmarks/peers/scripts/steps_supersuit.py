"""Steps of mpe2's simple_spread_v3, vectorised by SuperSuit over as many processes as there are threads; it resets by itself."""

from answering import HORIZON, ROBOTS, Measured

measured = Measured()

import numpy as np  # noqa: E402
import supersuit  # noqa: E402
from mpe2 import simple_spread_v3  # noqa: E402


def prepare(batch):
    environment = simple_spread_v3.parallel_env(N=ROBOTS, max_cycles=HORIZON, continuous_actions=True)
    vectorised = supersuit.concat_vec_envs_v1(
        supersuit.pettingzoo_env_to_vec_env_v1(environment), batch, num_cpus=measured.threads, base_class="gymnasium"
    )
    actions = np.random.default_rng(0).random((HORIZON, batch * ROBOTS, 5), dtype=np.float32)
    vectorised.reset()

    def episode():
        for step in range(HORIZON):
            vectorised.step(actions[step])
        return batch * HORIZON

    return episode


measured.answer(prepare)
