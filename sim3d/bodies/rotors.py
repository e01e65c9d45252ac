"""Four rotors in air: thrust that lags its command, reaction torque, drag, the cushion above the ground and the wash of those above."""

from __future__ import annotations

import numpy as np

from robots.quadrotor.airframe import SPIN, Airframe
from robots.quadrotor.motion import Motion, into_body

_WASH_NEAR = 0.7
"""Below this vertical distance the wash is as strong and as narrow as at it [m]: the experiment behind the formula was farther away, and
the formula's width goes through zero at 0.69 m."""
_WASH_WIDTH = 0.05
"""The least standard deviation of the wash [m]: about the arm of the vehicle that makes it."""
_WASH_ONSET = 0.1
"""Between vehicles at the same height and this far apart the wash grows from nothing [m]."""


class Rotors:
    """Of M vehicles, `members` of which share each room; what happens to one depends on its room alone.

    Attributes:
        gain: [4, M], thrust of each motor, of what it was commanded.

    Args:
        airframe: of all.
        thrust: [4, M], N, at the beginning.
        gain: as the attribute.
        members: vehicles a room; vehicle v is in room v // members.
        period: from one step to the next [s].
    """

    def __init__(self, airframe: Airframe, thrust: np.ndarray, gain: np.ndarray, members: int, period: float) -> None:
        self.gain = gain
        self._thrust = thrust
        self._airframe = airframe
        self._members = members
        self._share = 1.0 - np.exp(-period / airframe.motor_time_constant)
        self._drag = np.array(airframe.drag)[:, None]
        self._roll_arm, self._pitch_arm = (arm[:, None] for arm in (airframe.rotor_positions[:, 1], -airframe.rotor_positions[:, 0]))
        self._yaw_arm = (SPIN * airframe.torque_ratio)[:, None]

    def push(self, commanded: np.ndarray, motion: Motion) -> tuple[np.ndarray, np.ndarray]:
        """Advance the motors by one period.

        Args:
            commanded: thrust of each motor [4, M], N.
            motion: of the vehicles.

        Returns:
            Force [3, M], N, and torque [3, M], N m, at the centre of mass, in body axes.
        """
        frame = self._airframe
        self._thrust = self._thrust + self._share * (self.gain * commanded - self._thrust)
        speeds = _sum(np.sqrt(self._thrust * (1.0 / frame.thrust_coefficient)))
        height = np.maximum(motion.position[2], frame.ground_effect_floor)
        near = frame.rotor_radius / (4.0 * height)
        # Upside down there is no cushion.
        lift = self._thrust * (1.0 + np.where(motion.rotation[2, 2] > 0.0, frame.ground_effect * near * near, 0.0))
        force = -self._drag * speeds * into_body(motion.rotation, motion.velocity)
        force[2] += _sum(lift)
        if self._members > 1:
            force -= self._wash(motion.position) * motion.rotation[2]
        return force, np.stack([_sum(self._roll_arm * lift), _sum(self._pitch_arm * lift), _sum(self._yaw_arm * self._thrust)])

    def _wash(self, position: np.ndarray) -> np.ndarray:
        """How hard the vehicles above press on each vehicle [M], N, downwards."""
        strength, widening, width = self._airframe.downwash
        x, y, z = position.reshape(3, -1, self._members)
        total = np.zeros(z.shape)
        for other in range(self._members):
            below = np.maximum(z[:, other, None] - z, 0.0)
            if not below.any():
                continue
            far = np.maximum(below, _WASH_NEAR)
            aside = ((x[:, other, None] - x) ** 2 + (y[:, other, None] - y) ** 2) / np.maximum(widening * far + width, _WASH_WIDTH) ** 2
            near = self._airframe.rotor_radius / (4.0 * far)
            total += strength * near * near * np.minimum(below * (1.0 / _WASH_ONSET), 1.0) * np.exp(-0.5 * aside)
        return total.reshape(-1)


def _sum(rotors: np.ndarray) -> np.ndarray:
    """Over four rotors [4, M], in an order that does not depend on the batch."""
    return rotors[0] + rotors[1] + rotors[2] + rotors[3]
