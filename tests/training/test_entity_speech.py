"""What entity actors say to each other, and what they make of it."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from robots.errors import InputError
from robots.spec import load_spec
from runtime.actor import OnnxActor
from tests.training.small_entities import SMALL
from training.checkpoint import load_run
from training.config import TrainConfig
from training.config_checks import check_train_config
from training.entity_networks import EntityNetwork
from training.entity_scene import Scene
from training.entity_speech import BITS, FARTHEST_BIT, Speech
from training.export import export_team
from training.ppo import Ppo
from training.similarity import similarity_for
from training.speaking_policy import SpeakingPolicy
from training.train import start_run, train

KINDS = ("numbers", "bits")


def speaking(kind: str = "numbers", words: int = 8, **changes: object) -> TrainConfig:
    entities = msgspec.structs.replace(SMALL.entities, words=words, word_kind=kind, hearing=(0.5, 1.5), nearest=6, **changes)
    return msgspec.structs.replace(SMALL, entities=entities)


def untaught(kind: str = "numbers", words: int = 8) -> EntityNetwork:
    """As it is before it has learned anything."""
    return EntityNetwork((16,), 2, 2, 5, False, 0.01, torch.Generator().manual_seed(0), Speech(words, kind == "bits"))


def scene(peers: list[tuple[float, float]], landmarks: list[tuple[float, float]], words: int = 8, velocity: tuple = (0.0, 0.0)) -> Scene:
    """One robot that sees peers at rest and landmarks, and hears nothing said."""
    count = max(len(peers), 1)
    places = torch.tensor(peers).reshape(-1, 2).T[:, :, None] if peers else torch.zeros(2, 1, 1)
    spots = torch.tensor(landmarks).T[:, :, None]
    known = torch.full((count, 1), float(bool(peers)))
    still = torch.zeros(2, count, 1)
    return Scene(
        torch.tensor(velocity)[:, None], spots, torch.ones(len(landmarks), 1), places, still, known, 0 * spots, torch.zeros(words, count, 1)
    )


def said_by(net: EntityNetwork, seen: Scene) -> torch.Tensor:
    return net.speech.said(net(seen)[:, 2:]).T  # [W, 1]


@settings(max_examples=50)
@given(st.lists(st.tuples(*[st.floats(-FARTHEST_BIT, FARTHEST_BIT)] * 2), min_size=1, max_size=4))
def test_a_way_in_bits_is_off_by_an_eighth_at_most(ways):
    speech = Speech(2 * BITS * len(ways), bits=True)
    logits = speech._spelled(torch.tensor(ways).flatten()[:, None])
    heard = speech._ways(speech.said(logits)[:, None])
    assert (heard[..., 0, 0] - torch.tensor(ways)).abs().max() <= FARTHEST_BIT / 2**BITS + 1e-6


@pytest.mark.parametrize("kind", KINDS)
def test_a_robot_that_is_only_heard_of_gets_the_landmark_that_it_stands_on(kind):
    """A landmark is near, but beside it, out of hearing, stands a robot that a peer speaks of: so the robot goes to the other one."""
    landmarks, far = [(1.1, 0.0), (-1.3, 0.0), (0.3, 0.3)], (1.2, 0.1)
    net, peer = untaught(kind), (0.3, 0.3)
    alone = scene([peer], landmarks)
    assert net(alone)[0, 0] > 1  # to the near one
    as_the_peer_sees_it = scene(
        [(-peer[0], -peer[1]), (far[0] - peer[0], far[1] - peer[1])], [(x - peer[0], y - peer[1]) for x, y in landmarks]
    )
    told = alone._replace(peers_message=said_by(net, as_the_peer_sees_it)[:, None])
    assert net(told)[0, 0] < -1
    assert net(told._replace(peers_known=0 * told.peers_known))[0, 0] > 1  # of a peer that is not heard, nothing is


@pytest.mark.parametrize("kind", KINDS)
def test_whoever_is_heard_and_spoken_of_counts_once(kind):
    """Two peers that all three hear each other speak of nobody new."""
    landmarks = [(1.0, 0.2), (-0.9, 0.1), (0.1, -1.0)]
    places = [(0.0, 0.0), (0.6, 0.3), (-0.5, 0.4)]
    net = untaught(kind)

    def seen_from(robot: int) -> Scene:
        x, y = places[robot]
        others = [(a - x, b - y) for number, (a, b) in enumerate(places) if number != robot]
        return scene(others, [(a - x, b - y) for a, b in landmarks])

    told = seen_from(0)._replace(peers_message=torch.stack([said_by(net, seen_from(robot)) for robot in (1, 2)], 1))
    torch.testing.assert_close(net(told)[:, :2], net(seen_from(0))[:, :2], atol=0.05, rtol=0)


def test_places_are_said_as_they_will_be_when_they_are_heard():
    """A message is read a step later, when sender and robots have moved on with the velocity that they had."""
    speech, peer = Speech(8, bits=False), torch.tensor([0.8, -0.4])
    seen = scene([tuple(peer.tolist())], [(0.0, 1.0)], velocity=(1.0, 0.5))._replace(peers_velocity=torch.tensor([[[-1.0]], [[2.0]]]))
    said = speech.say(torch.zeros(2, 1), seen)[:, 0]
    torch.testing.assert_close(said[2:4], peer + 0.1 * torch.tensor([-1.0, 2.0]) - 0.1 * torch.tensor([1.0, 0.5]))
    torch.testing.assert_close(said[4:], torch.zeros(4))


@pytest.mark.parametrize("kind", KINDS)
def test_a_louder_message_than_there_can_be_does_no_harm(kind):
    net, seen = untaught(kind), scene([(0.3, 0.3), (0.2, -0.6)], [(1.0, 0.0), (-1.0, 0.0)])
    shouted = seen._replace(peers_message=torch.full_like(seen.peers_message, torch.inf))
    assert net(shouted).isfinite().all()


@pytest.mark.parametrize("kind", KINDS)
def test_probabilities_of_what_is_said_are_those_of_its_law(kind):
    net = untaught(kind, words=2)
    policy = SpeakingPolicy(net, 1, -1.0, 2, kind == "bits")
    out = torch.tensor([[[0.3, -0.2, 0.7, -1.5]]])
    with torch.no_grad():
        choice, drawn = policy.sample(out.expand(1, 50_000, -1), torch.Generator().manual_seed(0))
        scored, entropy = policy.score(out.expand(1, 50_000, -1), choice)
    torch.testing.assert_close(scored, drawn)
    # The entropy is the mean surprise.
    assert float(-scored.mean()) == pytest.approx(float(entropy[0, 0]), abs=0.02)
    said = choice[0, :, 2:]
    if kind == "bits":
        assert set(said.unique().tolist()) == {-1.0, 1.0}
        torch.testing.assert_close((said > 0).float().mean(0), torch.sigmoid(out[0, 0, 2:]), atol=0.01, rtol=0)
    else:
        torch.testing.assert_close(said.mean(0), out[0, 0, 2:], atol=0.01, rtol=0)
    assert policy.force(choice).abs().max() <= 1 and policy.force(choice).shape[-1] == 2


@pytest.mark.parametrize("kind", KINDS)
def test_a_message_is_heard_in_the_next_step_by_those_in_range_and_a_lost_one_by_nobody(kind):
    learner = Ppo(speaking(kind, word_loss=0.5))
    batch = learner.ground.collect(learner.policy, learner.profile, torch.Generator().manual_seed(1))
    robots, words = 4, 8
    heard = batch.seen[..., -(robots - 1) * words :].unflatten(-1, (robots - 1, words))  # [T + 1, N, B, N - 1, W]
    known = batch.seen[..., -(robots - 1) * (words + 1) : -(robots - 1) * words]
    assert (heard[0] == 0).all() and (heard[known == 0] == 0).all()
    silent = (heard == 0).all(-1)[1:-1][known[1:-1] == 1].float().mean()
    assert 0.4 < silent < 0.6
    for me, other in ((0, 1), (2, 0)):
        column = other - (other > me)
        said = batch.choice[:-1, other, :, 2:]  # what it said is read a step later
        came = (heard[1:-1, me, :, column] != 0).all(-1)
        assert came.any() and torch.equal(heard[1:-1, me, :, column][came], said[came])


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_goes_on_from_its_state_bit_for_bit(kind, tmp_path):
    config = speaking(kind, word_loss=0.2)
    whole, first = start_run(config, tmp_path / "whole"), start_run(config, tmp_path / "part")
    train(whole, tmp_path / "whole")
    first.train_batch()
    state = first.state_dict()
    other = Ppo(config)
    other.load_state_dict(state)
    while other.batches_done < config.batches:
        other.train_batch()
    for mine, theirs in zip(other.policy.parameters(), load_run(tmp_path / "whole").policy.parameters(), strict=True):
        assert torch.equal(mine, theirs)


@pytest.mark.parametrize(("kind", "robot"), [("numbers", "omni"), ("bits", "point")])
def test_exported_actors_say_what_the_networks_say(kind, robot, monkeypatch):
    """The exporter compares them, messages as well; here, that they speak at all."""
    monkeypatch.setattr("training.export.SUCCESS_EPISODES", 8)
    monkeypatch.setattr("training.latency_margin.MISSIONS", 2)
    monkeypatch.setattr("training.parity.OTHER_TEAMS", ((1, 2), (8, 7)))
    learner, spec = Ppo(speaking(kind)), load_spec(robot)
    team = export_team(learner, [spec] * 3, similarity_for(spec), lambda text: None)
    assert (team.contract.words, team.contract.message.kind) == (8, kind)
    actor = OnnxActor(team.actors[0], "a")
    seen = np.random.default_rng(0).normal(0, 0.5, (20, actor.contract.observation_size))
    names = np.array([field.name for field in actor.contract.observation for _ in range(field.size)])
    seen[:, np.char.endswith(names, "known")] = 1.0
    _, said, _ = actor.act_and_speak(seen, actor.initial_state(20))
    assert said.shape == (20, 8) and np.isfinite(said).all() and np.ptp(said, axis=0).any()
    if kind == "bits":
        assert set(np.unique(said)) == {-1.0, 1.0}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("words", [1, 2, 7, 16])
def test_messages_may_have_any_length(kind, words):
    """Too short for a way, they are what has yet to be learned."""
    net, seen = untaught(kind, words), scene([(0.3, 0.3), (0.2, -0.6)], [(1.0, 0.0), (-1.0, 0.0)], words)
    told = seen._replace(peers_message=said_by(net, seen)[:, None].expand(-1, 2, -1))
    assert net(told).shape == (1, 2 + words) and net(told).isfinite().all()
    assert not torch.equal(net(told), net(seen))  # it is read in any case


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"words": 65}, "entities.words: is 65, must be 0 ... 64"),
        ({"words": -1}, "entities.words: is -1, must be 0 ... 64"),
        ({"words": 8, "word_loss": 1.5}, "entities.word_loss: is 1.5, must be from 0 to 1"),
        ({"words": 0, "word_kind": "bits"}, "entities.word_kind: is bits"),
    ],
)
def test_what_does_not_go_together_is_refused(changes, complaint):
    config = msgspec.structs.replace(SMALL, entities=msgspec.structs.replace(SMALL.entities, **changes))
    with pytest.raises(InputError, match=complaint):
        check_train_config(config, "a.yaml")


def test_robots_with_discrete_actions_do_not_speak():
    config = speaking()
    config = msgspec.structs.replace(config, world=msgspec.structs.replace(config.world, actions="discrete"))
    with pytest.raises(InputError, match=r"world.actions: is discrete, must be continuous where robots speak \(entities.words\)"):
        check_train_config(config, "a.yaml")
