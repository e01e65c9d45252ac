"""The PID controller of the Crazyflie's firmware, for many vehicles at once."""

from __future__ import annotations

import numpy as np


class Pid:
    """kp e + ki sum(e dt) - kd dx/dt, with the integral limited; as bitcraze/crazyflie-firmware: src/utils/src/pid.c.

    The derivative is that of the measurement, not of the error, so a step of what is wanted does not kick. The integral takes the newest
    error in before it is used. All arrays are [K, M]: K controllers of M vehicles.

    Attributes:
        integral: [K, M], in units of the error times s.

    Args:
        kp: one for each controller, or one for all.
        ki: likewise [1/s].
        kd: likewise [s].
        integral_limit: likewise, in units of the error times s.
        period: from one update to the next [s].
        shape: (K, M).
    """

    def __init__(
        self,
        kp: float | tuple[float, ...],
        ki: float | tuple[float, ...],
        kd: float | tuple[float, ...],
        integral_limit: float | tuple[float, ...],
        period: float,
        shape: tuple[int, int],
    ) -> None:
        self.kp, self.ki, self.kd, self._limit = (
            np.array(figure, dtype=np.float64).reshape(-1, 1) for figure in (kp, ki, kd, integral_limit)
        )
        self._period = period
        self._damped = bool(self.kd.any())
        self._previous: np.ndarray | None = None
        self.integral = np.zeros(shape)

    def reset(self, vehicles: np.ndarray) -> None:
        """Forget what vehicles [M] (booleans) have integrated."""
        self.integral[:, vehicles] = 0.0

    def __call__(self, error: np.ndarray, measured: np.ndarray) -> np.ndarray:
        """The output [K, M], for errors [K, M] of what is measured [K, M]."""
        # By hand: np.clip takes three times as long as both comparisons.
        self.integral = np.minimum(np.maximum(self.integral + self._period * error, -self._limit), self._limit)
        output = self.kp * error + self.ki * self.integral
        if self._damped:
            if self._previous is not None:
                output -= (self.kd / self._period) * (measured - self._previous)
            self._previous = measured
        return output
