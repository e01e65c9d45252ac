"""What is drawn once an episode: the one place that declares every such draw of a plant, with its law.

The draws of links and faults are declared in `runtime/link_model.py` and `runtime/faults.py`, for each robot makes them itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from runtime.figure import draw
from sim3d.profile import Profile
from sim3d.world import Array


def randomise(profile: Profile, seeds: np.ndarray, robots: int, like: Any) -> dict[str, Array]:
    """Draw the figures of B episodes. A figure that is a number in the profile is that number everywhere.

    Args:
        profile: with a number or a law (uniform, choice; for each robot, or shared by a team) for each figure.
        seeds: [B], of the episodes.
        robots: N.
        like: an array with the wanted library, dtype and device.

    Returns:
        Place in the profile -> [B, N], in the profile's units.
    """

    def drawn(place: str) -> Array:
        section, name = place.split(".")
        return draw(getattr(getattr(profile, section), name), seeds, (robots,), place, like)

    return {
        place: drawn(place)
        for place in (
            # Strength of what is then random in each tick: white noise N(0, sigma^2) on each axis ...
            "sensing.position_sigma",
            "sensing.velocity_sigma",
            "sensing.heading_sigma",
            # ... the constant offset N(0, bias^2) and the random walk N(0, walk^2 dt) a tick ...
            "sensing.position_bias",
            "sensing.velocity_bias",
            "sensing.heading_bias",
            "sensing.position_walk",
            "sensing.velocity_walk",
            "sensing.heading_walk",
            # ... gross errors, with probability `outliers` a tick, of N(0, outlier_sigma^2) on each axis ...
            "sensing.outliers",
            "sensing.outlier_sigma",
            # ... and lost measurements, with probability `dropout` a tick.
            "sensing.dropout",
            # Constant over the episode: resolution, rate and delay of the sensors.
            "sensing.position_step",
            "sensing.velocity_step",
            "sensing.heading_step",
            "sensing.rate",
            "sensing.delay",
            # Constant over the episode: the mean delay of commands; jitter is the half width of what comes on top in each tick, uniform.
            "actuation.delay",
            "actuation.jitter",
            # Constant over the episode: the response of the actuators.
            "actuation.deadband",
            "actuation.gain",
            "actuation.saturation",
            "actuation.lag",
            # Constant over the episode: what the robot weighs, how strong it is, what slows it down.
            "dynamics.mass",
            "dynamics.motor_gain",
            "dynamics.friction",
        )
    }
