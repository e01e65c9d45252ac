import msgspec
import pytest
import torch
from torch.distributions import Categorical, Normal

from training.config import NetworkConfig, PpoConfig, TrainConfig, WorldConfig
from training.networks import TeamMlp
from training.ppo import Ppo
from training.returns import ReturnScale, generalised_advantage

SMALL = TrainConfig(network=NetworkConfig(hidden=(16,)), ppo=PpoConfig(episodes=8, epochs=2, minibatches=2), steps=8 * 25 * 4, threads=1)


def small(**changes) -> TrainConfig:
    return msgspec.structs.replace(SMALL, **changes)


def parameters(learner: Ppo) -> torch.Tensor:
    return torch.cat([part.detach().flatten() for part in [*learner.policy.parameters(), *learner.critics.parameters()]])


def test_robots_do_not_share_networks():
    networks = TeamMlp(3, 5, (7,), 2, 1.0, torch.Generator().manual_seed(0))
    signal = torch.randn(3, 4, 5)
    before = networks(signal).detach()
    with torch.no_grad():
        networks.weights[0][1] += 1.0
    after = networks(signal).detach()
    assert torch.equal(before[[0, 2]], after[[0, 2]])
    assert not torch.equal(before[1], after[1])


def test_the_exported_network_of_a_robot_is_that_robots():
    networks = TeamMlp(3, 5, (7, 6), 2, 1.0, torch.Generator().manual_seed(0))
    signal = torch.randn(3, 4, 5)
    together = networks(signal)
    for robot in range(3):
        torch.testing.assert_close(networks.of_robot(robot)(signal[robot]), together[robot])


def test_advantages_by_hand():
    """gamma 0.5, lambda 0.5: deltas are r + 0.5 v' - v, advantages the sum of deltas weighted by 0.25^k."""
    reward = torch.tensor([1.0, 2.0]).reshape(2, 1, 1)
    value = torch.tensor([0.5, -1.0]).reshape(2, 1, 1)
    advantage = generalised_advantage(reward, value, torch.tensor([[4.0]]), 0.5, 0.5).flatten()
    last = 2.0 + 0.5 * 4.0 + 1.0
    first = 1.0 + 0.5 * -1.0 - 0.5 + 0.25 * last
    torch.testing.assert_close(advantage, torch.tensor([first, last]))


def test_lambda_one_gives_monte_carlo_returns():
    generator = torch.Generator().manual_seed(3)
    reward, value = torch.randn(6, 2, 4, generator=generator), torch.randn(6, 2, 4, generator=generator)
    last = torch.randn(2, 4, generator=generator)
    returns = generalised_advantage(reward, value, last, 0.9, 1.0) + value
    expected = last
    for step in reversed(range(6)):
        expected = reward[step] + 0.9 * expected
        torch.testing.assert_close(returns[step], expected)


