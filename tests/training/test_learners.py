"""What every learner must do, whatever its method: improve, go on from its state bit for bit, and export what it learned."""

import csv
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
import yaml

from robots.errors import InputError
from robots.spec import load_spec
from robots.yaml_input import dump_yaml
from runtime import cli
from runtime.bundle import read_bundle
from sim3d.world import random_layouts
from training.checkpoint import CHECKPOINT
from training.config import (
    MaddpgConfig,
    NetworkConfig,
    PpoConfig,
    QConfig,
    TrainConfig,
    WorldConfig,
    resolved_yaml,
)
from training.config_checks import check_train_config, read_train_config
from training.export import export_team, write_bundle
from training.learner import Learner
from training.learners import make_learner
from training.networks import TeamMlp
from training.policies import CategoricalPolicy
from training.similarity import similarity_for
from training.spread_ground import team_observation
from training.warm_start import begin_from

DISCRETE = WorldConfig(actions="discrete")
LEARNERS = {
    "ippo": {"ppo": PpoConfig(episodes=64)},
    "mappo": {"ppo": PpoConfig(episodes=64), "network": NetworkConfig(share="all")},
    "mappo_ids": {"ppo": PpoConfig(episodes=64), "network": NetworkConfig(share="ids"), "world": DISCRETE},
    "iql": {"learner": "q_learning", "world": DISCRETE},
    "vdn": {"learner": "q_learning", "world": DISCRETE, "q": QConfig(mixer="vdn")},
    "qmix": {"learner": "q_learning", "world": DISCRETE, "q": QConfig(mixer="qmix"), "network": NetworkConfig(share="ids")},
    "maddpg": {"learner": "maddpg"},
    "maddpg_discrete": {"learner": "maddpg", "world": DISCRETE},
}
TINY = {
    "ppo": PpoConfig(episodes=8, epochs=1, minibatches=2),
    "q": QConfig(episodes=8, buffer=20, batch=32, updates=2, target_every=3),
    "maddpg": MaddpgConfig(episodes=8, buffer=20, batch=32, updates=2),
}
SECTION = {"ppo": "ppo", "q_learning": "q", "maddpg": "maddpg"}


def tiny(name: str) -> TrainConfig:
    """A run of two robots and six batches, small enough to be done in a second."""
    world = msgspec.structs.replace(LEARNERS[name].get("world", WorldConfig()), robots=2)
    config = TrainConfig(**{**LEARNERS[name], "world": world}, steps=8 * 25 * 6, evaluation_episodes=16, checkpoint_every=2, threads=1)
    section = SECTION[config.learner]
    small = TINY[section]
    if isinstance(small, QConfig):
        small = msgspec.structs.replace(small, mixer=config.q.mixer)
    config = msgspec.structs.replace(config, **{section: small}, network=msgspec.structs.replace(config.network, hidden=(16,)))
    check_train_config(config, name)
    return config


