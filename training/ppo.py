"""PPO for a team: IPPO, where each robot has an actor and a critic of its own, or MAPPO, where all robots share both (`network.share`).

Method: PPO (arXiv 1707.06347), independent learners (arXiv 2011.09533), centralised critics and value normalisation as in MAPPO
(arXiv 2103.01955); what the critics see is a choice of its own (`network.critics_see`). All robots are updated in the same batched
operations, but no gradient crosses from one robot to another unless they share a network.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sim3d.profile import load_profile
from training.config import TrainConfig
from training.critics import CRITIC_VIEWS
from training.curriculum import profile_at
from training.gradients import clip_each_robot
from training.grounds import ground_for
from training.policies import CategoricalPolicy, GaussianPolicy
from training.returns import ReturnScale, generalised_advantage
from training.rollout import Batch
from training.schedule import linear
from training.team_networks import actors_for, perceptrons_for


class Ppo:
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
        self.critic_view = CRITIC_VIEWS[config.network.critics_see]
        self.profile = load_profile(config.world.profile)
        discrete = config.world.actions == "discrete"
        self.sharing = 1 if config.network.share == "none" else robots
        actors = actors_for(config, len(self.front_end.inputs), 5 if discrete else 2, 0.01, self.generator)
        spread = config.network.initial_log_std
        self.policy = CategoricalPolicy(actors) if discrete else GaussianPolicy(actors, robots // self.sharing, spread)
        self.critics = perceptrons_for(config, len(self.critic_view.inputs(robots, self.front_end)), 1, 1.0, self.generator)
        self.scale = ReturnScale(robots)
        self.optimizer = torch.optim.Adam(
            [*self.policy.parameters(), *self.critics.parameters()], lr=config.ppo.learning_rate, eps=1e-5, fused=True
        )
        self.batches_done = 0

    def train_batch(self) -> dict[str, float]:
        """Collect one batch, learn from it, and return what a log wants to know."""
        config, ppo = self.config, self.config.ppo
        progress = self.batches_done / config.batches
        for group in self.optimizer.param_groups:
            group["lr"] = linear(ppo.learning_rate, ppo.final_learning_rate, progress)
        entropy_weight = linear(ppo.entropy, ppo.final_entropy, progress)

        batch = self.ground.collect(self.policy, profile_at(self.profile, config.world, progress), self.generator)
        figures = self._update(batch, entropy_weight)
        self.batches_done += 1
        return {"return": float(batch.reward.sum((0, 1)).mean()), **figures}

    def _update(self, batch: Batch, entropy_weight: float) -> dict[str, float]:
        ppo = self.config.ppo
        judged = batch.judged.transpose(0, 1)
        with torch.no_grad():
            value = self.scale.restore(self._value(judged.flatten(1, 2)).unflatten(1, judged.shape[1:3]).transpose(0, 1))
            lam = 1.0 if ppo.returns == "monte_carlo" else ppo.gae_lambda
            advantage = generalised_advantage(batch.reward, value[:-1], value[-1], ppo.gamma, lam)
            returns = advantage + value[:-1]
            self.scale.update(returns)
            target = self.scale.normalise(returns)
            mean, deviation = advantage.mean((0, 2), keepdim=True), advantage.std((0, 2), keepdim=True)
            advantage = (advantage - mean) / (deviation + 1e-8)

        observation, choice = _robots_first(batch.seen[:-1]), _robots_first(batch.choice)
        judged = judged[:, :-1].flatten(1, 2)
        old, advantage, target = (_robots_first(part) for part in (batch.log_probability, advantage, target))
        # Steps that must stay together: an episode's for actors that remember, else each step is by itself.
        together = len(batch.reward) if self.policy.actors.memory_size else 1
        groups = advantage.shape[1] // together
        sums = torch.zeros(4)
        for _ in range(ppo.epochs):
            for members in torch.randperm(groups, generator=self.generator).chunk(ppo.minibatches):
                part = (torch.arange(together)[:, None] * groups + members).flatten()
                out = self.policy.actors.unroll(observation[:, part].unflatten(1, (together, -1))).flatten(1, 2)
                log_probability, entropy = self.policy.score(out, choice[:, part])
                ratio = torch.exp(log_probability - old[:, part])
                gain = advantage[:, part]
                surrogate = torch.minimum(ratio * gain, ratio.clamp(1 - ppo.clip, 1 + ppo.clip) * gain).mean(1)
                value = self._value(judged[:, part])
                value_loss = nn.functional.huber_loss(value, target[:, part], delta=ppo.huber_delta, reduction="none").mean(1)
                # A sum over networks: each robot's loss is its own, as if it learned alone; a network that all share has their mean.
                loss = (value_loss - surrogate - entropy_weight * entropy.mean(1)).sum() / self.sharing
                self.optimizer.zero_grad()
                loss.backward()
                clip_each_robot(self.policy, ppo.max_grad_norm)
                clip_each_robot(self.critics, ppo.max_grad_norm)
                self.optimizer.step()
                with torch.no_grad():
                    clipped = ((ratio - 1).abs() > ppo.clip).float().mean()
                    drift = (old[:, part] - log_probability).mean()
                    sums += torch.stack([value_loss.mean(), entropy.mean(), clipped, drift])
        value_loss, entropy, clipped, drift = (sums / (ppo.epochs * ppo.minibatches)).tolist()
        return {"value_loss": value_loss, "entropy": entropy, "clipped": clipped, "approximate_kl": drift}

    def _value(self, judged: Tensor) -> Tensor:
        """What the critics read [N or 1, M, E] to every robot's value of it [N, M]."""
        return self.critics(judged.expand(self.config.world.robots, -1, -1))[..., 0]

    def state_dict(self) -> dict[str, object]:
        """Everything that decides how training goes on."""
        return {
            "policy": self.policy.state_dict(),
            "critics": self.critics.state_dict(),
            "scale": self.scale.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
            "batches_done": self.batches_done,
        }

    def load_state_dict(self, state: dict) -> None:
        """Continue where `state_dict` was taken."""
        self.policy.load_state_dict(state["policy"])
        self.critics.load_state_dict(state["critics"])
        self.scale.load_state_dict(state["scale"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"])
        self.batches_done = state["batches_done"]


def _robots_first(batch: Tensor) -> Tensor:
    """[T, N, B, ...] to [N, T * B, ...]."""
    return batch.transpose(0, 1).flatten(1, 2)
