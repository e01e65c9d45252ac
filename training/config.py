"""The training configuration: what a YAML file in configs/train may say, with the reason for each default."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal

import msgspec

from robots.errors import InputError
from robots.yaml_input import read_yaml


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class WorldConfig(_Part):
    """What is trained in.

    Attributes:
        name: the world; `spread` is simple_spread_v3, `planar` and `bullet` have robots in metres and seconds.
        robots: N, with as many landmarks.
        actions: `continuous` forces, or simple_spread's five `discrete` ones.
        horizon: steps of an episode.
        local_ratio: weight of own contacts against the team's coverage in the reward.
        profile: disturbances, with laws that are drawn from anew for each episode and robot.
        curriculum: share of the budget in which the disturbances grow from none to the profile's; 0 has them from the start.
        kinds: of the robots in `planar` and `bullet`; one for all, or one for each.
        arena_half_size: there [m]; by default that of an export for these kinds.
        speed: top speed per axis there [m/s]; by default the cruise speed of the slowest kind.
        workers: processes that share a batch in `bullet`; 0 runs it in the learner's own.
    """

    name: Literal["spread", "planar", "bullet"] = "spread"
    robots: int = 3
    actions: Literal["continuous", "discrete"] = "continuous"
    horizon: int = 25
    local_ratio: float = 0.5
    profile: str = "clean"
    curriculum: float = 0.0
    kinds: tuple[str, ...] = ()
    arena_half_size: float | None = None
    speed: float | None = None
    workers: int = 0

    @property
    def kinds_by_agent(self) -> tuple[str, ...]:
        """The kind of each of the N robots."""
        return self.kinds * self.robots if len(self.kinds) == 1 else self.kinds


class NetworkConfig(_Part):
    """Actor and critic of each robot: tanh multilayer perceptrons.

    Attributes:
        hidden: width of each hidden layer; 64 x 64 is what MAPPO's and JaxMARL's MPE recipes use.
        initial_log_std: of the Gaussian policy (continuous actions).
        critics_see: all `observations`, or the `truth`: state without noise, what is under way, and what was drawn.
        memory: numbers that each actor remembers in a gated recurrent unit; 0 for none.
    """

    hidden: tuple[int, ...] = (64, 64)
    initial_log_std: float = -0.5
    critics_see: Literal["observations", "truth"] = "observations"
    memory: int = 0


class ActorConfig(_Part):
    """What stands in front of each actor's network (see training.front_ends).

    Attributes:
        front_end: `plain` observation; `past_forces`, which adds the own last forces; or `latency_compensation`, which finds out the own
            latency and predicts over it.
        longest_latency: that is remembered, or compensated [s].
        knows_latency: whether `past_forces` is told the command latency as well.
    """

    front_end: Literal["plain", "past_forces", "latency_compensation"] = "plain"
    longest_latency: float = 0.4
    knows_latency: bool = False


class PpoConfig(_Part):
    """PPO (arXiv 1707.06347) with the details of MAPPO (arXiv 2103.01955) that matter on MPE.

    Attributes:
        episodes: parallel episodes in a batch.
        epochs: passes over a batch.
        minibatches: updates in a pass.
        learning_rate: at the start; falls linearly to `final_learning_rate`.
        gamma: discount.
        returns: how advantages are made: `gae`, or `monte_carlo` (which is GAE with lambda 1).
        gae_lambda: lambda of GAE (arXiv 1506.02438).
        clip: PPO's clip range.
        entropy: weight of the entropy bonus at the start; falls linearly to `final_entropy`.
        max_grad_norm: of each robot's actor and of each robot's critic.
        huber_delta: of the value loss, in units of the normalised return.
    """

    episodes: int = 512
    epochs: int = 4
    minibatches: int = 4
    learning_rate: float = 7e-4
    final_learning_rate: float = 7e-5
    gamma: float = 0.95
    returns: Literal["gae", "monte_carlo"] = "gae"
    gae_lambda: float = 0.95
    clip: float = 0.2
    entropy: float = 0.003
    final_entropy: float = 0.0
    max_grad_norm: float = 10.0
    huber_delta: float = 10.0


class TrainConfig(_Part):
    """One training run.

    Attributes:
        start: run directory whose actors and critics this run begins with (see training.warm_start); empty for none.
        world: what is trained in.
        actor: what stands in front of the actors' networks.
        network: actors and critics.
        ppo: the learner.
        steps: budget in env steps (one env step moves all robots).
        seed: of everything.
        evaluate_every: batches between two evaluations of the mean action.
        evaluation_episodes: episodes of each.
        checkpoint_every: batches between two checkpoints.
        threads: torch threads.
    """

    start: str = ""
    world: WorldConfig = WorldConfig()
    actor: ActorConfig = ActorConfig()
    network: NetworkConfig = NetworkConfig()
    ppo: PpoConfig = PpoConfig()
    steps: int = 2_600_000
    seed: int = 0
    evaluate_every: int = 10
    evaluation_episodes: int = 512
    checkpoint_every: int = 50
    threads: int = 2

    @property
    def batch_steps(self) -> int:
        """Env steps in one batch."""
        return self.ppo.episodes * self.world.horizon

    @property
    def batches(self) -> int:
        """Batches in the budget."""
        return max(1, math.ceil(self.steps / self.batch_steps))


def read_train_config(path: str | Path) -> TrainConfig:
    """Read and check a training configuration. Raises InputError that names the file, the key and the value."""
    config = read_yaml(path, TrainConfig)
    check_train_config(config, str(path))
    return config


def check_train_config(config: TrainConfig, place: str) -> None:
    """Refuse values that cannot train. Raises InputError."""
    at_least_one = {
        "world.robots": config.world.robots,
        "world.horizon": config.world.horizon,
        "ppo.episodes": config.ppo.episodes,
        "ppo.epochs": config.ppo.epochs,
        "ppo.minibatches": config.ppo.minibatches,
        "steps": config.steps,
        "evaluate_every": config.evaluate_every,
        "evaluation_episodes": config.evaluation_episodes,
        "checkpoint_every": config.checkpoint_every,
        "threads": config.threads,
        "network.hidden": min(config.network.hidden, default=0),
    }
    for key, value in at_least_one.items():
        if value < 1:
            raise InputError(f"{place}: {key}: is {value}, must be at least 1")
    in_unit_interval = {
        "world.local_ratio": config.world.local_ratio,
        "world.curriculum": config.world.curriculum,
        "ppo.gamma": config.ppo.gamma,
        "ppo.gae_lambda": config.ppo.gae_lambda,
    }
    for key, value in in_unit_interval.items():
        if not 0 <= value <= 1:
            raise InputError(f"{place}: {key}: is {value}, must be from 0 to 1")
    above_zero = {
        "actor.longest_latency": config.actor.longest_latency,
        "ppo.learning_rate": config.ppo.learning_rate,
        "ppo.final_learning_rate": config.ppo.final_learning_rate,
        "ppo.clip": config.ppo.clip,
        "ppo.max_grad_norm": config.ppo.max_grad_norm,
        "ppo.huber_delta": config.ppo.huber_delta,
    }
    for key, value in above_zero.items():
        if not (value > 0 and math.isfinite(value)):
            raise InputError(f"{place}: {key}: is {value}, must be finite and above 0")
    for key, value in {"ppo.entropy": config.ppo.entropy, "ppo.final_entropy": config.ppo.final_entropy}.items():
        if not (value >= 0 and math.isfinite(value)):
            raise InputError(f"{place}: {key}: is {value}, must be finite and not below 0")
    # Actors that remember learn from whole episodes.
    samples, unit = (config.ppo.episodes, "episodes") if config.network.memory else (config.batch_steps, "steps")
    if config.ppo.minibatches > samples:
        raise InputError(f"{place}: ppo.minibatches: is {config.ppo.minibatches}, a batch has {samples} {unit}")
    _check_robots(config, place)
    if config.network.memory < 0:
        raise InputError(f"{place}: network.memory: is {config.network.memory}, must not be below 0")
    if config.seed < 0:
        raise InputError(f"{place}: seed: is {config.seed}, must not be below 0")


def _check_robots(config: TrainConfig, place: str) -> None:
    world = config.world
    given = {"kinds": world.kinds, "arena_half_size": world.arena_half_size, "speed": world.speed, "workers": world.workers}
    if world.name == "spread":
        for key, value in given.items():
            if value:
                raise InputError(f"{place}: world.{key}: is {value}; world 'spread' has simple_spread's own robots, arena and speed")
        return
    if len(world.kinds) not in (1, world.robots):
        raise InputError(f"{place}: world.kinds: names {len(world.kinds)} robot kinds; world '{world.name}' needs 1 or {world.robots}")
    if world.workers < 0 or (world.workers and world.name != "bullet"):
        raise InputError(f"{place}: world.workers: is {world.workers}, must be 0 or more in world 'bullet', and 0 in any other")
    # What exists in simple_spread only.
    others = {
        "world.actions": (world.actions, "continuous"),
        "network.memory": (config.network.memory, 0),
        "network.critics_see": (config.network.critics_see, "observations"),
    }
    for key, (value, needed) in others.items():
        if value != needed:
            raise InputError(f"{place}: {key}: is {value}, must be {needed} in world '{world.name}'")
    if config.actor.front_end == "past_forces":
        raise InputError(f"{place}: actor.front_end: is past_forces, must be plain or latency_compensation in world '{world.name}'")
