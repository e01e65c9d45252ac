"""The training configuration: what a YAML file in configs/train may say, with the reason for each default."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal

import msgspec

from robots.errors import InputError
from robots.yaml_input import dump_yaml, read_yaml
from training.adversary_config import AdversaryConfig, check_adversary
from training.entity_config import TEAM_SIZE, EntitiesConfig, check_entities
from training.learner_configs import MaddpgConfig, Part, PpoConfig, QConfig, check_section, refuse_given

SECTIONS = {"ppo": "ppo", "q_learning": "q", "maddpg": "maddpg"}
"""Where each learner's parameters stand."""


class WorldConfig(Part):
    """What is trained in.

    Attributes:
        name: the world; `spread` is simple_spread_v3, `planar` and `bullet` have robots in metres and seconds,
            `pettingzoo` is one of your own.
        robots: N, with as many landmarks; of entity actors the most that they learn with.
        actions: `continuous` forces, or simple_spread's five `discrete` ones.
        horizon: steps of an episode.
        local_ratio: weight of own contacts against the team's coverage in the reward.
        profile: disturbances, with laws that are drawn from anew for each episode and robot.
        curriculum: share of the budget in which the disturbances grow from none to the profile's; 0 has them from the start.
        kinds: of the robots in `planar` and `bullet`; one for all, or one for each.
        arena_half_size: there [m]; by default that of an export for these kinds.
        speed: top speed per axis there [m/s]; by default the cruise speed of the slowest kind.
        workers: processes that share a batch in `bullet`; 0 runs it in the learner's own.
        env: in `pettingzoo`, `package.module:function`: it returns a ParallelEnv with simple_spread_v3's observations and actions.
        env_options: keyword arguments of that function.
    """

    name: Literal["spread", "planar", "bullet", "pettingzoo"] = "spread"
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
    env: str = ""
    env_options: dict[str, bool | int | float | str] = msgspec.field(default_factory=dict)

    @property
    def dimensionless(self) -> bool:
        """Whether it has simple_spread's own units and forces, not robots in metres and seconds."""
        return self.name in ("spread", "pettingzoo")

    @property
    def kinds_by_agent(self) -> tuple[str, ...]:
        """The kind of each of the N robots."""
        return self.kinds * self.robots if len(self.kinds) == 1 else self.kinds


class NetworkConfig(Part):
    """Actors and critics: tanh multilayer perceptrons.

    Attributes:
        kind: `perceptrons` for teams of one size, or `entities`, of which one network reads any number of robots and landmarks.
        share: `none`: each robot has networks of its own; `ids`: all share, and a network is told for which robot it acts; `all`: all
            share, and robots that see the same do the same.
        hidden: width of each hidden layer; 64 x 64 is what MAPPO's and JaxMARL's MPE recipes use.
        initial_log_std: of the Gaussian policy (continuous actions).
        critics_see: of their robot's observation what its `own_sensors` say, without its peers; all of it (`local`); all `observations`;
            the `truth`: state without noise, what is under way, and what was drawn; or `joint_actions`: all observations and what the
            teammates do.
        memory: numbers that each actor remembers in a gated recurrent unit; 0 for none.
    """

    kind: Literal["perceptrons", "entities"] = "perceptrons"
    share: Literal["none", "ids", "all"] = "none"
    hidden: tuple[int, ...] = (64, 64)
    initial_log_std: float = -0.5
    critics_see: Literal["own_sensors", "local", "observations", "truth", "joint_actions"] = "observations"
    memory: int = 0


class ActorConfig(Part):
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


class TrainConfig(Part):
    """One training run.

    Attributes:
        start: run directory whose actors and critics this run begins with (see training.warm_start); empty for none.
        adversary: one robot that learns to play against its team; the learner is then that robot's.
        world: what is trained in.
        actor: what stands in front of the actors' networks.
        network: actors and critics.
        entities: of `network.kind: entities`.
        learner: who learns; its parameters stand in its own section.
        ppo: of learner `ppo`: IPPO, or with `network.share` MAPPO.
        q: of learner `q_learning`: independent, VDN or QMIX.
        maddpg: of learner `maddpg`.
        steps: budget in env steps (one env step moves all robots).
        seed: of everything.
        evaluate_every: batches between two evaluations of the mean action.
        evaluation_episodes: episodes of each.
        checkpoint_every: batches between two checkpoints.
        threads: most that a learner uses at once: PPO's actors and critics learn side by side in them, other learners use one. They change
            no number.
    """

    start: str = ""
    adversary: AdversaryConfig = AdversaryConfig()
    world: WorldConfig = WorldConfig()
    actor: ActorConfig = ActorConfig()
    network: NetworkConfig = NetworkConfig()
    entities: EntitiesConfig = EntitiesConfig()
    learner: Literal["ppo", "q_learning", "maddpg"] = "ppo"
    ppo: PpoConfig = PpoConfig()
    q: QConfig = QConfig()
    maddpg: MaddpgConfig = MaddpgConfig()
    steps: int = 2_600_000
    seed: int = 0
    evaluate_every: int = 10
    evaluation_episodes: int = 512
    checkpoint_every: int = 50
    threads: int = 2

    @property
    def team_size(self) -> int:
        """Robots, and landmarks, of the team that is evaluated and exported."""
        return TEAM_SIZE if self.network.kind == "entities" else self.world.robots

    @property
    def episodes(self) -> int:
        """Parallel episodes in one batch."""
        return getattr(self, SECTIONS[self.learner]).episodes

    @property
    def batch_steps(self) -> int:
        """Env steps in one batch."""
        return self.episodes * self.world.horizon

    @property
    def batches(self) -> int:
        """Batches in the budget."""
        return max(1, math.ceil(self.steps / self.batch_steps))


