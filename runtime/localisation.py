"""Where a robot is: its measured position, smoothed over its own motion.

A positioning system is right in the long run and noisy from one measurement to the next; what a robot knows of its own velocity is the
other way round. So the estimate moves on with the measured velocity, and each new measurement draws it over by a share: a complementary
filter, or the Kalman filter of a point that moves at a noisily known velocity, with the gain of its steady state (Higgins, A comparison of
complementary and Kalman filtering, IEEE T-AES 11(3), 1975). Nothing lags behind, since motion does not wait for the share.

It works on any leading dimensions, so that an evaluation of a thousand teams in one process applies what each robot applies.
"""

from __future__ import annotations

import math

import numpy as np

from robots.spec import RobotSpec
from runtime.barrier import Numbers
from runtime.team import Localisation


class Localiser:
    """The estimate of one robot, or of many, over an episode.

    Args:
        settings: the team's.
        period: of the control loop [s].
    """

    def __init__(self, settings: Localisation, period: float) -> None:
        self._period, self._rate = period, period / settings.time_constant
        self._tick = 0
        self._measured: np.ndarray | None = None
        self._estimate = self._velocity = np.zeros(2)

    @classmethod
    def for_robot(cls, settings: Localisation | None, spec: RobotSpec, period: float) -> Localiser | None:
        """That of a robot kind; None for a team that believes what it measures, and for robots that take forces.

        simple_spread's robots move with the velocity that they had before, and are where they say.
        """
        return None if settings is None or spec.action == "force" else cls(settings, period)

    def begin(self) -> None:
        """The robot was put elsewhere: believe the next measurement."""
        self._measured = None

    def resume(self, position: np.ndarray, velocity: np.ndarray, tick: int, estimate: np.ndarray) -> None:
        """Go on from an estimate that was made of a measurement (see `__call__`)."""
        self._tick, self._measured, self._velocity, self._estimate = tick, position, velocity, estimate

    def __call__(self, position: np.ndarray, velocity: np.ndarray, tick: int) -> np.ndarray:
        """Take in a measurement, give the estimate [..., 2], m.

        A measurement that is the last one again, to the last bit, is none: a sensor that is slower than the loop, or has lost one.

        Args:
            position: [..., 2], m, world frame, finite.
            velocity: [..., 2], m/s, world frame, finite.
            tick: of the control loop; grows with each call. Where it does not, the estimate begins anew.
        """
        if self._measured is None or tick < self._tick:
            self._estimate = position
        else:
            ticks = tick - self._tick
            share, half = -math.expm1(-ticks * self._rate), 0.5 * ticks * self._period
            if position.ndim == 1:
                self._estimate = self._of_one(position, velocity, half, share)
            else:
                again = (position[..., 0] == self._measured[..., 0]) & (position[..., 1] == self._measured[..., 1])
                drawn = np.where(again, 0.0, share)[..., None]
                self._estimate = _followed(self._estimate, half * (self._velocity + velocity), drawn, position)
        self._tick, self._measured, self._velocity = tick, position, velocity
        return self._estimate

    def _of_one(self, position: np.ndarray, velocity: np.ndarray, half: float, share: float) -> np.ndarray:
        """The same on plain numbers, with the same bits (as `runtime.floats` has it)."""
        here, (vx, vy), (ux, uy), (x, y) = position.tolist(), velocity.tolist(), self._velocity.tolist(), self._estimate.tolist()
        drawn = 0.0 if here == self._measured.tolist() else share
        return np.array((_followed(x, half * (ux + vx), drawn, here[0]), _followed(y, half * (uy + vy), drawn, here[1])))


def _followed(estimate: Numbers, way: Numbers, share: Numbers, measured: Numbers) -> Numbers:
    """Gone its way, and drawn over to what was measured."""
    moved = estimate + way
    return moved + share * (measured - moved)
