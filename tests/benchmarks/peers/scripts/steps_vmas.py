"""Steps of VMAS' simple_spread."""

from answering import HORIZON, ROBOTS, Measured

measured = Measured()

import torch  # noqa: E402
import vmas  # noqa: E402

torch.set_num_threads(measured.threads)


def prepare(batch):
    environment = vmas.make_env("simple_spread", num_envs=batch, device="cpu", continuous_actions=True, n_agents=ROBOTS, seed=0)
    actions = torch.rand(HORIZON, ROBOTS, batch, 2) * 2 - 1

    def episode():
        environment.reset()
        for step in range(HORIZON):
            environment.step(list(actions[step]))
        return batch * HORIZON

    return episode


measured.answer(prepare)
