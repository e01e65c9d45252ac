"""The grounds by a configuration's world."""

from __future__ import annotations

from training.config import TrainConfig
from training.ground import Ground
from training.robot_ground import RobotGround
from training.spread_ground import SpreadGround


def ground_for(config: TrainConfig) -> Ground:
    """The ground of a configuration. Raises InputError: robots of these kinds do not go together, or not there."""
    return SpreadGround(config) if config.world.name == "spread" else RobotGround(config)