def resolved_yaml(config: TrainConfig) -> str:
    """A configuration with every default written out, as YAML: what a run keeps, and what its hash is of.

    Sections of other learners and networks are left out. They say nothing about the run, and a later version may have other defaults.
    """
    document = msgspec.to_builtins(config)
    for learner, name in SECTIONS.items():
        if learner != config.learner:
            del document[name]
    if config.network.kind != "entities":
        del document["entities"]
    return dump_yaml(document)


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
    }
    for key, value in in_unit_interval.items():
        if not 0 <= value <= 1:
            raise InputError(f"{place}: {key}: is {value}, must be from 0 to 1")
    longest = config.actor.longest_latency
    if not (longest > 0 and math.isfinite(longest)):
        raise InputError(f"{place}: actor.longest_latency: is {longest}, must be finite and above 0")
    _check_learner(config, place)
    (check_adversary if config.adversary.victims else _check_robots)(config, place)
    if config.network.kind == "entities":
        check_entities(config, place)
    else:
        refuse_given(config.entities, config.entities.__struct_fields__, "entities", "network.kind is 'perceptrons'", place)
    if config.network.memory < 0:
        raise InputError(f"{place}: network.memory: is {config.network.memory}, must not be below 0")
    if config.seed < 0:
        raise InputError(f"{place}: seed: is {config.seed}, must not be below 0")


def _check_learner(config: TrainConfig, place: str) -> None:
    """Values of the learner's own section; sections and keys that it does not read must be left out."""
    for learner, name in SECTIONS.items():
        section = getattr(config, name)
        if learner == config.learner:
            check_section(section, name, place)
        else:
            refuse_given(section, section.__struct_fields__, name, f"the learner is '{config.learner}'", place)
    network = config.network
    if network.share != "none" and network.memory:
        raise InputError(f"{place}: network.memory: is {network.memory}, must be 0 where network.share is '{network.share}'")
    if network.critics_see == "own_sensors" and config.actor.front_end == "past_forces":
        raise InputError(f"{place}: network.critics_see: is own_sensors, which does not know past_forces; local does")
    if config.learner == "ppo":
        # Actors that remember learn from whole episodes.
        samples, unit = (config.ppo.episodes, "episodes") if network.memory else (config.batch_steps, "steps")
        if config.ppo.minibatches > samples:
            raise InputError(f"{place}: ppo.minibatches: is {config.ppo.minibatches}, a batch has {samples} {unit}")
        return
    refuse_given(network, ("initial_log_std", "critics_see", "memory"), "network", f"the learner is '{config.learner}'", place)
    if config.start:
        raise InputError(f"{place}: start: is {config.start}; learner '{config.learner}' begins with networks of its own")
    if config.learner == "q_learning" and config.world.actions != "discrete":
        raise InputError(f"{place}: world.actions: is {config.world.actions}, must be discrete for learner 'q_learning'")
    if config.learner == "maddpg" and config.world.actions == "discrete":
        refuse_given(config.maddpg, ("noise", "final_noise", "exploration"), "maddpg", "world.actions is 'discrete'", place)


def _check_robots(config: TrainConfig, place: str) -> None:
    world = config.world
    if world.name == "pettingzoo":
        _check_env(config, place)
    else:
        refuse_given(world, ("env", "env_options"), "world", f"world '{world.name}' is one of ours", place)
    if world.dimensionless:
        why = f"world '{world.name}' has simple_spread's own robots, arena and speed"
        refuse_given(world, ("kinds", "arena_half_size", "speed", "workers"), "world", why, place)
        return
    if len(world.kinds) not in (1, world.robots):
        raise InputError(f"{place}: world.kinds: names {len(world.kinds)} robot kinds; world '{world.name}' needs 1 or {world.robots}")
    if world.workers < 0 or (world.workers and world.name != "bullet"):
        raise InputError(f"{place}: world.workers: is {world.workers}, must be 0 or more in world 'bullet', and 0 in any other")
    # What exists in simple_spread only.
    others = {
        "world.actions": (world.actions, "continuous"),
        "network.memory": (config.network.memory, 0),
    }
    for key, (value, needed) in others.items():
        if value != needed:
            raise InputError(f"{place}: {key}: is {value}, must be {needed} in world '{world.name}'")
    if config.network.critics_see == "truth":
        raise InputError(f"{place}: network.critics_see: is truth, which world '{world.name}' does not tell")
    if config.actor.front_end == "past_forces":
        raise InputError(f"{place}: actor.front_end: is past_forces, must be plain or latency_compensation in world '{world.name}'")


def _check_env(config: TrainConfig, place: str) -> None:
    """A user's own environment: what only our worlds can do is refused."""
    module, _, function = config.world.env.partition(":")
    if not (module and function):
        raise InputError(f"{place}: world.env: is '{config.world.env}', must be package.module:function in world 'pettingzoo'")
    refuse_given(config.world, ("local_ratio", "profile", "curriculum"), "world", "an environment has its own", place)
    if config.network.critics_see == "truth":
        raise InputError(f"{place}: network.critics_see: is truth, which world 'pettingzoo' does not tell")
    if config.actor.front_end == "past_forces":
        raise InputError(f"{place}: actor.front_end: is past_forces, must be plain or latency_compensation in world 'pettingzoo'")
