"""Quadrotors in a PyBullet client of their own, with all of them in reach: what an engine does, for flights that no mission has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from robots.quadrotor.attitude_control import RATE
from robots.spec import load_spec
from sim3d.bodies.quadrotor import QuadrotorBodies
from sim3d.quiet_pybullet import pybullet

SPEC = load_spec("quadrotor")
_FLOOR, _VEHICLES = 1, 2


@dataclass(frozen=True)
class Track:
    """One sample a tick, from the start on: position and velocity [T + 1, 3, M], m and m/s; roll, pitch, yaw [T + 1, 3, M], rad."""

    position: np.ndarray
    velocity: np.ndarray
    angles: np.ndarray


class Flight:
    """Quadrotors that hover above a floor at the mission height when it begins, and go through each other.

    Attributes:
        bodies: with `bodies.stack` and `bodies.rotors`.

    Args:
        starts: [M, 2], m.
        members: so many vehicles of the M share a room, and wash each other.
        mass: of that in the spec.
        motor_gain: likewise.
        friction: [1/s].
    """

    def __init__(self, starts: np.ndarray, members: int = 1, mass: float = 1.0, motor_gain: float = 1.0, friction: float = 0.0) -> None:
        starts = np.asarray(starts, dtype=np.float64)
        self._client = pybullet.connect(pybullet.DIRECT)
        pybullet.setGravity(0.0, 0.0, -9.81, physicsClientId=self._client)
        pybullet.setTimeStep(1.0 / RATE, physicsClientId=self._client)
        plane = pybullet.createCollisionShape(pybullet.GEOM_PLANE, physicsClientId=self._client)
        floor = pybullet.createMultiBody(0.0, plane, physicsClientId=self._client)
        pybullet.changeDynamics(floor, -1, lateralFriction=1.0, physicsClientId=self._client)
        # PyBullet lets two bodies touch when either one's mask has the other's group.
        pybullet.setCollisionFilterGroupMask(floor, -1, _FLOOR, 0, physicsClientId=self._client)
        self.bodies = QuadrotorBodies(SPEC, self._client, members, 1.0 / RATE)
        for _ in starts:
            pybullet.setCollisionFilterGroupMask(self.bodies.load(), -1, _VEHICLES, _FLOOR, physicsClientId=self._client)
        ones = np.ones(len(starts))
        self.bodies.reset(starts, mass * ones, motor_gain * ones, friction * ones)
        self.bodies.read()

    def tick(self) -> None:
        """One period of the control loop, 20 ms, without a set-point; those of before hold until the watchdog ends them."""
        for substep in range(round(SPEC.loop_period * RATE)):
            self.bodies.actuate(substep)
            pybullet.stepSimulation(self._client)
        self.bodies.read()

    def fly(self, seconds: float, setpoint: Callable[[int], np.ndarray] | np.ndarray | None = None) -> Track:
        """Fly on, with set-points [M, 2], m/s: one for all ticks, one for each tick, or none at all."""
        motions = [self.bodies.motion]
        for tick in range(round(seconds / SPEC.loop_period)):
            if setpoint is not None:
                wanted = setpoint(tick) if callable(setpoint) else setpoint
                self.bodies.stack.follow(np.array(np.broadcast_to(wanted, (self.vehicles, 2)).T, dtype=np.float64))
            self.tick()
            motions.append(self.bodies.motion)
        return Track(*(np.stack([part(motion) for motion in motions]) for part in (_position, _velocity, lambda motion: motion.angles())))

    @property
    def vehicles(self) -> int:
        """M."""
        return len(self.bodies.stack.mode)

    def close(self) -> None:
        """Disconnect."""
        pybullet.disconnect(self._client)

    def __enter__(self) -> Flight:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _position(motion):
    return motion.position


def _velocity(motion):
    return motion.velocity