def same(one: object, other: object) -> bool:
    """Whether two states hold the same numbers, bit for bit."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(same(left, right) for left, right in zip(one, other, strict=True))
    return one == other


@pytest.mark.parametrize("name", LEARNERS)
def test_a_learner_goes_on_from_its_state_as_if_never_stopped(name, tmp_path):
    config = tiny(name)
    straight, first, second = make_learner(config), make_learner(config), make_learner(config)
    for _ in range(4):
        straight.train_batch()
    for _ in range(2):
        first.train_batch()
    torch.save(first.state_dict(), tmp_path / "state.pt")
    second.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    for _ in range(2):
        second.train_batch()
    assert same(straight.state_dict(), second.state_dict())
    assert not same(straight.state_dict(), first.state_dict())


@pytest.mark.parametrize("name", ["qmix", "maddpg"])
def test_a_run_that_was_killed_and_resumed_is_the_same_run(name, tmp_path):
    """kill -9 at any moment: the same networks, optimisers and replay buffer, and metrics without gap or repetition."""
    config = tmp_path / "tiny.yaml"
    config.write_text(dump_yaml(tiny(name)))
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    assert cli.main(["train", str(config), "--out", str(straight)]) == 0
    process = subprocess.Popen(
        [sys.executable, "-m", "runtime.cli", "train", str(config), "--out", str(broken)],
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    while not (broken / CHECKPOINT).exists() and process.poll() is None:
        time.sleep(0.002)
    process.kill()
    process.wait()
    assert cli.main(["train", "--resume", str(broken)]) == 0
    ours, theirs = (torch.load(run / CHECKPOINT, weights_only=True) for run in (straight, broken))
    assert same(ours, theirs)
    ours, theirs = (list(csv.DictReader((run / "metrics.csv").open())) for run in (straight, broken))
    speed = {"steps_per_second": ""}
    assert [{**row, **speed} for row in ours] == [{**row, **speed} for row in theirs]
    assert [int(row["batch"]) for row in ours] == list(range(1, 7))


def restless(learner: Learner) -> Learner:
    """A policy far from its start, without the minutes that training takes."""
    with torch.no_grad():
        for parameter in learner.policy.actors.parameters():
            parameter += 0.2 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(11))
    return learner


@pytest.mark.parametrize("name", LEARNERS)
def test_the_exported_actors_do_what_the_policy_likes_best(name, tmp_path, monkeypatch):
    # Figures in the contract that take most of an export's time, and are not asked for here.
    monkeypatch.setattr("training.export.SUCCESS_EPISODES", 10)
    monkeypatch.setattr("training.export.latency_margin", lambda *given: 0.0)
    learner, spec = restless(make_learner(tiny(name))), load_spec("point")
    team = export_team(learner, [spec] * 2, similarity_for(spec), lambda text: None)
    write_bundle(team, tmp_path / "bundle")
    actors = read_bundle(tmp_path / "bundle").verify()
    assert all(difference.rollout <= 1e-5 for difference in team.differences)
    world = learner.ground.world
    state = world.reset(random_layouts(200, 2, 2, 1.0, seed=3))
    seen = team_observation(learner.front_end.layout, state, state.landmarks, None)
    with torch.no_grad():
        expected = learner.policy.greedy_force(learner.policy.actors.step(seen, torch.zeros(2, 200, 0))[0]).numpy()
    assert np.ptp(expected) > 0.5
    for agent, actor in enumerate(actors):
        action, _ = actor.act(seen[agent].numpy(), actor.initial_state(200))
        np.testing.assert_allclose(action, expected[agent], atol=1e-5)


FEW_SECONDS = {
    "ppo": (20, PpoConfig(episodes=64)),
    "q": (80, QConfig(episodes=32, batch=256, updates=16, learning_rate=3e-3, exploration=1.0)),
    "maddpg": (100, MaddpgConfig(episodes=32, batch=256, updates=16, actor_learning_rate=1e-3)),
}
"""Batches and parameters with which two robots learn something in 1 to 5 s of one core."""


@pytest.mark.parametrize("name", [name for name in LEARNERS if name != "ippo"])
def test_a_learner_soon_does_better_than_chance_and_than_it_did_untrained(name):
    """Returns of 256 episodes each; five standard errors apart, so that a lucky seed cannot pass."""
    chosen = TrainConfig(**LEARNERS[name])
    section = SECTION[chosen.learner]
    batches, parameters = FEW_SECONDS[section]
    if isinstance(parameters, QConfig):
        parameters = msgspec.structs.replace(parameters, mixer=chosen.q.mixer)
    config = msgspec.structs.replace(
        chosen,
        **{section: parameters},
        world=msgspec.structs.replace(chosen.world, robots=2),
        network=msgspec.structs.replace(chosen.network, hidden=(64,)),
        steps=batches * parameters.episodes * 25,
        threads=1,
    )
    learner = make_learner(config)

    def returns() -> np.ndarray:
        return learner.ground.evaluate(learner.policy, 256, learner.profile).episode_return

    anything = CategoricalPolicy(TeamMlp(2, len(learner.front_end.inputs), (), 5, 0.0, torch.Generator()))
    rolls = [learner.ground.collect(anything, learner.profile, torch.Generator().manual_seed(seed)) for seed in range(8)]
    chance = torch.cat([roll.reward.sum((0, 1)) for roll in rolls]).numpy()
    untrained = returns()
    for _ in range(config.batches):
        learner.train_batch()
    trained = returns()
    for other in (chance, untrained):
        error = np.sqrt(trained.var() / len(trained) + other.var() / len(other))
        assert trained.mean() > other.mean() + 5 * error, (trained.mean(), other.mean(), error)


@pytest.mark.parametrize(
    "bad, words",
    [
        ("q: {gamma: 0.8}", "q.gamma: is 0.8, but the learner is 'ppo'"),
        ("learner: q_learning\nppo: {clip: 0.3}\nworld: {actions: discrete}", "ppo.clip: is 0.3, but the learner is 'q_learning'"),
        ("learner: q_learning", "world.actions: is continuous, must be discrete"),
        ("learner: q_learning\nworld: {actions: discrete}\nq: {mixer: vdn, mixer_width: 8}", "q.mixer_width: is 8, but q.mixer is 'vdn'"),
        ("learner: q_learning\nworld: {actions: discrete}\nq: {buffer: 8}", "q.buffer: is 8, must be at least q.episodes, which is 64"),
        ("learner: q_learning\nworld: {actions: discrete}\nq: {target_rate: 0}", "q.target_rate: is 0.0, must be above 0"),
        ("learner: q_learning\nworld: {actions: discrete}\nq: {mixer: qmx}", "qmx"),
        (
            "learner: q_learning\nworld: {actions: discrete}\nnetwork: {critics_see: truth}",
            "network.critics_see: is truth, but the learner is",
        ),
        ("learner: maddpg\nnetwork: {memory: 4}", "network.memory: is 4, but the learner is 'maddpg'"),
        ("learner: maddpg\nworld: {actions: discrete}\nmaddpg: {noise: 0.3}", "maddpg.noise: is 0.3, but world.actions is 'discrete'"),
        ("learner: maddpg\nstart: runs/spread", "start: is runs/spread; learner 'maddpg' begins with networks of its own"),
        ("learner: sarsa", "sarsa"),
        ("network: {share: ids, memory: 4}", "network.memory: is 4, must be 0 where network.share is 'ids'"),
        ("world: {env: 'a:b'}", "world.env: is a:b, but world 'spread' is one of ours"),
    ],
)
def test_what_a_learner_does_not_read_is_refused_in_one_line(bad, words, tmp_path, capsys):
    path = tmp_path / "bad.yaml"
    path.write_text(bad)
    assert cli.main(["train", str(path), "--out", str(tmp_path / "run")]) == 2
    line = capsys.readouterr().err.strip()
    assert "\n" not in line and str(path) in line and words in line, line
    assert not (tmp_path / "run").exists()


def test_only_runs_of_ppo_can_be_begun_with(tmp_path):
    with pytest.raises(InputError, match="older: was trained by learner 'q_learning'"):
        begin_from(make_learner(tiny("ippo")), make_learner(tiny("iql")), "older")


def test_every_published_configuration_can_be_trained():
    configs = sorted((Path(__file__).parents[2] / "configs/train").glob("*.yaml"))
    assert {"mappo", "mappo_ids", "iql", "vdn", "qmix", "maddpg", "maddpg_discrete"} <= {path.stem for path in configs}
    for path in configs:
        read_train_config(path)


@pytest.mark.parametrize("learner", ["ppo", "q_learning", "maddpg"])
def test_a_run_keeps_nothing_of_learners_that_it_does_not_have(tmp_path, learner):
    """A later version may have other defaults, and would refuse the run for them."""
    config = TrainConfig(learner=learner, world=WorldConfig(actions="discrete" if learner == "q_learning" else "continuous"))
    path = tmp_path / "config.yaml"
    path.write_text(resolved_yaml(config))
    kept = {"ppo", "q", "maddpg"} & set(yaml.safe_load(path.read_text()))
    assert kept == {{"ppo": "ppo", "q_learning": "q", "maddpg": "maddpg"}[learner]} and read_train_config(path) == config
