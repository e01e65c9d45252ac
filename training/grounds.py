"""The grounds by a configuration's world."""

from __future__ import annotations

from sim3d.profile import load_profile, refuse_adversary
from training.adversary_ground import AdversaryGround
from training.config import TrainConfig
from training.entity_ground import EntityGround
from training.ground import Ground
from training.pettingzoo_ground import PettingZooGround
from training.robot_ground import RobotGround
from training.spread_ground import SpreadGround

GROUNDS = {"spread": SpreadGround, "pettingzoo": PettingZooGround, "planar": RobotGround, "bullet": RobotGround}


def ground_for(config: TrainConfig) -> Ground:
    """The ground of a configuration.

    Raises:
        InputError: robots of these kinds do not go together, or not there; a user's environment is not as it must be; victims cannot be
            used; or the profile has an adversary, who would need exported actors.
    """
    refuse_adversary(load_profile(config.world.profile), f"world.profile: {config.world.profile}")
    if config.network.kind == "entities":
        return EntityGround(config)
    return AdversaryGround(config) if config.adversary.victims else GROUNDS[config.world.name](config)
