"""The grounds by a configuration's world."""

from __future__ import annotations

from training.config import TrainConfig
from training.ground import Ground
from training.pettingzoo_ground import PettingZooGround
from training.robot_ground import RobotGround
from training.spread_ground import SpreadGround

GROUNDS = {"spread": SpreadGround, "pettingzoo": PettingZooGround, "planar": RobotGround, "bullet": RobotGround}


def ground_for(config: TrainConfig) -> Ground:
    """The ground of a configuration.

    Raises:
        InputError: robots of these kinds do not go together, or not there; or a user's environment is not as it must be.
    """
    return GROUNDS[config.world.name](config)
