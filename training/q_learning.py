"""Q-learning for a team: independent, VDN or QMIX, which differ in how the robots' values are mixed and in nothing else.

Method: deep Q-learning with replay and target networks (doi 10.1038/nature14236), double Q (arXiv 1509.06461), one learner a robot (arXiv
1511.08779) or one value for the team, decomposed as in VDN (arXiv 1706.05296) or QMIX (arXiv 1803.11485). Robots with networks of their own
are updated in the same batched operations; without a mixer no gradient crosses from one to another. A team's reward is the mean of its
robots'. Rewards are normalised by their running mean and deviation, which changes no best choice: episodes are cut at the horizon, not
ended, and every target is bootstrapped.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sim3d.profile import load_profile
from training.config import TrainConfig
from training.curriculum import profile_at
from training.exploration import EpsilonGreedyPolicy
from training.gradients import clip_each_robot
from training.grounds import ground_for
from training.mixers import Additive, Independent, Mixer, Monotonic
from training.replay import Replay, Transitions
from training.returns import ReturnScale
from training.schedule import linear, share_done
from training.slow_copy import follow, slow_copy
from training.team_networks import actors_for

ACTIONS = 5
"""simple_spread's discrete actions."""


class QLearning:
    """The learner and everything that a checkpoint must hold.

    Args:
        config: of the run; its seed decides every random number.
    """

    def __init__(self, config: TrainConfig) -> None:
        self.config = config
        self.generator = torch.Generator().manual_seed(config.seed)
        self.ground = ground_for(config)
        self.front_end = self.ground.front_end
        self.profile = load_profile(config.world.profile)
        self.policy = EpsilonGreedyPolicy(actors_for(config, len(self.front_end.inputs), ACTIONS, 1.0, self.generator))
        self.mixer = _mixer_for(config, len(self.front_end.inputs), self.generator)
        self.slow_actors, self.slow_mixer = slow_copy(self.policy.actors), slow_copy(self.mixer)
        self.scale = ReturnScale(self.mixer.values)
        self.optimizer = torch.optim.Adam(
            [*self.policy.parameters(), *self.mixer.parameters()], lr=config.q.learning_rate, eps=1e-5, fused=True
        )
        self.replay = Replay(config.q.buffer)
        self.batches_done = self.updates_done = 0

    def train_batch(self) -> dict[str, float]:
        """Collect one batch, learn from it, and return what a log wants to know."""
        config, q = self.config, self.config.q
        progress = self.batches_done / config.batches
        for group in self.optimizer.param_groups:
            group["lr"] = linear(q.learning_rate, q.final_learning_rate, progress)
        self.policy.epsilon = linear(q.epsilon, q.final_epsilon, share_done(progress, q.exploration))

        batch = self.ground.collect(self.policy, profile_at(self.profile, config.world, progress), self.generator)
        self.replay.add(batch)
        self.scale.update(self._mixed_reward(batch.reward))
        sums = torch.zeros(2)
        for _ in range(q.updates):
            sums += self._update(self.replay.sample(q.batch, self.generator))
        self.batches_done += 1
        loss, value = (sums / q.updates).tolist()
        return {"return": float(batch.reward.sum((0, 1)).mean()), "value_loss": loss, "value": value, "epsilon": self.policy.epsilon}

    def _update(self, drawn: Transitions) -> Tensor:
        """Move values towards their targets, and target networks after them; the loss and the mean value [2]."""
        q = self.config.q
        with torch.no_grad():
            target = self._target(drawn)
        own = self.policy.actors(drawn.seen).gather(-1, drawn.choice[..., None])[..., 0]
        value = self.mixer(own, _side_by_side(drawn.seen))
        loss = nn.functional.huber_loss(value, target, delta=q.huber_delta, reduction="none").mean(1)
        self.optimizer.zero_grad()
        loss.sum().backward()  # a sum over robots where each has a loss of its own
        clip_each_robot(self.policy, q.max_grad_norm)
        nn.utils.clip_grad_norm_(list(self.mixer.parameters()), q.max_grad_norm)
        self.optimizer.step()
        self.updates_done += 1
        if self.updates_done % q.target_every == 0:
            follow(self.slow_actors, self.policy.actors, q.target_rate)
            follow(self.slow_mixer, self.mixer, q.target_rate)
        return torch.stack([loss.detach().mean(), value.detach().mean()])

    def _target(self, drawn: Transitions) -> Tensor:
        """Double Q: the networks that learn choose the next actions, the target networks say what they are worth; [K, M]."""
        best = self.policy.actors(drawn.following).argmax(-1, keepdim=True)
        worth = self.slow_actors(drawn.following).gather(-1, best)[..., 0]
        following = self.slow_mixer(worth, _side_by_side(drawn.following))
        return self.scale.normalise(self._mixed_reward(drawn.reward)) + self.config.q.gamma * following

    def _mixed_reward(self, reward: Tensor) -> Tensor:
        """Rewards of the robots [..., N, B] to those that values are learned of [..., K, B]."""
        return reward if self.mixer.values == reward.shape[-2] else reward.mean(-2, keepdim=True)

    def state_dict(self) -> dict[str, object]:
        """Everything that decides how training goes on."""
        return {
            **{name: getattr(self, name).state_dict() for name in _PARTS},
            "generator": self.generator.get_state(),
            "batches_done": self.batches_done,
            "updates_done": self.updates_done,
        }

    def load_state_dict(self, state: dict) -> None:
        """Continue where `state_dict` was taken."""
        for name in _PARTS:
            getattr(self, name).load_state_dict(state[name])
        self.generator.set_state(state["generator"])
        self.batches_done, self.updates_done = state["batches_done"], state["updates_done"]


_PARTS = ("policy", "mixer", "slow_actors", "slow_mixer", "scale", "optimizer", "replay")


def _mixer_for(config: TrainConfig, inputs: int, generator: torch.Generator) -> Mixer:
    robots, q = config.world.robots, config.q
    if q.mixer == "none":
        return Independent(robots)
    if q.mixer == "vdn":
        return Additive()
    return Monotonic(robots, robots * inputs, q.mixer_width, q.mixer_hidden, generator)


def _side_by_side(seen: Tensor) -> Tensor:
    """[N, M, D] to [M, N * D]."""
    return seen.transpose(0, 1).flatten(1)
