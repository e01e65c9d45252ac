"""Attitude and rate loops: from wanted angles to what each motor is commanded, as the firmware does it 500 times a second."""

from __future__ import annotations

import math

import numpy as np

from robots.quadrotor.pid import Pid

RATE = 500
"""[Hz]; firmware: src/modules/interface/stabilizer_types.h, ATTITUDE_RATE."""

FULL_SCALE = 65535.0
"""Motor command at which a rotor gives its thrust limit."""

_DEGREES = 180.0 / math.pi
# The gains of bitcraze/crazyflie-firmware: src/platform/interface/platform_defaults_cf2.h for roll, pitch and yaw. It counts in degrees.
_ANGLE_KP = (10.0, 10.0, 6.0)
_ANGLE_KI = (3.0, 3.0, 1.0)
_ANGLE_LIMIT = (20.0 / _DEGREES, 20.0 / _DEGREES, 360.0 / _DEGREES)
# The firmware's yaw loop has 0.35 on the measured angle's derivative; that is the rate, which the gyroscope has without noise of its own.
_YAW_DAMPING = 0.35
_RATE_KP = (250.0 * _DEGREES, 250.0 * _DEGREES, 120.0 * _DEGREES)
_RATE_KI = (500.0 * _DEGREES, 500.0 * _DEGREES, 16.7 * _DEGREES)
_RATE_KD = (2.5 * _DEGREES, 2.5 * _DEGREES, 0.0)
_RATE_LIMIT = (33.3 / _DEGREES, 33.3 / _DEGREES, 166.7 / _DEGREES)
_MOMENT_LIMIT = 32767.0

_MIX = np.array([[-0.5, -0.5, -1.0], [-0.5, 0.5, 1.0], [0.5, 0.5, -1.0], [0.5, -0.5, 1.0]])
"""[4, 3]: what one unit of roll, pitch and yaw adds to each motor (firmware: power_distribution_quadrotor.c, with pitch about +y)."""


class AttitudeControl:
    """PID on roll, pitch and yaw gives wanted rates, PID on those gives moments, and these are mixed with the thrust.

    Args:
        vehicles: M.
    """

    def __init__(self, vehicles: int) -> None:
        shape = (3, vehicles)
        self._angle = Pid(_ANGLE_KP, _ANGLE_KI, 0.0, _ANGLE_LIMIT, 1.0 / RATE, shape)
        self._rate = Pid(_RATE_KP, _RATE_KI, _RATE_KD, _RATE_LIMIT, 1.0 / RATE, shape)

    def reset(self, vehicles: np.ndarray) -> None:
        """Forget what vehicles [M] (booleans) have integrated."""
        self._angle.reset(vehicles)
        self._rate.reset(vehicles)

    def trim(self, motors: np.ndarray) -> np.ndarray:
        """As if motor commands [4, M] had long been those that keep vehicles level; gives the thrust [M] that is left for altitude.

        It holds for motors that differ by up to 8 %; beyond, the limits of the integrals leave the rest to be made up in flight.
        """
        # The columns of the mix are at right angles to each other and to a thrust that is the same for all.
        for axis, column in enumerate(_MIX.T):
            moment = sum(share * motor for share, motor in zip(column, motors, strict=True)) / float(column @ column)
            self._rate.integral[axis] = moment / _RATE_KI[axis]
        return 0.25 * (motors[0] + motors[1] + motors[2] + motors[3])

    def __call__(self, angles: np.ndarray, rates: np.ndarray, wanted: np.ndarray, thrust: np.ndarray) -> np.ndarray:
        """Motor commands.

        Args:
            angles: roll, pitch, yaw [3, M], rad.
            rates: [3, M], rad/s, body frame.
            wanted: roll, pitch, yaw [3, M], rad.
            thrust: [M], of FULL_SCALE.

        Returns:
            [4, M], from 0 to FULL_SCALE.
        """
        error = wanted - angles
        error[2] -= 2.0 * math.pi * np.rint(error[2] / (2.0 * math.pi))
        wanted_rates = self._angle(error, angles)
        wanted_rates[2] -= _YAW_DAMPING * rates[2]
        moments = self._rate(wanted_rates - rates, rates)
        moments = np.minimum(np.maximum(moments, -_MOMENT_LIMIT), _MOMENT_LIMIT)
        half_roll, half_pitch, yaw = 0.5 * moments[0], 0.5 * moments[1], moments[2]
        front, back = thrust - half_pitch, thrust + half_pitch
        motors = np.stack([front - half_roll - yaw, back - half_roll + yaw, back + half_roll - yaw, front + half_roll + yaw])
        # Attitude before altitude: what one motor cannot give is taken off all (firmware: powerDistributionCap).
        excess = np.maximum(np.maximum(motors[0], motors[1]), np.maximum(motors[2], motors[3])) - FULL_SCALE
        return np.maximum(motors - np.maximum(excess, 0.0), 0.0)
