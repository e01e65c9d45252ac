"""Training in a PettingZoo environment that is not ours: mpe2's own simple_spread_v3 says whether it is the same task."""

import msgspec
import numpy as np
import pytest
import torch

from robots.errors import InputError
from runtime import cli
from runtime.bundle import read_bundle
from sim3d.profile import load_profile
from training.config import NetworkConfig, PpoConfig, QConfig, TrainConfig, WorldConfig
from training.config_checks import check_train_config
from training.learners import make_learner

MPE2 = "mpe2.simple_spread_v3:parallel_env"
CLEAN = load_profile("clean")


def config_for(robots: int, actions: str = "continuous", name: str = "pettingzoo", **others) -> TrainConfig:
    options = {"N": robots, "continuous_actions": actions == "continuous"}
    own = {"env": MPE2, "env_options": options} if name == "pettingzoo" else {}
    config = TrainConfig(
        world=WorldConfig(name=name, robots=robots, actions=actions, **own),
        network=NetworkConfig(hidden=(16,)),
        ppo=PpoConfig(episodes=32, epochs=4, minibatches=4, learning_rate=3e-3),
        steps=32 * 25 * 8,
        threads=1,
    )
    config = msgspec.structs.replace(config, **others)
    check_train_config(config, "test.yaml")
    return config


def apart(one: np.ndarray, other: np.ndarray) -> float:
    """Distance of two means in standard errors."""
    return abs(one.mean() - other.mean()) / np.sqrt(one.var() / len(one) + other.var() / len(other))


@pytest.mark.parametrize("actions", ["continuous", "discrete"])
def test_mpe2_pays_and_shows_what_world_spread_does(actions):
    """One restless policy in both: returns as drawn and as evaluated, and where the robots go, within four standard errors."""
    theirs, ours = (make_learner(config_for(3, actions, name)) for name in ("pettingzoo", "spread"))
    with torch.no_grad():
        for one, other in zip(theirs.policy.parameters(), ours.policy.parameters(), strict=True):
            one += 0.3 * torch.randn(one.shape, generator=torch.Generator().manual_seed(2))
            other.copy_(one)
    drawn = [learner.ground.collect(learner.policy, CLEAN, torch.Generator().manual_seed(5)) for learner in (theirs, ours)]
    assert drawn[0].seen.shape == drawn[1].seen.shape and drawn[0].judged.shape == drawn[1].judged.shape
    assert apart(*(batch.reward.sum((0, 1)).numpy() for batch in drawn)) < 4
    for number in (0, 2, 5, 12):  # velocity, position, a landmark, a teammate
        assert apart(*(batch.seen[-1, :, :, number].abs().flatten().numpy() for batch in drawn)) < 4
    metrics = [learner.ground.evaluate(learner.policy, 64, CLEAN) for learner in (theirs, ours)]
    for name in ("episode_return", "mean_separation", "path_length"):
        assert apart(*(getattr(each, name).astype(float) for each in metrics)) < 4, name


def test_its_rewards_are_those_of_the_states_that_are_observed():
    """With one robot the reward is minus half its distance to the landmark, both of which the observation tells."""
    learner = make_learner(config_for(1))
    batch = learner.ground.collect(learner.policy, CLEAN, torch.Generator().manual_seed(0))
    distance = batch.seen[1:, :, :, 4:6].norm(dim=-1)
    torch.testing.assert_close(batch.reward, -0.5 * distance, atol=1e-5, rtol=0)
    metrics = learner.ground.evaluate(learner.policy, 8, CLEAN)
    assert metrics.path_length.max() < 0.5 and metrics.coverage.mean() < 0.2  # it stands still yet


def test_a_short_run_there_is_worth_what_it_is_in_world_spread():
    """One robot learns to go to its landmark; each trained policy is tried in world `spread`, and both gained about as much."""
    gained = []
    for name in ("pettingzoo", "spread"):
        learner, referee = make_learner(config_for(1, name=name)), make_learner(config_for(1, name="spread"))
        untrained = referee.ground.evaluate(learner.policy, 512, CLEAN).episode_return
        for _ in range(learner.config.batches):
            learner.train_batch()
        trained = referee.ground.evaluate(learner.policy, 512, CLEAN).episode_return
        assert trained.mean() > untrained.mean() and apart(trained, untrained) > 5
        gained.append(trained.mean() - untrained.mean())
    assert gained[0] == pytest.approx(gained[1], rel=0.35)


