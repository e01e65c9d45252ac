"""What a configuration may say of one robot that learns to play against its team."""

from __future__ import annotations

from typing import TYPE_CHECKING

from robots.errors import InputError
from training.learner_configs import Part, refuse_given

if TYPE_CHECKING:
    from training.config import TrainConfig


class AdversaryConfig(Part):
    """One robot that learns against the others, whose exported actors never change.

    Attributes:
        victims: bundle of the team, on whose robots it learns; empty for a team that learns together.
        robot: the agent of the team that is replaced.
    """

    victims: str = ""
    robot: int = 0


def check_adversary(config: TrainConfig, place: str) -> None:
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
