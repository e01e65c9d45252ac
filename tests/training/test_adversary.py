"""One robot that learns against its team: what it is paid, who stays as he is, and the bundle that comes of it."""

import msgspec
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from robots.errors import InputError
from robots.yaml_input import dump_yaml
from runtime import cli
from runtime.bundle import read_bundle, write_manifest
from sim3d.in_process import run_missions
from sim3d.spread_task import reward
from sim3d.world import random_layouts
from tests.sim3d.homing import write_homing_bundle
from training import adversary_ground
from training.adversary_config import AdversaryConfig
from training.adversary_ground import others_reward
from training.config import PpoConfig, TrainConfig, WorldConfig
from training.config_checks import check_train_config
from training.ground import EVALUATION_SEED
from training.ppo import Ppo
from training.train import resume_run, start_run, train

ROBOT = 1


@pytest.fixture(scope="module")
def victims(tmp_path_factory):
    folder = write_homing_bundle(tmp_path_factory.mktemp("victims"))
    write_manifest(folder, success=1.0, differences=[(1e-7, 2e-7)] * 3, created_by="somebody", provenance={})
    return folder


def config_for(victims, **more):
    parts = {
        "adversary": AdversaryConfig(victims=str(victims), robot=ROBOT),
        "world": WorldConfig(robots=1),
        "ppo": PpoConfig(episodes=8),
        "steps": 400,
        "evaluation_episodes": 16,
        "threads": 1,
    }
    return TrainConfig(**{**parts, **more})


@settings(max_examples=50)
@given(seed=st.integers(0, 2**32), robot=st.integers(0, 2), local_ratio=st.floats(0, 1))
def test_an_adversary_far_away_leaves_the_others_what_they_earn_without_it(seed, robot, local_ratio):
    generator = np.random.default_rng(seed)
    position, landmarks = generator.uniform(-0.5, 0.5, (4, 3, 2)), generator.uniform(-1, 1, (4, 3, 2))
    others = np.arange(3) != robot
    alone = reward(position[:, others], landmarks, np.full(2, 0.15), local_ratio).mean(axis=-1)
    position[:, robot] = 50.0
    radius = np.full(3, 0.15)
    np.testing.assert_allclose(others_reward(position, landmarks, radius, robot, local_ratio, 1.0), alone)
    # On a landmark it covers nothing for them; where it touches one of the two, half a contact each is lost on the mean.
    position[:, robot] = landmarks[:, 0]
    free = (np.linalg.norm(position[:, others] - position[:, [robot]], axis=-1) >= 0.3).all(axis=-1)
    np.testing.assert_allclose(others_reward(position, landmarks, radius, robot, local_ratio, 1.0)[free], alone[free])
    first = int(np.flatnonzero(others)[0])
    position[:, robot] = position[:, first] + 0.1
    other = int(np.flatnonzero(others)[1])
    near_one = np.linalg.norm(position[:, other] - position[:, robot], axis=-1) >= 0.3
    paid = others_reward(position, landmarks, radius, robot, local_ratio, 1.0)
    np.testing.assert_allclose(paid[near_one], (alone - 0.5 * local_ratio)[near_one])


def test_it_is_paid_what_the_others_lose_step_by_step(victims, monkeypatch):
    flown = []

    def noted(world, specs, actors, layouts, *rest):
        flown.append((run_missions(world, specs, actors, layouts, *rest), layouts))
        return flown[-1][0]

    monkeypatch.setattr(adversary_ground, "run_missions", noted)
    learner = Ppo(config_for(victims))
    batch = learner.ground.collect(learner.policy, learner.profile, learner.generator)
    ((position, layouts),) = flown
    assert batch.seen.shape[:3] == (26, 1, 8) and batch.choice.shape[:3] == (25, 1, 8)
    for step in range(25):
        lost = others_reward(position[:, step + 1], layouts.landmarks, np.full(3, 0.15), ROBOT, 0.5, 1.0)
        np.testing.assert_allclose(batch.reward[step, 0].numpy(), -lost, rtol=1e-5, atol=1e-6)


