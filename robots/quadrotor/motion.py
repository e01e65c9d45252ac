"""How vehicles move: what the flight stack reads, and what the air acts on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Motion:
    """Of M vehicles. World axes: x east, y north, z up; body axes: x forward, y left, z up.

    Attributes:
        position: [3, M], m, world frame.
        velocity: [3, M], m/s, world frame.
        rotation: [3, 3, M], from body to world.
        rates: [3, M], rad/s, body frame.
    """

    position: np.ndarray
    velocity: np.ndarray
    rotation: np.ndarray
    rates: np.ndarray

    @classmethod
    def of(cls, rows: np.ndarray) -> Motion:
        """From [13, M]: position, quaternion xyzw, velocity, angular velocity, all of them in the world frame."""
        rotation = _rotation(rows[3:7])
        return cls(rows[0:3], rows[7:10], rotation, into_body(rotation, rows[10:13]))

    def angles(self) -> np.ndarray:
        """Roll, pitch and yaw [3, M], rad: turns about z, then y, then x (as bitcraze/crazyflie-firmware: src/utils/interface/math3d.h)."""
        rotation = self.rotation
        level = np.sqrt(rotation[2, 1] * rotation[2, 1] + rotation[2, 2] * rotation[2, 2])
        sines = np.stack([rotation[2, 1], -rotation[2, 0], rotation[1, 0]])
        return np.arctan2(sines, np.stack([rotation[2, 2], level, rotation[0, 0]]))


def into_body(rotation: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """World vectors [3, M] in the axes of bodies with rotations [3, 3, M]; term by term, so that it does not depend on the batch."""
    return rotation[0] * vector[0] + rotation[1] * vector[1] + rotation[2] * vector[2]


def _rotation(quaternion: np.ndarray) -> np.ndarray:
    """[4, M] xyzw, of length one, to [3, 3, M]."""
    x, y, z, w = quaternion
    twice = quaternion + quaternion
    xx, xy, xz = x * twice[:3]
    wx, wy, wz = w * twice[:3]
    yy, yz, zz = y * twice[1], y * twice[2], z * twice[2]
    rotation = np.empty((3, 3, quaternion.shape[1]))
    rotation[0, 0], rotation[0, 1], rotation[0, 2] = 1.0 - (yy + zz), xy - wz, xz + wy
    rotation[1, 0], rotation[1, 1], rotation[1, 2] = xy + wz, 1.0 - (xx + zz), yz - wx
    rotation[2, 0], rotation[2, 1], rotation[2, 2] = xz - wy, yz + wx, 1.0 - (xx + yy)
    return rotation
