"""BenchMARL's IPPO on VMAS' simple_spread with the tuned configuration, on the CPU.

Source of the configuration: facebookresearch/BenchMARL, fine_tuned/vmas/conf/config.yaml, over the defaults of the package.
"""

import tempfile
from pathlib import Path

from learning import CAPTURE_RADIUS, LANDMARKS, Race

race = Race()

import torch  # noqa: E402
from benchmarl.algorithms import IppoConfig  # noqa: E402
from benchmarl.environments import VmasTask  # noqa: E402
from benchmarl.experiment import Callback, Experiment, ExperimentConfig  # noqa: E402
from benchmarl.models.mlp import MlpConfig  # noqa: E402
from torchrl.envs.libs.vmas import VmasEnv  # noqa: E402
from torchrl.envs.utils import ExplorationType, set_exploration_type  # noqa: E402

TUNED = {
    "gamma": 0.9,
    "lr": 0.00005,
    "clip_grad_val": 5,
    "max_n_frames": 10_000_000,
    "on_policy_collected_frames_per_batch": 60_000,
    "on_policy_n_envs_per_worker": 600,
    "on_policy_n_minibatch_iters": 45,
    "on_policy_minibatch_size": 4096,
    # Nobody reads these here, and they take time.
    "evaluation": False,
    "render": False,
    "loggers": [],
    "create_json": False,
    "save_folder": tempfile.mkdtemp(),
}
EPISODES = 1000
HORIZON = 100
"""Steps of an episode of this task: its robots have a fifth of the motor force of mpe2's and of their speed, so 25 would be too few."""

EVALUATION_PERIOD = 15.0
"""Between two evaluations [s]: a batch takes minutes."""


class Evaluation(Callback):
    """Measures the most likely actions on episodes of its own."""

    def __init__(self):
        super().__init__()
        self._next = 0.0

    def on_train_step(self, batch, group):
        if race.elapsed() < self._next:
            return
        # Made here: BenchMARL pickles what it calls back before it begins, and environments cannot be.
        environment = VmasEnv(
            "simple_spread", num_envs=EPISODES, device="cpu", continuous_actions=True, n_agents=3, seed=1, max_steps=HORIZON
        )
        with torch.no_grad(), set_exploration_type(ExplorationType.DETERMINISTIC):
            data = environment.rollout(HORIZON, policy=self.experiment.policy, break_when_any_done=False)
        landmarks = data["next", "agents", "observation"][..., LANDMARKS].unflatten(-1, (3, 2))  # [E, T, robot, landmark, 2]
        covered = (landmarks.norm(dim=-1).amin(dim=2) < CAPTURE_RADIUS).all(dim=-1)
        episode_return = data["next", "agents", "reward"].sum(dim=(1, 2, 3)).mean()
        race.say(self.experiment.total_frames, float(covered.any(dim=1).float().mean()), float(episode_return))
        self._next = race.elapsed() + EVALUATION_PERIOD


torch.set_num_threads(race.threads)
config = ExperimentConfig.get_from_yaml()
for name, value in TUNED.items():
    assert hasattr(config, name), name
    setattr(config, name, value)
Path(config.save_folder).mkdir(exist_ok=True)
Experiment(
    task=VmasTask.SIMPLE_SPREAD.get_from_yaml(),
    algorithm_config=IppoConfig.get_from_yaml(),
    model_config=MlpConfig.get_from_yaml(),
    critic_model_config=MlpConfig.get_from_yaml(),
    seed=race.seed,
    config=config,
    callbacks=[Evaluation()],
).run()
