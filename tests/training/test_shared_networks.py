"""One network for all robots: what it computes, what is shared, and that MAPPO is IPPO with this choice."""

import msgspec
import pytest
import torch

from training.config import NetworkConfig, PpoConfig, TrainConfig, WorldConfig
from training.critics import CRITIC_VIEWS, Moment
from training.networks import TeamMlp
from training.policies import GaussianPolicy, of_robot
from training.ppo import Ppo
from training.shared import SharedMlp

SMALL = TrainConfig(network=NetworkConfig(hidden=(16,)), ppo=PpoConfig(episodes=8, epochs=2, minibatches=2), steps=8 * 25 * 4, threads=1)


def shared(ids: bool) -> SharedMlp:
    network = SharedMlp(3, 5, (7, 6), 2, 1.0, torch.Generator().manual_seed(0), ids=ids)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.3 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1))
    return network


@pytest.mark.parametrize("ids", [False, True])
def test_a_shared_network_is_as_many_separate_copies_that_read_their_own_ids(ids):
    network, inputs = shared(ids), torch.randn(3, 11, 5)
    separate = TeamMlp(3, 8 if ids else 5, (7, 6), 2, 1.0, torch.Generator())
    with torch.no_grad():
        for mine, ours in zip(separate.parameters(), network.parameters(), strict=True):
            mine.copy_(ours.expand(3, -1, -1))
    own = torch.eye(3)[:, None].expand(-1, 11, -1)
    expected = separate(torch.cat([inputs, own], dim=-1) if ids else inputs)
    torch.testing.assert_close(network(inputs), expected)
    episodes = inputs[:, None].expand(-1, 4, -1, -1)
    torch.testing.assert_close(network.unroll(episodes), expected[:, None].expand(-1, 4, -1, -1))


@pytest.mark.parametrize("ids", [False, True])
def test_the_exported_network_of_a_robot_is_plain_layers_of_its_own_size(ids):
    network, inputs = shared(ids), torch.randn(3, 11, 5)
    together = network(inputs)
    for robot in range(3):
        exported = network.of_robot(robot)
        assert exported[0].in_features == 5
        torch.testing.assert_close(exported(inputs[robot]), together[robot])
        torch.testing.assert_close(network.alone(robot)(inputs[None, robot])[0], together[robot])


def test_robots_that_see_the_same_do_the_same_unless_they_know_their_ids():
    inputs = torch.randn(1, 11, 5).expand(3, -1, -1)
    same, told = shared(ids=False)(inputs), shared(ids=True)(inputs)
    for robot in (1, 2):  # rows of one matrix product: their sums may differ in order, so to rounding
        torch.testing.assert_close(same[robot], same[0])
    assert (told[0] - told[1]).abs().max() > 1e-3


@pytest.mark.parametrize("share", ["none", "ids", "all"])
def test_one_robots_policy_alone_is_that_robots(share):
    learner = Ppo(msgspec.structs.replace(SMALL, network=NetworkConfig(hidden=(16,), share=share)))
    assert isinstance(learner.policy, GaussianPolicy)
    with torch.no_grad():
        for parameter in learner.policy.parameters():
            parameter += 0.3 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1))
    inputs, choice = torch.randn(3, 11, 18), torch.randn(3, 11, 2)
    scored, _ = learner.policy.score(learner.policy.actors(inputs), choice)
    for robot in range(3):
        alone = of_robot(learner.policy, robot)
        own, _ = alone.score(alone.actors(inputs[None, robot]), choice[None, robot])
        torch.testing.assert_close(own[0], scored[robot])


@pytest.mark.parametrize("share, networks", [("none", 3), ("ids", 1), ("all", 1)])
def test_mappo_has_one_actor_one_spread_and_one_critic(share, networks):
    learner = Ppo(msgspec.structs.replace(SMALL, network=NetworkConfig(hidden=(16,), share=share)))
    for parameter in [*learner.policy.parameters(), *learner.critics.parameters()]:
        assert len(parameter) == networks


def test_a_network_that_all_share_learns_from_every_robot(monkeypatch):
    """The opposite of independent learners: another reward for robot 2 must move the one network."""
    import training.spread_ground as spread_ground

    def run(factor: float) -> Ppo:
        original = spread_ground.reward
        with monkeypatch.context() as patch:
            scale = torch.tensor([1.0, 1.0, factor])
            patch.setattr(spread_ground, "reward", lambda *given: original(*given) * scale)
            learner = Ppo(msgspec.structs.replace(SMALL, network=NetworkConfig(hidden=(16,), share="ids")))
            learner.train_batch()
        return learner

    assert not torch.equal(run(1.0).policy.actors.weights[0], run(-5.0).policy.actors.weights[0])


def moment(batch: int = 6) -> Moment:
    return Moment(torch.randn(3, batch, 18), torch.rand(3, batch, 2) * 2 - 1)


def test_critics_see_what_their_names_say():
    scene = moment()
    local, everything, joint = (CRITIC_VIEWS[name](scene) for name in ("local", "observations", "joint_actions"))
    assert torch.equal(local, scene.seen)
    assert everything.shape == (1, 6, 54) and torch.equal(everything[0, 4], scene.seen[:, 4].flatten())
    assert joint.shape == (3, 6, 58)
    assert torch.equal(joint[1, 4, 54:], torch.cat([scene.force[0, 4], scene.force[2, 4]]))
    front_end = Ppo(SMALL).front_end
    for name, seen in (("local", local), ("observations", everything), ("joint_actions", joint)):
        assert len(CRITIC_VIEWS[name].inputs(3, front_end)) == seen.shape[-1]


def test_a_critic_of_joint_actions_does_not_see_its_own_robots_action():
    """A baseline that depends on the own action would bias the policy gradient."""
    scene = moment()
    for robot in range(3):
        other = Moment(scene.seen, scene.force.clone())
        other.force[robot] += 1.0
        before, after = (CRITIC_VIEWS["joint_actions"](each) for each in (scene, other))
        assert torch.equal(before[robot], after[robot])
        assert not torch.equal(before[(robot + 1) % 3], after[(robot + 1) % 3])


@pytest.mark.parametrize("actions", ["continuous", "discrete"])
@pytest.mark.parametrize("view", ["local", "joint_actions"])
def test_every_view_learns_and_goes_on_from_its_state(actions, view, tmp_path):
    config = msgspec.structs.replace(SMALL, world=WorldConfig(actions=actions), network=NetworkConfig(hidden=(16,), critics_see=view))
    straight, first, second = Ppo(config), Ppo(config), Ppo(config)
    for _ in range(2):
        straight.train_batch()
    first.train_batch()
    torch.save(first.state_dict(), tmp_path / "state.pt")
    second.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    second.train_batch()
    for one, other in zip(straight.critics.parameters(), second.critics.parameters(), strict=True):
        assert torch.equal(one, other)
    assert not torch.equal(straight.critics.weights[0], Ppo(config).critics.weights[0])