def test_a_run_there_goes_on_from_its_state_as_if_never_stopped(tmp_path):
    q = QConfig(episodes=4, buffer=8, batch=16, updates=1)
    config = config_for(2, "discrete", learner="q_learning", q=q, ppo=PpoConfig())
    straight, first, second = make_learner(config), make_learner(config), make_learner(config)
    for _ in range(3):
        straight.train_batch()
    first.train_batch()
    torch.save(first.state_dict(), tmp_path / "state.pt")
    second.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    for _ in range(2):
        second.train_batch()
    assert torch.equal(straight.replay.state_dict()["seen"], second.replay.state_dict()["seen"])
    for one, other in zip(straight.policy.parameters(), second.policy.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_module_of_the_users_own_is_trained_and_exported(tmp_path, monkeypatch, capsys):
    """The command from a directory that holds the module, and a bundle that verifies."""
    (tmp_path / "own_task.py").write_text(
        "from mpe2 import simple_spread_v3\n\n\n"
        "def make(robots):\n    return simple_spread_v3.parallel_env(N=robots, continuous_actions=True)\n"
    )
    (tmp_path / "own.yaml").write_text(
        "world: {name: pettingzoo, env: 'own_task:make', env_options: {robots: 1}, robots: 1}\n"
        "ppo: {episodes: 4, epochs: 1, minibatches: 1}\nnetwork: {hidden: [8]}\nsteps: 100\nevaluation_episodes: 4\nthreads: 1\n"
    )
    monkeypatch.chdir(tmp_path)
    assert cli.main(["train", "own.yaml", "--out", "run"]) == 0
    assert "--robot omni" in capsys.readouterr().out
    monkeypatch.setattr("training.export.SUCCESS_EPISODES", 10)
    assert cli.main(["export", "run", "--robot", "point", "--out", "bundle"]) == 0
    [actor] = read_bundle(tmp_path / "bundle").verify()
    assert actor.contract.training.world == "pettingzoo"


@pytest.mark.parametrize(
    "world, words",
    [
        ({"env": "no_such_package.module:make"}, "no_such_package.module:make: cannot be imported: ModuleNotFoundError"),
        ({"env": "mpe2.simple_spread_v3:make"}, "cannot be imported: AttributeError"),
        ({"env": MPE2, "env_options": {"M": 3}}, "makes no ParallelEnv: TypeError"),
        ({"env": MPE2, "env_options": {"N": 4, "continuous_actions": True}}, "has 4 agents; world.robots is 3"),
        ({"env": MPE2}, "agent_0 takes Discrete(5), world.actions needs Box(0.0, 1.0, (5,))"),
        ({"env": MPE2, "env_options": {"continuous_actions": True}, "actions": "discrete"}, "world.actions needs Discrete(5)"),
        ({"env": "mpe2.simple_speaker_listener_v4:parallel_env", "robots": 2}, "observes (3,), simple_spread_v3's robots (12,)"),
    ],
)
def test_environments_that_are_not_as_they_must_be_are_refused(world, words):
    config = TrainConfig(world=WorldConfig(**{"name": "pettingzoo", **world}), threads=1)
    check_train_config(config, "test.yaml")
    with pytest.raises(InputError) as refused:
        make_learner(config)
    assert words in str(refused.value) and str(refused.value).startswith("world.env: "), str(refused.value)


def test_an_episode_that_ends_before_the_horizon_is_refused():
    config = config_for(1)
    world = msgspec.structs.replace(config.world, env_options={"N": 1, "continuous_actions": True, "max_cycles": 10})
    learner = make_learner(msgspec.structs.replace(config, world=world))
    with pytest.raises(InputError, match=r"an episode ended before world\.horizon, which is 25 steps"):
        learner.train_batch()


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"world": WorldConfig(name="pettingzoo", env="module")}, "world.env: is 'module', must be package.module:function"),
        ({"world": WorldConfig(name="pettingzoo", env=MPE2, profile="lab")}, "world.profile: is lab"),
        ({"network": NetworkConfig(critics_see="truth")}, "network.critics_see: is truth"),
    ],
)
def test_what_an_environment_cannot_do_is_refused(changes, words):
    config = TrainConfig(**{"world": WorldConfig(name="pettingzoo", env=MPE2), **changes})
    with pytest.raises(InputError) as refused:
        check_train_config(config, "test.yaml")
    assert words in str(refused.value)