def test_the_bundle_has_the_victims_as_they_were_and_plays_as_the_learner_does(victims, tmp_path, capsys):
    run, out = tmp_path / "run", tmp_path / "bundle"
    learner = start_run(config_for(victims), run)
    train(learner, run)
    assert cli.main(["export", str(run), "--out", str(out)]) == 0
    before, after = read_bundle(victims), read_bundle(out)
    actors = after.verify()
    for agent in range(3):
        unchanged = agent != ROBOT
        assert (before.actor_bytes(agent) == after.actor_bytes(agent)) == unchanged
        same = before.manifest.actors[agent].difference_rollout == after.manifest.actors[agent].difference_rollout
        assert same == unchanged
    assert actors[ROBOT].contract.training.steps == 400
    layouts = random_layouts(30, 3, 3, 1.0, EVALUATION_SEED)
    ground = learner.ground
    position = run_missions(ground.world, ground.specs, actors, layouts, learner.profile, 25)
    expected, _ = ground.played(learner.policy, 30, learner.profile)
    assert np.abs(position - expected).max() < 1e-3  # contacts magnify roundings
    suite = tmp_path / "suite.yaml"
    suite.write_text(
        "{name: duel, episodes: {spread: 20}, scale: {spread: {metre: 1, second: 1}},"
        " families: {link: {loss: {about: loss, rungs: {5: {link: {loss: 0.4}}}}}}}"
    )
    words = ["evaluate", f"adversary={out}", f"team={victims}", "--suite", str(suite), "--executor", "in-process"]
    assert cli.main([*words, "--out", str(tmp_path / "results")]) == 0
    assert "team against adversary" in capsys.readouterr().out


def test_a_run_that_was_interrupted_ends_with_the_same_weights(victims, tmp_path):
    config = config_for(victims, checkpoint_every=1)
    whole = start_run(config, tmp_path / "whole")
    train(whole, tmp_path / "whole")
    part = start_run(config, tmp_path / "part")
    # Its last checkpoint is that of the first batch.
    shorter = msgspec.structs.replace(config, steps=200)
    part.config = shorter
    train(part, tmp_path / "part")
    resumed = resume_run(tmp_path / "part")
    assert resumed.batches_done == 1 and resumed.config == config
    train(resumed, tmp_path / "part")
    # The learning rate falls over the budget, which the first part had another idea of; its first batch has the same.
    for name, value in whole.policy.state_dict().items():
        assert torch.equal(value, resumed.policy.state_dict()[name]), name


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"world": WorldConfig(robots=3)}, r"world\.robots: is 3, must be 1"),
        ({"world": WorldConfig(robots=1, actions="discrete")}, r"world\.actions: is discrete, must be continuous for an adversary"),
        ({"world": WorldConfig(robots=1, name="planar", kinds=("omni",))}, r"world\.kinds: is .*, but .* has it; leave it out"),
    ],
)
def test_what_does_not_go_with_an_adversary_is_refused(victims, change, said):
    with pytest.raises(InputError, match=said):
        check_train_config(config_for(victims, **change), "a.yaml")


def test_victims_that_cannot_be_played_against_are_refused_in_a_line(victims, tmp_path, capsys):
    attack = tmp_path / "attack.yaml"
    attack.write_text("{name: attack, adversary: {position_error: 0.1}}")
    for change, said in (
        ({"adversary": AdversaryConfig(victims=str(tmp_path / "none"))}, "no such bundle"),
        ({"adversary": AdversaryConfig(victims=str(victims), robot=3)}, "adversary.robot: is 3;"),
        ({"world": WorldConfig(robots=1, name="planar")}, "world 'planar' has no robots of kind 'point'"),
        ({"world": WorldConfig(robots=1, profile=str(attack))}, f"world.profile: {attack}: adversary: tries its errors on the actors"),
    ):
        (tmp_path / "a.yaml").write_text(dump_yaml(config_for(victims, **change)))
        assert cli.main(["train", str(tmp_path / "a.yaml"), "--out", str(tmp_path / "run")]) == 2
        assert said in capsys.readouterr().err
        assert not (tmp_path / "run").exists()
