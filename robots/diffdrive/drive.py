"""Planar set-points into wheel speeds, and back: the platform side of a differential drive, for its driver and for its simulated body.

A differential drive cannot move sideways, but a point that is fixed to it off the axle can move in any direction: ahead with the robot's
speed v, and across with its turning rate w times the distance d from the axle. So this *control point* is the robot's position, to all the
world. Its velocity in the robot's own frame is (v, w d), whatever the heading, and a set-point for it gives v and w at once: feedback
linearisation about a point off the axle (d'Andrea-Novel, Campion, Bastin, Int. J. of Robotics Research 14(6), 1995).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class DifferentialDrive:
    """Two wheels on one axle, and a control point ahead of it.

    Attributes:
        wheel_radius: [m].
        wheel_separation: from wheel to wheel, along the axle [m].
        control_point: how far ahead of the axle the control point is [m].
        wheel_speed_limit: largest speed of a wheel [rad/s].
        wheel_acceleration_limit: largest change of the two wheels' speeds, as the norm of a vector of both [rad/s^2].
        lead: time constant with which the wheels follow their command [s].
    """

    wheel_radius: float
    wheel_separation: float
    control_point: float
    wheel_speed_limit: float
    wheel_acceleration_limit: float
    lead: float

    def command(self, setpoint: np.ndarray, heading: np.ndarray, wheels: np.ndarray, period: float) -> np.ndarray:
        """The wheel speeds to command now.

        The wheels will do what they are told a `lead` later, and by then the robot heads elsewhere: so they are told what fits that
        heading. And the command is no farther ahead of what the wheels do than the acceleration limit allows.

        Args:
            setpoint: velocity of the control point, [..., 2], m/s, world frame.
            heading: [...], rad.
            wheels: what the wheels do, [..., 2], rad/s.
            period: until the next command [s].

        Returns:
            Speeds of the left and the right wheel, [..., 2], rad/s.
        """
        turning = (wheels[..., 1] - wheels[..., 0]) * (self.wheel_radius / self.wheel_separation)
        ahead = self.wheel_speeds(setpoint, heading + self.lead * turning) - wheels
        size = np.hypot(ahead[..., :1], ahead[..., 1:])
        # Of a command that is this far ahead the wheels make up the limit's share within the period.
        farthest = self.wheel_acceleration_limit * period / -math.expm1(-period / self.lead)
        return wheels + ahead * (farthest / np.maximum(size, farthest))

    def wheel_speeds(self, setpoint: np.ndarray, heading: np.ndarray) -> np.ndarray:
        """What the wheels have to do so that the control point moves as it should.

        Where one wheel would have to turn faster than it can, both are slowed down by the same factor: the robot stays on its curve, and
        the control point keeps its direction.

        Args:
            setpoint: velocity of the control point, [..., 2], m/s, world frame.
            heading: [...], rad.

        Returns:
            Speeds of the left and the right wheel, [..., 2], rad/s.
        """
        cosine, sine = np.cos(heading), np.sin(heading)
        ahead = cosine * setpoint[..., 0] + sine * setpoint[..., 1]
        across = cosine * setpoint[..., 1] - sine * setpoint[..., 0]
        turning = across * (0.5 * self.wheel_separation / self.control_point)
        speeds = np.stack([ahead - turning, ahead + turning], axis=-1) / self.wheel_radius
        fastest = np.maximum(np.abs(speeds[..., :1]), np.abs(speeds[..., 1:]))
        return speeds * (self.wheel_speed_limit / np.maximum(fastest, self.wheel_speed_limit))

    def position(self, axle: np.ndarray, heading: np.ndarray) -> np.ndarray:
        """Where the control point is, [..., 2], m, when the middle of the axle is at [..., 2], m, and the robot heads [...], rad."""
        return axle + self.control_point * np.stack([np.cos(heading), np.sin(heading)], axis=-1)

    def velocity(self, wheel_speeds: np.ndarray, heading: np.ndarray) -> np.ndarray:
        """Velocity of the control point, [..., 2], m/s, world frame, of wheels that roll at [..., 2], rad/s."""
        left, right = self.wheel_radius * wheel_speeds[..., 0], self.wheel_radius * wheel_speeds[..., 1]
        ahead, across = 0.5 * (left + right), (right - left) * (self.control_point / self.wheel_separation)
        cosine, sine = np.cos(heading), np.sin(heading)
        return np.stack([cosine * ahead - sine * across, sine * ahead + cosine * across], axis=-1)


BURGER = DifferentialDrive(
    wheel_radius=0.033,
    wheel_separation=0.160,
    # Half the separation: set-points become wheel speeds by a rotation of 45 degrees and a factor, alike in all directions.
    control_point=0.080,
    # 0.22 m/s; the motors ignore a command above their limit (ROBOTIS-GIT/turtlebot3, issue 765).
    wheel_speed_limit=0.22 / 0.033,
    # 1 m/s^2 of the control point (spec.yaml): in the robot's frame its velocity is that of both wheels, turned and divided by sqrt(2).
    wheel_acceleration_limit=math.sqrt(2.0) * 1.0 / 0.033,
    # The time constant of the wheels' speed loops (spec.yaml).
    lead=0.1,
)
