"""Teams that learn on robots: with the gate, the schedule and the hearing that they will be deployed with."""

import msgspec
import numpy as np
import pytest
import torch

from robots.errors import InputError
from robots.spec import load_spec
from runtime.actor import OnnxActor
from sim3d.in_process import run_missions
from sim3d.profile import load_profile
from sim3d.world import random_layouts
from training.config import ActorConfig, MaddpgConfig, NetworkConfig, PpoConfig, TrainConfig, WorldConfig
from training.config_checks import check_train_config
from training.export import export_team
from training.ground import EVALUATION_SEED
from training.learner import Learner
from training.learners import make_learner
from training.ppo import Ppo
from training.similarity import team_similarity
from training.warm_start import begin_from

PLANAR = TrainConfig(
    world=WorldConfig(name="planar", kinds=("omni",), arena_half_size=1.5, speed=1.5, horizon=5),
    actor=ActorConfig(front_end="latency_compensation"),
    ppo=PpoConfig(episodes=6, epochs=1, minibatches=2),
    steps=6 * 5 * 2,
    evaluation_episodes=4,
    threads=1,
)
FIELD = load_profile("field")


def restless(config: TrainConfig) -> Learner:
    """A learner whose policy is far from its start."""
    learner, generator = make_learner(config), torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in learner.policy.actors.parameters():
            parameter += 0.2 * torch.randn(parameter.shape, generator=generator)
    return learner


@pytest.mark.parametrize(
    "changes",
    [
        {"actor": ActorConfig(front_end="plain")},
        {},
        {"network": NetworkConfig(share="ids")},
        {"learner": "maddpg", "ppo": PpoConfig(), "maddpg": MaddpgConfig(episodes=6, buffer=6)},
    ],
    ids=["plain", "latency compensation", "one network for all", "maddpg"],
)
def test_a_team_is_tried_as_its_exported_actors_will_be(changes):
    """Noise, latency, links and the safety gate included: the same missions, to float32's rounding."""
    learner = restless(msgspec.structs.replace(PLANAR, **changes))
    specs = [load_spec("omni")] * 3
    similarity = team_similarity(specs, 1.5, 1.5)
    team = export_team(learner, specs, similarity, lambda text: None)
    actors = [OnnxActor(model, "test") for model in team.actors]
    layouts = random_layouts(4, 3, 3, 1.5, EVALUATION_SEED)
    exported = run_missions(learner.ground.world, specs, actors, layouts, FIELD, 5)
    learning = run_missions(learner.ground.world, specs, learner.ground._actors(learner.policy, None), layouts, FIELD, 5)
    np.testing.assert_allclose(learning, exported, atol=1e-4)
    assert np.abs(exported[:, -1] - exported[:, 0]).max() > 0.1


def test_maddpg_learns_on_robots_too():
    maddpg = MaddpgConfig(episodes=6, buffer=6, batch=16, updates=1)
    learner = make_learner(msgspec.structs.replace(PLANAR, learner="maddpg", ppo=PpoConfig(), maddpg=maddpg))
    before = learner.policy.actors.inner.weights[0].clone()
    learner.train_batch()
    assert len(learner.replay) == 6 and not torch.equal(learner.policy.actors.inner.weights[0], before)


def test_a_batch_holds_what_was_seen_chosen_and_earned():
    """Each step's log-probability is that of its choice given what was seen, and rewards fall to whom the positions give them."""
    learner = restless(PLANAR)
    batch = learner.ground.collect(learner.policy, FIELD, torch.Generator().manual_seed(1))
    assert batch.seen.shape == (6, 3, 6, 18) and batch.judged.shape == (6, 1, 6, 54)
    assert batch.choice.shape == (5, 3, 6, 2) and batch.reward.shape == batch.log_probability.shape == (5, 3, 6)
    with torch.no_grad():
        out = learner.policy.actors.unroll(batch.seen[:-1].transpose(0, 1)).transpose(0, 1)
        for step in range(5):
            scored, _ = learner.policy.score(out[step], batch.choice[step])
            torch.testing.assert_close(scored, batch.log_probability[step])
    torch.testing.assert_close(batch.judged[2, 0, 4], batch.seen[2, :, 4].flatten())
    assert (batch.reward < 0).all() and len(batch.reward.unique()) > 5


def test_a_run_in_spread_goes_on_where_robots_are():
    """Warm start: the networks of simple_spread's own team drive robots from the first batch on, and learn there."""
    spread = TrainConfig(world=WorldConfig(), ppo=PLANAR.ppo, steps=6 * 25, evaluation_episodes=4, threads=1)
    old, new = restless(spread), Ppo(PLANAR)
    begin_from(new, old, "old")
    torch.testing.assert_close(new.policy.actors.weights[0], old.policy.actors.weights[0])
    before = [parameter.detach().clone() for parameter in new.policy.parameters()]
    new.train_batch()
    assert all((parameter != first).any() for parameter, first in zip(new.policy.parameters(), before, strict=True))


def test_the_world_that_is_learned_in_does_not_change_what_comes_out(tmp_path):
    """The same seed, the same team: once straight through, once from a checkpoint in between."""
    straight, first, second = Ppo(PLANAR), Ppo(PLANAR), Ppo(PLANAR)
    straight.train_batch()
    straight.train_batch()
    first.train_batch()
    torch.save(first.state_dict(), tmp_path / "state.pt")
    second.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    second.train_batch()
    for ours, theirs in zip(straight.policy.parameters(), second.policy.parameters(), strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize(
    "world, others, words",
    [
        ({"name": "spread", "kinds": ("omni",)}, {}, "world.kinds: is ('omni',), but world 'spread' has simple_spread's own robots"),
        ({"name": "planar"}, {}, "world.kinds: names 0 robot kinds; world 'planar' needs 1 or 3"),
        ({"name": "planar", "kinds": ("omni", "omni")}, {}, "world.kinds: names 2 robot kinds; world 'planar' needs 1 or 3"),
        ({"name": "planar", "kinds": ("omni",), "workers": 2}, {}, "world.workers: is 2, must be 0 or more in world 'bullet'"),
        (
            {"name": "bullet", "kinds": ("omni",), "actions": "discrete"},
            {},
            "world.actions: is discrete, must be continuous",
        ),
        ({"name": "planar", "kinds": ("omni",)}, {"actor": ActorConfig(front_end="past_forces")}, "must be plain or latency_compensation"),
    ],
)
def test_what_does_not_go_together_is_refused(world, others, words):
    with pytest.raises(InputError) as refused:
        check_train_config(msgspec.structs.replace(TrainConfig(world=WorldConfig(**world)), **others), "test.yaml")
    assert words in str(refused.value) and str(refused.value).startswith("test.yaml: ")
