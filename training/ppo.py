"""PPO for a team: IPPO, where each robot has an actor and a critic of its own, or MAPPO, where all robots share both (`network.share`).

Method: PPO (arXiv 1707.06347), independent learners (arXiv 2011.09533), centralised critics and value normalisation as in MAPPO
(arXiv 2103.01955); what the critics see is a choice of its own (`network.critics_see`). Each actor and each critic learns from a batch by
itself, with an optimizer of its own, several at the same time; nothing crosses from one robot to another unless they share a network.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from sim3d.profile import load_profile
from training.config import TrainConfig
from training.critics import CRITIC_VIEWS
from training.curriculum import profile_at
from training.grounds import ground_for
from training.networks import TeamMlp, TeamNetwork
from training.policies import CategoricalPolicy, GaussianPolicy, StochasticPolicy
from training.returns import ReturnScale, generalised_advantage
from training.rollout import Batch
from training.schedule import linear
from training.side_by_side import Pupil, pupils, side_by_side
from training.speaking_policy import SpeakingPolicy
from training.team_networks import actors_for, critics_for


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
        shared = config.network.share != "none"
        actors = actors_for(config, len(self.front_end.inputs), 5 if discrete else 2, 0.01, self.generator)
        self.policy = _policy(config, actors, 1 if shared else robots)
        self.critics = critics_for(config, len(self.critic_view.inputs(robots, self.front_end)), self.generator)
        self.scale = ReturnScale(1 if config.network.kind == "entities" else robots)
        self.actor_pupils = pupils(self.policy, robots, shared, config.ppo.learning_rate)
        self.critic_pupils = pupils(self.critics, robots, shared, config.ppo.learning_rate)
        self.batches_done = 0

    def train_batch(self) -> dict[str, float]:
        """Collect one batch, learn from it, and return what a log wants to know."""
        config, ppo = self.config, self.config.ppo
        progress = self.batches_done / config.batches
        for pupil in self._pupils:
            for group in pupil.optimizer.param_groups:
                group["lr"] = linear(ppo.learning_rate, ppo.final_learning_rate, progress)
        entropy_weight = linear(ppo.entropy, ppo.final_entropy, progress)

        batch = self.ground.collect(self.policy, profile_at(self.profile, config.world, progress), self.generator)
        figures = self._update(batch, entropy_weight)
        self.batches_done += 1
        return {"return": float(batch.reward.sum((0, 1)).mean()), **figures}

    @property
    def _pupils(self) -> list[Pupil]:
        return [*self.critic_pupils, *self.actor_pupils]

    def _update(self, batch: Batch, entropy_weight: float) -> dict[str, float]:
        ppo = self.config.ppo
        judged = batch.judged.transpose(0, 1)
        with torch.no_grad():
            value = self.scale.restore(self._value(judged.flatten(1, 2)).unflatten(1, judged.shape[1:3]).transpose(0, 1))
            lam = 1.0 if ppo.returns == "monte_carlo" else ppo.gae_lambda
            advantage = generalised_advantage(batch.reward, value[:-1], value[-1], ppo.gamma, lam, batch.present)
            returns = advantage + value[:-1]
            self.scale.update(returns if batch.present is None else returns[batch.present][None, None])
            target = _robots_first(self.scale.normalise(returns))
            if batch.present is None:
                mean, deviation = advantage.mean((0, 2), keepdim=True), advantage.std((0, 2), keepdim=True)
            else:  # a place in the team is nobody in particular
                mean, deviation = advantage[batch.present].mean(), advantage[batch.present].std()
            advantage = _robots_first((advantage - mean) / (deviation + 1e-8))

        # Steps that must stay together: an episode's for actors that remember, else each step is by itself.
        together = len(batch.reward) if self.policy.actors.memory_size else 1
        minibatches = self._draw_minibatches(advantage.shape[1], together)
        judged = judged[:, :-1].flatten(1, 2).expand(self.config.world.robots, -1, -1)
        observation, choice, old = _robots_first(batch.seen[:-1]), _robots_first(batch.choice), _robots_first(batch.log_probability)
        present = None if batch.present is None else _robots_first(batch.present)

        def there(pupil: Pupil, part: Tensor) -> Tensor | slice:
            """What of a minibatch there is to learn from."""
            return slice(None) if present is None else present[pupil.robots][:, part]

        def improve_critic(pupil: Pupil[TeamMlp]) -> Tensor:
            """The mean loss [1]."""
            mine, right = judged[pupil.robots], target[pupil.robots]
            losses = []
            for part in minibatches:
                learned = there(pupil, part)
                value = pupil.network(mine[:, part])[..., 0][learned]
                loss = nn.functional.huber_loss(value, right[:, part][learned], delta=ppo.huber_delta)
                pupil.improve(loss, ppo.max_grad_norm)
                losses.append(loss.detach())
            return torch.stack(losses).mean(0, keepdim=True)

        def improve_actor(pupil: Pupil[StochasticPolicy]) -> Tensor:
            """Mean entropy, share of clipped steps and drift of the policy [3]."""
            mine = [part[pupil.robots] for part in (observation, choice, old, advantage)]
            figures = []
            for part in minibatches:
                seen, chosen, before, gain = (each[:, part] for each in mine)
                out = pupil.network.actors.unroll(seen.unflatten(1, (together, -1))).flatten(1, 2)
                log_probability, entropy = pupil.network.score(out, chosen)
                learned = there(pupil, part)
                log_probability, entropy, before, gain = (each[learned] for each in (log_probability, entropy, before, gain))
                ratio = torch.exp(log_probability - before)
                surrogate = torch.minimum(ratio * gain, ratio.clamp(1 - ppo.clip, 1 + ppo.clip) * gain).mean()
                pupil.improve(-surrogate - entropy_weight * entropy.mean(), ppo.max_grad_norm)
                with torch.no_grad():
                    clipped = ((ratio - 1).abs() > ppo.clip).float().mean()
                    figures.append(torch.stack([entropy.mean(), clipped, (before - log_probability).mean()]))
            return torch.stack(figures).mean(0)

        # The critics first: they read more, and what takes longest should not begin last.
        jobs = [
            *(partial(improve_critic, pupil) for pupil in self.critic_pupils),
            *(partial(improve_actor, pupil) for pupil in self.actor_pupils),
        ]
        results = side_by_side(jobs, self.config.threads)
        (value_loss,) = torch.stack(results[: len(self.critic_pupils)]).mean(0).tolist()
        entropy, clipped, drift = torch.stack(results[len(self.critic_pupils) :]).mean(0).tolist()
        return {"value_loss": value_loss, "entropy": entropy, "clipped": clipped, "approximate_kl": drift}

    def _value(self, judged: Tensor) -> Tensor:
        """What the critics read [N or 1, M, E] to every robot's value of it [N, M], in the critics' units."""
        return self.critics(judged.expand(self.config.world.robots, -1, -1))[..., 0]

    def _draw_minibatches(self, steps: int, together: int) -> list[Tensor]:
        """Numbers of the steps in each minibatch of all epochs; `together` consecutive ones (in time) of an episode stay in one."""
        ppo, groups = self.config.ppo, steps // together
        drawn = [torch.randperm(groups, generator=self.generator).chunk(ppo.minibatches) for _ in range(ppo.epochs)]
        return [(torch.arange(together)[:, None] * groups + members).flatten() for epoch in drawn for members in epoch]

    def state_dict(self) -> dict[str, object]:
        """Everything that decides how training goes on."""
        return {
            "policy": self.policy.state_dict(),
            "critics": self.critics.state_dict(),
            "scale": self.scale.state_dict(),
            "optimizers": [pupil.optimizer.state_dict() for pupil in self._pupils],
            "generator": self.generator.get_state(),
            "batches_done": self.batches_done,
        }

    def load_state_dict(self, state: dict) -> None:
        """Continue where `state_dict` was taken."""
        self.policy.load_state_dict(state["policy"])
        self.critics.load_state_dict(state["critics"])
        self.scale.load_state_dict(state["scale"])
        for pupil, optimizer in zip(self._pupils, state["optimizers"], strict=True):
            pupil.optimizer.load_state_dict(optimizer)
        self.generator.set_state(state["generator"])
        self.batches_done = state["batches_done"]


def _policy(config: TrainConfig, actors: TeamNetwork, copies: int) -> StochasticPolicy:
    """What a configuration has robots choose, and say; `copies` of what is not a network's."""
    spread, entities = config.network.initial_log_std, config.entities
    if config.world.actions == "discrete":
        return CategoricalPolicy(actors)
    if entities.words:
        return SpeakingPolicy(actors, copies, spread, entities.words, entities.word_kind == "bits")
    return GaussianPolicy(actors, copies, spread)


def _robots_first(batch: Tensor) -> Tensor:
    """[T, N, B, ...] to [N, T * B, ...]."""
    return batch.transpose(0, 1).flatten(1, 2)
