"""MADDPG: whose gradient moves whom, what critics see, and gradients through discrete actions."""

import msgspec
import pytest
import torch

from training.config import MaddpgConfig, NetworkConfig, TrainConfig, WorldConfig
from training.exploration import GumbelPolicy, NoisyForcePolicy
from training.maddpg import Maddpg, _own_and_others
from training.networks import TeamMlp

SMALL = TrainConfig(
    learner="maddpg",
    network=NetworkConfig(hidden=(16,)),
    maddpg=MaddpgConfig(episodes=4, buffer=8, batch=32, updates=2),
    steps=4 * 25 * 4,
    threads=1,
)


def small(actions: str) -> TrainConfig:
    return msgspec.structs.replace(SMALL, world=WorldConfig(actions=actions))


@pytest.mark.parametrize("actions", ["continuous", "discrete"])
def test_a_robots_reward_moves_only_its_own_critic_and_actor(actions, monkeypatch):
    """Critics see all robots, but each learns from its robot's reward alone, and each actor from its own critic.

    In one update: after it, critics are told other actions of the teammate that learned something else, as they must be.
    """
    import training.spread_ground as spread_ground

    def run(factor: float) -> Maddpg:
        original = spread_ground.reward
        with monkeypatch.context() as patch:
            scale = torch.tensor([1.0, 1.0, factor])
            patch.setattr(spread_ground, "reward", lambda *given: original(*given) * scale)
            learner = Maddpg(msgspec.structs.replace(small(actions), maddpg=msgspec.structs.replace(SMALL.maddpg, updates=1)))
            learner.train_batch()
        return learner

    one, other = run(1.0), run(-5.0)
    for name in ("policy", "critics", "slow_policy", "slow_critics"):
        for left, right in zip(getattr(one, name).parameters(), getattr(other, name).parameters(), strict=True):
            assert torch.equal(left[:2], right[:2]), name
    assert not torch.equal(one.critics.weights[0][2], other.critics.weights[0][2])


def test_each_critic_is_shown_its_own_robots_new_action_and_what_the_others_did():
    own, others = torch.full((3, 4, 2), 1.0), torch.full((3, 4, 2), -1.0)
    shown = _own_and_others(own, others)
    assert torch.equal(shown[:, :, 0, 0], 2 * torch.eye(3) - 1)


def test_an_actors_gradient_does_not_pass_through_its_teammates():
    own = torch.zeros(3, 4, 2, requires_grad=True)
    shown = _own_and_others(own, torch.zeros(3, 4, 2))
    shown[0].sum().backward()
    assert (own.grad[0] == 1).all() and (own.grad[1:] == 0).all()


@pytest.mark.parametrize("actions, numbers", [("continuous", 3 * (18 + 2)), ("discrete", 3 * (18 + 5))])
def test_every_critic_sees_all_observations_and_all_actions(actions, numbers):
    learner = Maddpg(small(actions))
    assert learner.critics.weights[0].shape[:2] == (3, numbers)
    seen, played = torch.randn(3, 6, 18), torch.randn(3, 6, learner.policy.choices)
    value = learner._value(learner.critics, seen, played[None])
    for robot in range(3):
        for part in (seen, played):
            other = part.clone()
            other[robot] += 1.0
            changed = learner._value(learner.critics, *((other, played[None]) if part is seen else (seen, other[None])))
            assert ((changed - value).abs().sum(1) > 0).all()


def test_gumbel_softmax_draws_by_the_logits_and_passes_gradients():
    policy = GumbelPolicy(TeamMlp(1, 1, (1,), 5, 1.0, torch.Generator()))
    logits = torch.tensor([0.0, 1.0, 2.0, -1.0, 0.5]).expand(1, 40_000, 5).clone().requires_grad_()
    action = policy.differentiable(logits, torch.Generator().manual_seed(0))
    drawn = action.detach()
    torch.testing.assert_close(drawn, policy.played(drawn.argmax(-1)))
    torch.testing.assert_close(drawn.mean((0, 1)), logits[0, 0].softmax(-1), atol=0.01, rtol=0)
    action[..., 2].sum().backward()
    assert logits.grad.isfinite().all() and logits.grad[..., 2].mean() > 0.05 and logits.grad[..., 1].mean() < -0.01


def test_forces_are_bounded_and_noise_is_only_for_learning():
    policy = NoisyForcePolicy(TeamMlp(2, 3, (4,), 2, 1.0, torch.Generator().manual_seed(0)))
    with torch.no_grad():
        policy.actors.inner.weights[-1] *= 50.0
    out, _ = policy.actors.step(10 * torch.randn(2, 1000, 3), torch.zeros(2, 1000, 0))
    assert out.abs().max() <= 1.0 and torch.equal(policy.greedy_force(out), out)
    policy.noise = 0.3
    calm = torch.zeros(2, 20_000, 2)
    choice, _ = policy.sample(calm, torch.Generator().manual_seed(0))
    assert choice.std() == pytest.approx(0.3, abs=0.01)
    assert policy.force(9 * choice).abs().max() == 1.0
