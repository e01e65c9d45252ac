"""Where landmarks are that move: straight on, each at its own speed, and turned round at the walls of a square where there are any."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from runtime.arrays import array_namespace
from runtime.team import Mission

Array = Any
"""A numpy array or a torch tensor."""


@dataclass(frozen=True)
class Course:
    """Landmarks that move from `start`. `...` are any leading dimensions, the same in all.

    Attributes:
        start: [..., L, 2], where they begin [m, world frame].
        drift: [..., L, 2], with what velocity [m/s, world frame].
        within: [...], they are reflected at +-this on both axes [m]; infinite for those that go straight on. They start within it.
    """

    start: Array
    drift: Array
    within: Array

    def at(self, elapsed: float) -> tuple[Array, Array]:
        """Places [..., L, 2] and velocities [..., L, 2] after a time [s].

        The way is folded at the walls (a triangle wave): exact for any time, and the same whatever was asked for before. On a wall the
        velocity is the one that leads away from it.
        """
        xp = array_namespace(self.start)
        # Whoever goes on for ever has walls, too, farther away than any number of metres; 0 times infinity would be none.
        far = float(xp.finfo(self.start.dtype).max) / 4
        side = 2.0 * xp.clip(self.within, None, far)[..., None, None]
        unfolded = self.start + self.drift * elapsed
        # Seen in the direction of the drift, so that walls are met from the same side.
        toward = 1.0 - 2.0 * xp.astype(self.drift < 0, self.drift.dtype)
        # Just inside of a wall, the sum may round up to the next leg.
        legs = xp.where(xp.abs(unfolded) < 0.5 * side, unfolded * 0.0, xp.floor(toward * unfolded / side + 0.5))
        sign = 1.0 - 2.0 * (legs - 2.0 * xp.floor(0.5 * legs))
        place = sign * (unfolded - toward * legs * side)
        return xp.clip(place, -0.5 * side, 0.5 * side), sign * self.drift


def course_of(mission: Mission) -> Course | None:
    """The course of a mission's landmarks [L, 2], numpy, float64; None where they stand still."""
    if not mission.drift:
        return None
    within = math.inf if mission.within is None else mission.within
    return Course(np.array(mission.landmarks, dtype=np.float64), np.array(mission.drift, dtype=np.float64), np.array(within))
