"""What a configuration may say of actors that read any number of robots and landmarks, and of the teams that they learn in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from robots.errors import InputError
from runtime.contract import MOST_ENTITIES
from training.learner_configs import Part

if TYPE_CHECKING:
    from training.config import TrainConfig


TEAM_SIZE = 3
"""Robots and landmarks of the team that entity actors are measured in, in an arena of one unit: simple_spread's."""


class EntitiesConfig(Part):
    """Entity actors (`network.kind: entities`), and teams of 1 to `world.robots` robots.

    Attributes:
        most: robots, and landmarks, of the largest team that exported actors are for.
        nearest: landmarks, and robots with itself, that a robot takes into account at most: its cost is then the same in any team.
        heads: assignments that are computed side by side.
        rounds: in which each of three stages of an assignment is balanced between robots and landmarks.
        least: robots of the smallest team.
        uneven: share of the episodes with one landmark more or less than robots.
        changes: probability that a robot leaves within an episode, and that one arrives.
        credit: what each robot is paid for the coverage: that of its `team`, as simple_spread does, or the `difference` that it makes
            itself (difference rewards: Wolpert and Tumer, Advances in Complex Systems 4 (2001) 265).
    """

    most: int = 30
    nearest: int = 16
    heads: int = 2
    rounds: int = 5
    least: int = 2
    uneven: float = 0.3
    changes: float = 0.3
    credit: Literal["team", "difference"] = "difference"


def check_entities(config: TrainConfig, place: str) -> None:
    """Refuse what does not go with entity actors. Raises InputError that names the key and both values."""
    entities, world, network = config.entities, config.world, config.network
    for key in ("nearest", "heads", "rounds", "least"):
        if getattr(entities, key) < 1:
            raise InputError(f"{place}: entities.{key}: is {getattr(entities, key)}, must be at least 1")
    for key in ("uneven", "changes"):
        if not 0 <= getattr(entities, key) <= 1:
            raise InputError(f"{place}: entities.{key}: is {getattr(entities, key)}, must be from 0 to 1")
    if not max(world.robots, TEAM_SIZE) <= entities.most <= MOST_ENTITIES:
        bounds = f"{max(world.robots, TEAM_SIZE)} ... {MOST_ENTITIES}"
        raise InputError(f"{place}: entities.most: is {entities.most}, must be {bounds}")
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
