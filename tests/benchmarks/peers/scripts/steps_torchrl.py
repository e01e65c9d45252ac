"""Steps of VMAS' simple_spread through TorchRL, which is how BenchMARL sees it."""

from answering import HORIZON, ROBOTS, Measured

measured = Measured()

import torch  # noqa: E402
from torchrl.envs.libs.vmas import VmasEnv  # noqa: E402

torch.set_num_threads(measured.threads)


def prepare(batch):
    environment = VmasEnv("simple_spread", num_envs=batch, device="cpu", continuous_actions=True, n_agents=ROBOTS, seed=0)
    actions = torch.rand(HORIZON, batch, ROBOTS, 2) * 2 - 1

    @torch.no_grad()
    def episode():
        data = environment.reset()
        for step in range(HORIZON):
            data = environment.step(data.set(("agents", "action"), actions[step]))["next"]
        return batch * HORIZON

    return episode


measured.answer(prepare)
