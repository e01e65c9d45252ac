"""Which configurations cannot train: each is refused in one line, with the key, its value and what it must be."""

from __future__ import annotations

import math
from pathlib import Path

from robots.errors import InputError
from robots.yaml_input import read_yaml
from runtime.contract import MOST_ENTITIES
from runtime.message import LONGEST_VECTOR
from training.config import SECTIONS, TrainConfig
from training.entity_config import TEAM_SIZE
from training.learner_configs import check_section, refuse_given


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
    (_check_adversary if config.adversary.victims else _check_robots)(config, place)
    if config.network.kind == "entities":
        _check_entities(config, place)
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


def _check_adversary(config: TrainConfig, place: str) -> None:
    """Refuse what does not go with an adversary: the victims say what robots there are, and where. Raises InputError."""
    world, network = config.world, config.network
    if world.robots != 1:
        raise InputError(f"{place}: world.robots: is {world.robots}, must be 1, the adversary, who alone learns")
    if world.name == "pettingzoo":
        raise InputError(f"{place}: world.name: is pettingzoo, where exported actors cannot be run; victims need spread, planar or bullet")
    why = f"{config.adversary.victims} has it"
    refuse_given(world, ("kinds", "arena_half_size", "speed", "env", "env_options"), "world", why, place)
    if world.workers < 0 or (world.workers and world.name != "bullet"):
        raise InputError(f"{place}: world.workers: is {world.workers}, must be 0 or more in world 'bullet', and 0 in any other")
    # Its critic could see all robots; what it reads itself says as much in `spread`.
    for key, value, needed in (
        ("world.actions", world.actions, ("continuous",)),
        ("network.memory", network.memory, (0,)),
        ("network.critics_see", network.critics_see, ("observations", "local")),
        ("learner", config.learner, ("ppo",)),
    ):
        if value not in needed:
            raise InputError(f"{place}: {key}: is {value}, must be {needed[0]} for an adversary")


def _check_entities(config: TrainConfig, place: str) -> None:
    """Refuse what does not go with entity actors. Raises InputError that names the key and both values."""
    entities, world, network = config.entities, config.world, config.network
    for key in ("nearest", "heads", "rounds", "least"):
        if getattr(entities, key) < 1:
            raise InputError(f"{place}: entities.{key}: is {getattr(entities, key)}, must be at least 1")
    for key in ("uneven", "changes", "word_loss"):
        if not 0 <= getattr(entities, key) <= 1:
            raise InputError(f"{place}: entities.{key}: is {getattr(entities, key)}, must be from 0 to 1")
    if not max(world.robots, TEAM_SIZE) <= entities.most <= MOST_ENTITIES:
        bounds = f"{max(world.robots, TEAM_SIZE)} ... {MOST_ENTITIES}"
        raise InputError(f"{place}: entities.most: is {entities.most}, must be {bounds}")
    if not 0 <= entities.words <= LONGEST_VECTOR:
        raise InputError(f"{place}: entities.words: is {entities.words}, must be 0 ... {LONGEST_VECTOR}")
    if not entities.words:
        refuse_given(entities, ("word_kind", "word_loss"), "entities", "entities.words is 0", place)
    elif world.actions != "continuous":
        raise InputError(f"{place}: world.actions: is {world.actions}, must be continuous where robots speak (entities.words)")
    nearest, farthest = entities.hearing
    if not (0 <= nearest <= farthest < math.inf):
        raise InputError(f"{place}: entities.hearing: is {list(entities.hearing)}, must be [least, most], finite and not below 0")
    if not 0 <= entities.drift < math.inf:
        raise InputError(f"{place}: entities.drift: is {entities.drift}, must be finite and not below 0")
    if not entities.least <= world.robots:
        raise InputError(f"{place}: entities.least: is {entities.least}, must be at most world.robots, which is {world.robots}")
    for key, value, needed in (
        ("learner", config.learner, "ppo"),
        ("world.name", world.name, "spread"),
        ("world.robots", "1" if world.robots < 2 else "2", "2"),
        ("world.profile", world.profile, "clean"),
        ("network.share", network.share, "all"),
        ("network.critics_see", network.critics_see, "local"),
        ("network.memory", network.memory, 0),
        ("actor.front_end", config.actor.front_end, "plain"),
        ("start", config.start, ""),
        ("adversary.victims", config.adversary.victims, ""),
    ):
        if value != needed:
            raise InputError(f"{place}: {key}: is {value}, must be {needed or 'left out'} where network.kind is 'entities'")
