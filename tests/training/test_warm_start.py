"""A run that begins with another run's networks does at first what that run did, whatever else it reads."""

import msgspec
import pytest
import torch

from robots.errors import InputError
from runtime import cli
from training.config import ActorConfig, NetworkConfig, PpoConfig, TrainConfig, WorldConfig
from training.ppo import Ppo
from training.warm_start import begin_from

PLAIN = TrainConfig(network=NetworkConfig(hidden=(8,)), ppo=PpoConfig(episodes=8, epochs=1, minibatches=2), steps=8 * 25 * 4, threads=1)
PAST = ActorConfig(front_end="past_forces")
KNOWING = ActorConfig(front_end="past_forces", knows_latency=True)
TRUTH = NetworkConfig(hidden=(8,), critics_see="truth")
SHARED = NetworkConfig(hidden=(8,), share="ids")
REMEMBERING = NetworkConfig(hidden=(8,), critics_see="truth", memory=5)


def trained(config: TrainConfig) -> Ppo:
    learner = Ppo(config)
    for _ in range(2):
        learner.train_batch()
    return learner


def behaviour(learner: Ppo) -> tuple[torch.Tensor, ...]:
    """Mean actions, their probabilities and the values of one batch of clean episodes that is the same for all learners."""
    batch = learner.ground.collect(learner.policy, learner.profile, torch.Generator().manual_seed(7))
    with torch.no_grad():
        return batch.choice, batch.log_probability, learner.scale.restore(learner._value(batch.judged.transpose(0, 1).flatten(1, 2)))


@pytest.mark.parametrize(
    "older, newer",
    [
        ({}, {"actor": PAST, "network": TRUTH}),
        ({}, {"actor": KNOWING}),
        ({}, {"actor": PAST, "network": REMEMBERING}),
        ({"actor": PAST}, {"actor": KNOWING, "network": TRUTH}),
        ({"actor": PAST, "network": TRUTH}, {"actor": KNOWING, "network": TRUTH}),
        ({"network": REMEMBERING}, {"actor": KNOWING, "network": REMEMBERING}),
        ({"network": SHARED}, {"actor": PAST, "network": SHARED}),
    ],
)
def test_a_new_run_begins_as_the_older_one_ended(older, newer):
    """In a clean world, where the truth is what is observed; `command_latency` stands between numbers that the older run knew."""
    old = trained(msgspec.structs.replace(PLAIN, **older))
    new = Ppo(msgspec.structs.replace(PLAIN, seed=9, **newer))
    begin_from(new, old, "old")
    for ours, theirs in zip(behaviour(new), behaviour(old), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


def test_the_new_inputs_do_learn():
    new = Ppo(msgspec.structs.replace(PLAIN, actor=PAST, network=REMEMBERING, world=WorldConfig(profile="train_robust")))
    begin_from(new, trained(PLAIN), "old")
    new.train_batch()
    assert (new.policy.actors.weights[0][:, 18:].abs().amax((0, 2)) > 0).all()


@pytest.mark.parametrize(
    "older, newer, parts",
    [
        ({"network": NetworkConfig(hidden=(9,))}, {}, ["actors are 3 x 18-9-2", "3 x 18-8-2"]),
        ({"network": NetworkConfig(hidden=(8, 8))}, {}, ["3 x 18-8-8-2", "3 x 18-8-2"]),
        ({"world": WorldConfig(robots=2)}, {}, ["2 x 12-8-2", "3 x 18-8-2"]),
        ({"world": WorldConfig(actions="discrete")}, {}, ["3 x 18-8-5", "3 x 18-8-2"]),
        ({"actor": PAST}, {}, ["3 x 26-8-2", "3 x 18-8-2", "past_forces[0]"]),
        ({"network": REMEMBERING}, {}, ["3 x 23-8-2", "3 x 18-8-2", "memory[0]"]),
        ({"network": SHARED}, {}, ["actors are 1 x 21-8-2", "3 x 18-8-2", "id[0]"]),
        ({"network": TRUTH}, {}, ["critics are 3 x 63-8-1", "3 x 54-8-1", "actuation.delay"]),
    ],
)
def test_what_cannot_be_extended_is_refused_with_both_shapes(older, newer, parts):
    old, new = (Ppo(msgspec.structs.replace(PLAIN, **changes)) for changes in (older, newer))
    with pytest.raises(InputError) as refusal:
        begin_from(new, old, "runs/old")
    for part in ["runs/old: ", *parts]:
        assert part in str(refusal.value)


TINY = """
ppo: {episodes: 8, epochs: 1, minibatches: 2}
network: {hidden: [8]}
steps: 1000
evaluation_episodes: 16
checkpoint_every: 2
threads: 1
"""


def train(*words):
    return cli.main(["train", *map(str, words)])


@pytest.fixture
def plain_run(tmp_path):
    config = tmp_path / "tiny.yaml"
    config.write_text(TINY)
    assert train(config, "--out", tmp_path / "plain") == 0
    return tmp_path / "plain"


def test_a_run_that_was_begun_from_another_resumes_bit_for_bit(plain_run, tmp_path, monkeypatch):
    """Interrupted before its first checkpoint and after it; both must end as the run that nobody interrupted."""
    config = tmp_path / "robust.yaml"
    config.write_text(TINY + f"start: {plain_run}\nactor: {{front_end: past_forces}}\nworld: {{profile: train_robust, curriculum: 0.5}}\n")
    assert train(config, "--out", tmp_path / "straight") == 0
    expected = torch.load(tmp_path / "straight" / "checkpoint.pt", weights_only=True)
    learn = Ppo.train_batch
    for batches in (1, 3):

        def interrupted(learner, last=batches):
            if learner.batches_done == last:
                raise KeyboardInterrupt
            return learn(learner)

        broken = tmp_path / f"broken-{batches}"
        with monkeypatch.context() as patch:
            patch.setattr(Ppo, "train_batch", interrupted)
            assert train(config, "--out", broken) == 2
        assert train("--resume", broken) == 0
        found = torch.load(broken / "checkpoint.pt", weights_only=True)
        for part in ("policy", "critics", "scale"):
            for name, values in expected[part].items():
                assert torch.equal(values, found[part][name]), (batches, name)


def test_the_start_is_in_the_resolved_configuration(plain_run, tmp_path):
    assert train(plain_run.parent / "tiny.yaml", "--start", plain_run, "--out", tmp_path / "next") == 0
    assert f"start: {plain_run}" in (tmp_path / "next" / "config.yaml").read_text()


def test_a_start_that_cannot_be_is_one_line_and_makes_nothing(plain_run, tmp_path, capsys):
    wide = tmp_path / "wide.yaml"
    wide.write_text(TINY.replace("[8]", "[9]"))
    capsys.readouterr()
    for start, parts in ((tmp_path / "none", ["no such run"]), (plain_run, ["3 x 18-8-2", "3 x 18-9-2"])):
        assert train(wide, "--start", start, "--out", tmp_path / "next") == 2
        line = capsys.readouterr().err.strip()
        assert "\n" not in line and all(part in line for part in [str(start), *parts]), line
        assert not (tmp_path / "next").exists()
