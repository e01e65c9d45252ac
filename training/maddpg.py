"""MADDPG: each robot's actor climbs the gradient of a critic of its own, which sees what all robots see and do.

Method: arXiv 1706.02275, with the deterministic policy gradient (arXiv 1509.02971) for forces and Gumbel-softmax for discrete actions. In a
robot's policy gradient its own action is the actor's, its teammates' are those that they took (line 11 of the paper's algorithm). All
robots are updated in the same batched operations; no gradient crosses from one to another. Rewards are normalised by their running mean
and deviation; episodes are cut at the horizon, not ended, and every target is bootstrapped.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sim3d.profile import load_profile
from training.config import TrainConfig
from training.curriculum import profile_at
from training.exploration import GumbelPolicy, NoisyForcePolicy
from training.gradients import clip_each_robot
from training.grounds import ground_for
from training.replay import Replay, Transitions
from training.returns import ReturnScale
from training.schedule import linear, share_done
from training.slow_copy import follow, slow_copy
from training.team_networks import perceptrons_for


class Maddpg:
    """The learner and everything that a checkpoint must hold.

    Args:
        config: of the run; its seed decides every random number.
    """

    def __init__(self, config: TrainConfig) -> None:
        self.config = config
        self.generator = torch.Generator().manual_seed(config.seed)
        robots = config.world.robots
        self.ground = ground_for(config)
        self.front_end = self.ground.front_end
        self.profile = load_profile(config.world.profile)
        form = GumbelPolicy if config.world.actions == "discrete" else NoisyForcePolicy
        self.policy = form(perceptrons_for(config, len(self.front_end.inputs), form.choices, 0.01, self.generator))
        everything = robots * (len(self.front_end.inputs) + form.choices)
        self.critics = perceptrons_for(config, everything, 1, 1.0, self.generator)
        self.slow_policy, self.slow_critics = slow_copy(self.policy), slow_copy(self.critics)
        self.scale = ReturnScale(robots)
        self.actor_optimizer = torch.optim.Adam(self.policy.parameters(), lr=config.maddpg.actor_learning_rate, fused=True)
        self.critic_optimizer = torch.optim.Adam(self.critics.parameters(), lr=config.maddpg.critic_learning_rate, fused=True)
        self.replay = Replay(config.maddpg.buffer)
        self.batches_done = 0

    def train_batch(self) -> dict[str, float]:
        """Collect one batch, learn from it, and return what a log wants to know."""
        config, maddpg = self.config, self.config.maddpg
        progress = self.batches_done / config.batches
        self.policy.noise = linear(maddpg.noise, maddpg.final_noise, share_done(progress, maddpg.exploration))
        batch = self.ground.collect(self.policy, profile_at(self.profile, config.world, progress), self.generator)
        self.replay.add(batch)
        self.scale.update(batch.reward)
        sums = torch.zeros(2)
        for _ in range(maddpg.updates):
            sums += self._update(self.replay.sample(maddpg.batch, self.generator))
        self.batches_done += 1
        loss, value = (sums / maddpg.updates).tolist()
        return {"return": float(batch.reward.sum((0, 1)).mean()), "value_loss": loss, "value": value}

    def _update(self, drawn: Transitions) -> Tensor:
        """One step of critics, then actors, then their slow copies; the critics' loss and the mean value [2]."""
        maddpg = self.config.maddpg
        with torch.no_grad():
            target = self._target(drawn)
        played = self.policy.played(drawn.choice)
        value = self._value(self.critics, drawn.seen, _alike(played))
        critic_loss = nn.functional.huber_loss(value, target, delta=maddpg.huber_delta, reduction="none").mean(1)
        self.critic_optimizer.zero_grad()
        critic_loss.sum().backward()
        clip_each_robot(self.critics, maddpg.max_grad_norm)
        self.critic_optimizer.step()

        logits = self.policy.logits(drawn.seen)
        own = self.policy.differentiable(logits, self.generator)
        worth = self._value(self.critics, drawn.seen, _own_and_others(own, played)).mean(1)
        # Without a price on large logits, actors that follow critics who know nothing yet go where no gradient is left to bring them back.
        price = maddpg.logit_weight * (logits * logits).mean((1, 2))
        parameters = list(self.policy.parameters())
        for parameter, gradient in zip(parameters, torch.autograd.grad((price - worth).sum(), parameters), strict=True):
            parameter.grad = gradient
        clip_each_robot(self.policy, maddpg.max_grad_norm)
        self.actor_optimizer.step()

        follow(self.slow_policy, self.policy, maddpg.target_rate)
        follow(self.slow_critics, self.critics, maddpg.target_rate)
        return torch.stack([critic_loss.detach().mean(), value.detach().mean()])

    def _target(self, drawn: Transitions) -> Tensor:
        """Normalised reward, and what the slow critics think of the slow actors' next actions; [N, M]."""
        following = self.slow_policy.differentiable(self.slow_policy.logits(drawn.following), self.generator)
        worth = self._value(self.slow_critics, drawn.following, _alike(following))
        return self.scale.normalise(drawn.reward) + self.config.maddpg.gamma * worth

    def _value(self, critics: nn.Module, seen: Tensor, actions: Tensor) -> Tensor:
        """What each robot's critic thinks [N, M] of what all see [N, M, D] and do: actions [N or 1, N, M, A], the critics first."""
        robots = len(seen)
        situation = seen.transpose(0, 1).flatten(1).expand(robots, -1, -1)
        deeds = actions.transpose(1, 2).flatten(2).expand(robots, -1, -1)
        return critics(torch.cat([situation, deeds], dim=-1))[..., 0]

    def state_dict(self) -> dict[str, object]:
        """Everything that decides how training goes on."""
        return {
            **{name: getattr(self, name).state_dict() for name in _PARTS},
            "generator": self.generator.get_state(),
            "batches_done": self.batches_done,
        }

    def load_state_dict(self, state: dict) -> None:
        """Continue where `state_dict` was taken."""
        for name in _PARTS:
            getattr(self, name).load_state_dict(state[name])
        self.generator.set_state(state["generator"])
        self.batches_done = state["batches_done"]


_PARTS = ("policy", "critics", "slow_policy", "slow_critics", "scale", "actor_optimizer", "critic_optimizer", "replay")


def _alike(actions: Tensor) -> Tensor:
    """Actions [N, M, A] that all critics are shown: [1, N, M, A]."""
    return actions[None]


def _own_and_others(own: Tensor, others: Tensor) -> Tensor:
    """What each robot's critic is shown: that robot's action from `own` [N, M, A], its teammates' from `others`; [N, N, M, A]."""
    is_own = torch.eye(len(own), dtype=torch.bool)[:, :, None, None]
    return torch.where(is_own, own[None], others[None])
