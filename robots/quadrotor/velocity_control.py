"""Velocity and altitude loops: from a velocity over ground and a height to roll, pitch and thrust, as the firmware does at 100 Hz."""

from __future__ import annotations

import math

import numpy as np

from robots.quadrotor.motion import Motion
from robots.quadrotor.pid import Pid

RATE = 100
"""[Hz]; firmware: src/modules/interface/stabilizer_types.h, POSITION_RATE."""

TILT_LIMIT = math.radians(20.0)
"""Of roll and of pitch [rad]; firmware: PID_VEL_ROLL_MAX, PID_VEL_PITCH_MAX."""

_DEGREE = math.pi / 180.0
# Gains of bitcraze/crazyflie-firmware: src/platform/interface/platform_defaults_cf2.h; tilt in degrees there, thrust in thousands.
_TILT_KP = 25.0 * _DEGREE
_TILT_KI = 1.0 * _DEGREE
TILT_KFF = 1.48 * _DEGREE
_PLACE_KP = 2.0
_PLACE_SPEED = 1.1
"""Fastest way back to a place that is held, on each axis [m/s]; firmware: PID_POS_VEL_X_MAX and its overhead."""
_HEIGHT_KP, _HEIGHT_KI = 2.0, 0.5
_CLIMB_LIMIT = 1.1
"""[m/s]; firmware: PID_POS_VEL_Z_MAX and its overhead."""
_THRUST_KP, _THRUST_KI = 25e3, 15e3
_THRUST_CHANGE = 32767.0
_THRUST_BASE = 36000.0
_THRUST_LEAST = 20000.0
_THRUST_MOST = 65535.0
_INTEGRAL_LIMIT = 5000.0
"""The firmware's default for a loop that names none (src/utils/interface/pid.h), in units of the error times s."""


class VelocityControl:
    """PID on the velocity over ground gives roll and pitch, PID on the height a climb rate, and PID on that the thrust.

    Args:
        vehicles: M.
    """

    def __init__(self, vehicles: int) -> None:
        period = 1.0 / RATE
        self._tilt = Pid(_TILT_KP, _TILT_KI, 0.0, _INTEGRAL_LIMIT, period, (2, vehicles))
        self._climb = Pid(_HEIGHT_KP, _HEIGHT_KI, 0.0, _INTEGRAL_LIMIT, period, (1, vehicles))
        self._thrust = Pid(_THRUST_KP, _THRUST_KI, 0.0, _INTEGRAL_LIMIT, period, (1, vehicles))

    def reset(self, vehicles: np.ndarray) -> None:
        """Forget what vehicles [M] (booleans) have integrated."""
        for loop in (self._tilt, self._climb, self._thrust):
            loop.reset(vehicles)

    def trim(self, thrust: np.ndarray) -> None:
        """As if this thrust [M] had long been the one that carries the vehicles."""
        self._thrust.integral[0] = (thrust - _THRUST_BASE) / _THRUST_KI

    def place_to_velocity(self, motion: Motion, place: np.ndarray) -> np.ndarray:
        """The velocity [2, M], m/s, that takes vehicles to places [2, M], m, and keeps them there."""
        return np.clip(_PLACE_KP * (place - motion.position[:2]), -_PLACE_SPEED, _PLACE_SPEED)

    def tilt(self, motion: Motion, velocity: np.ndarray) -> np.ndarray:
        """Roll and pitch [2, M], rad, that take vehicles to a planar velocity [2, M], m/s, world frame."""
        # Errors along the vehicle's own x and y, as its heading has them.
        ahead, aside = motion.rotation[0, 0], motion.rotation[1, 0]
        length = np.sqrt(ahead * ahead + aside * aside)
        ahead, aside = ahead / length, aside / length
        wanted = np.stack([ahead * velocity[0] + aside * velocity[1], ahead * velocity[1] - aside * velocity[0]])
        flown = np.stack([ahead * motion.velocity[0] + aside * motion.velocity[1], ahead * motion.velocity[1] - aside * motion.velocity[0]])
        lean = self._tilt(wanted - flown, flown) + TILT_KFF * wanted
        lean = np.minimum(np.maximum(lean, -TILT_LIMIT), TILT_LIMIT)
        return np.stack([-lean[1], lean[0]])

    def thrust(self, motion: Motion, height: np.ndarray, rising: np.ndarray) -> np.ndarray:
        """Thrust [M], of FULL_SCALE, that takes vehicles to a height [M], m, which itself rises at so many m/s [M]."""
        climb = self._climb(height[None] - motion.position[2:], motion.position[2:]) + rising
        climb = np.minimum(np.maximum(climb, -_CLIMB_LIMIT), _CLIMB_LIMIT)
        change = self._thrust(climb - motion.velocity[2:], motion.velocity[2:])[0]
        change = np.minimum(np.maximum(change, -_THRUST_CHANGE), _THRUST_CHANGE)
        return np.minimum(np.maximum(_THRUST_BASE + change, _THRUST_LEAST), _THRUST_MOST)