def test_return_scale_is_exact_for_the_first_batch_and_inverts():
    scale = ReturnScale(2)
    returns = torch.randn(25, 2, 64) * 7 - 30
    scale.update(returns)
    normal = scale.normalise(returns)
    torch.testing.assert_close(normal.mean((0, 2)), torch.zeros(2), atol=1e-4, rtol=0)
    torch.testing.assert_close(normal.std((0, 2), unbiased=False), torch.ones(2), atol=1e-3, rtol=0)
    torch.testing.assert_close(scale.restore(normal), returns, atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("actions", ["continuous", "discrete"])
def test_probabilities_and_entropy_agree_with_torch_distributions(actions):
    learner = Ppo(small(world=WorldConfig(actions=actions)))
    with torch.no_grad():
        for parameter in learner.policy.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    out = learner.policy.actors(torch.randn(3, 50, 18))
    choice, drawn = learner.policy.sample(out, torch.Generator().manual_seed(0))
    scored, entropy = learner.policy.score(out, choice)
    if actions == "discrete":
        reference = Categorical(logits=out)
        expected, spread = reference.log_prob(choice), reference.entropy()
    else:
        reference = Normal(out, learner.policy.log_std.exp())
        expected, spread = reference.log_prob(choice).sum(-1), reference.entropy().sum(-1)
    torch.testing.assert_close(drawn, expected)
    torch.testing.assert_close(scored, expected)
    torch.testing.assert_close(entropy, spread)


def test_a_robots_update_does_not_depend_on_its_teammates_losses(monkeypatch):
    """Independent learners: scaling robot 2's reward must leave robot 0's actor and critic where they were."""
    import training.spread_ground as spread_ground

    def run(factor: float) -> Ppo:
        original = spread_ground.reward
        with monkeypatch.context() as patch:
            scale = torch.tensor([1.0, 1.0, factor])
            patch.setattr(spread_ground, "reward", lambda *given: original(*given) * scale)
            learner = Ppo(SMALL)
            learner.train_batch()
        return learner

    one, other = run(1.0), run(-5.0)
    for name in ("policy", "critics"):
        for left, right in zip(getattr(one, name).parameters(), getattr(other, name).parameters(), strict=True):
            assert torch.equal(left[0], right[0])
    assert not torch.equal(one.critics.weights[0][2], other.critics.weights[0][2])


def test_each_robots_gradient_is_clipped_by_itself():
    from training.gradients import clip_each_robot

    networks = TeamMlp(2, 3, (4,), 1, 1.0, torch.Generator().manual_seed(0))
    for parameter in networks.parameters():
        parameter.grad = torch.ones_like(parameter)
        parameter.grad[1] *= 1e-3
    untouched = [parameter.grad[1].clone() for parameter in networks.parameters()]
    clip_each_robot(networks, 1.0)
    norm = torch.cat([parameter.grad[0].flatten() for parameter in networks.parameters()]).norm()
    torch.testing.assert_close(norm, torch.tensor(1.0), atol=1e-4, rtol=0)
    assert all(torch.equal(a, parameter.grad[1]) for a, parameter in zip(untouched, networks.parameters(), strict=True))


def test_the_seed_decides_everything():
    def after_two_batches(seed: int) -> torch.Tensor:
        learner = Ppo(small(seed=seed))
        learner.train_batch()
        learner.train_batch()
        return parameters(learner)

    assert torch.equal(after_two_batches(1), after_two_batches(1))
    assert not torch.equal(after_two_batches(1), after_two_batches(2))


@pytest.mark.parametrize("share", ["none", "ids"])
def test_threads_change_no_number(share):
    def after_two_batches(threads: int) -> torch.Tensor:
        learner = Ppo(small(threads=threads, network=NetworkConfig(hidden=(16,), share=share)))
        learner.train_batch()
        learner.train_batch()
        return parameters(learner)

    assert torch.equal(after_two_batches(1), after_two_batches(3))


@pytest.mark.parametrize("actions", ["continuous", "discrete"])
def test_a_learner_goes_on_from_its_state_as_if_never_stopped(actions, tmp_path):
    config = small(world=WorldConfig(actions=actions))
    straight = Ppo(config)
    for _ in range(4):
        straight.train_batch()
    first = Ppo(config)
    for _ in range(2):
        first.train_batch()
    torch.save(first.state_dict(), tmp_path / "state.pt")
    second = Ppo(config)
    second.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    for _ in range(2):
        second.train_batch()
    assert torch.equal(parameters(straight), parameters(second))


def test_training_improves_the_return_of_every_seed():
    """Ten batches of 64 episodes: the return of a random start is -75 +- 5; learning lifts it by more than 3 standard errors."""
    config = small(ppo=PpoConfig(episodes=64), network=NetworkConfig(), steps=64 * 25 * 20)
    for seed in range(2):
        learner = Ppo(msgspec.structs.replace(config, seed=seed))
        returns = [learner.train_batch()["return"] for _ in range(20)]
        assert sum(returns[-5:]) / 5 > sum(returns[:5]) / 5 + 2.0, f"seed {seed}: {returns}"


def test_the_budget_is_never_undercut():
    assert SMALL.batches == 4
    assert small(steps=8 * 25 * 4 + 1).batches == 5
