"""Q-learning: targets by hand, whose loss moves whom, and exploration."""

import copy

import msgspec
import pytest
import torch

from training.config import NetworkConfig, QConfig, TrainConfig, WorldConfig
from training.exploration import EpsilonGreedyPolicy
from training.networks import TeamMlp
from training.q_learning import QLearning
from training.replay import Transitions
from training.slow_copy import follow, slow_copy

SMALL = TrainConfig(
    learner="q_learning",
    world=WorldConfig(actions="discrete"),
    network=NetworkConfig(hidden=(16,)),
    q=QConfig(episodes=4, buffer=8, batch=32, updates=2),
    steps=4 * 25 * 4,
    threads=1,
)
MIXERS = ("none", "vdn", "qmix")


def learner_with(mixer: str, **q) -> QLearning:
    return QLearning(msgspec.structs.replace(SMALL, q=msgspec.structs.replace(SMALL.q, mixer=mixer, **q)))


class Table(torch.nn.Module):
    """Values of five actions that do not depend on what is seen; the same for every transition."""

    def __init__(self, values: list[list[float]]) -> None:
        super().__init__()
        self.values = torch.tensor(values)

    def forward(self, seen: torch.Tensor) -> torch.Tensor:
        return self.values[:, None].expand(-1, seen.shape[1], -1)


def test_double_q_targets_by_hand():
    """Two robots: what learns prefers actions 1 and 4, of which the target networks think 30 and -2; their own best do not count."""
    learner = learner_with("none")
    learner.policy.actors = Table([[0, 3, 2, 1, 0], [0, 0, 0, 0, 7]])
    learner.slow_actors = Table([[50, 30, 20, 10, 0], [9, 5, 5, 5, -2]])
    learner.mixer.values = 2
    learner.scale.normalise = lambda reward: reward
    seen = torch.zeros(2, 1, 18)
    drawn = Transitions(seen, torch.zeros(2, 1, dtype=torch.long), torch.tensor([[1.0], [4.0]]), seen)
    gamma = learner.config.q.gamma
    torch.testing.assert_close(learner._target(drawn), torch.tensor([[1.0 + gamma * 30.0], [4.0 + gamma * -2.0]]))


def test_a_teams_target_is_its_mean_reward_and_the_sum_of_its_robots_values():
    learner = learner_with("vdn")
    learner.policy.actors = Table([[0, 3, 2, 1, 0], [0, 0, 0, 0, 7]])
    learner.slow_actors = Table([[50, 30, 20, 10, 0], [9, 5, 5, 5, -2]])
    learner.scale.normalise = lambda reward: reward
    seen = torch.zeros(2, 1, 18)
    drawn = Transitions(seen, torch.zeros(2, 1, dtype=torch.long), torch.tensor([[1.0], [4.0]]), seen)
    torch.testing.assert_close(learner._target(drawn), torch.tensor([[2.5 + learner.config.q.gamma * 28.0]]))


@pytest.mark.parametrize("mixer", MIXERS)
def test_a_robots_reward_moves_its_teammates_only_where_the_team_shares_it(mixer, monkeypatch):
    import training.spread_ground as spread_ground

    def run(factor: float) -> QLearning:
        original = spread_ground.reward
        with monkeypatch.context() as patch:
            scale = torch.tensor([1.0, 1.0, factor])
            patch.setattr(spread_ground, "reward", lambda *given: original(*given) * scale)
            learner = learner_with(mixer)
            learner.train_batch()
        return learner

    one, other = run(1.0).policy.actors.weights, run(-5.0).policy.actors.weights
    same = [all(torch.equal(left[robot], right[robot]) for left, right in zip(one, other, strict=True)) for robot in range(3)]
    assert same == ([True, True, False] if mixer == "none" else [False, False, False])


@pytest.mark.parametrize("mixer", MIXERS)
def test_target_networks_move_only_as_they_are_told(mixer):
    """Periodically: not before the third update, and then all the way."""
    learner = learner_with(mixer, updates=1, target_every=3, target_rate=1.0)
    before = copy.deepcopy(learner.slow_actors.state_dict())
    for update in (1, 2, 3):
        learner.train_batch()
        for name, value in learner.slow_actors.state_dict().items():
            assert torch.equal(value, before[name] if update < 3 else learner.policy.actors.state_dict()[name])
    for slow, fast in zip(learner.slow_mixer.parameters(), learner.mixer.parameters(), strict=True):
        assert torch.equal(slow, fast)


def test_slow_copies_average_and_have_no_gradient():
    network = TeamMlp(2, 3, (4,), 1, 1.0, torch.Generator().manual_seed(0))
    slow, start = slow_copy(network), slow_copy(network)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 1.0
    follow(slow, network, 0.25)
    for mine, began in zip(slow.parameters(), start.parameters(), strict=True):
        torch.testing.assert_close(mine, began + 0.25)
        assert not mine.requires_grad


@pytest.mark.parametrize("epsilon", [0.0, 0.3, 1.0])
def test_epsilon_greedy_draws_as_often_as_it_says(epsilon):
    policy = EpsilonGreedyPolicy(TeamMlp(1, 1, (1,), 5, 1.0, torch.Generator()))
    policy.epsilon = epsilon
    out = torch.tensor([0.0, 0.0, 9.0, 0.0, 0.0]).expand(1, 20_000, 5)
    choice, log_probability = policy.sample(out, torch.Generator().manual_seed(0))
    expected = torch.full((5,), epsilon / 5)
    expected[2] += 1 - epsilon
    torch.testing.assert_close(torch.bincount(choice[0], minlength=5) / 20_000, expected, atol=0.015, rtol=0)
    torch.testing.assert_close(log_probability.exp(), expected[choice])
    assert torch.equal(policy.greedy_force(out)[0, 0], policy.forces[2])


def test_exploration_ends_where_the_configuration_says():
    learner = learner_with("none", exploration=0.5)
    assert [learner.train_batch()["epsilon"] for _ in range(4)] == pytest.approx([1.0, 0.525, 0.05, 0.05])
