"""The quadrotor's body: a flight stack commands its four motors, and their rotors push it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from robots.quadrotor.airframe import CRAZYFLIE
from robots.quadrotor.attitude_control import RATE
from robots.quadrotor.flight_stack import MISSION_HEIGHT, FlightStack
from robots.quadrotor.motion import Motion, into_body
from robots.spec import RobotSpec, robot_folder
from sim3d.bodies.body import Floor, Row
from sim3d.bodies.rotors import Rotors
from sim3d.quiet_pybullet import pybullet

_CENTRE = (0.0, 0.0, 0.0)
_LEVEL = (0.0, 0.0, 0.0, 1.0)


class QuadrotorBodies:
    """Rigid bodies that rotors hold in the air, each under its own flight stack. See `sim3d.bodies.body.Bodies`.

    A mission begins in hover at the mission height, with everything that the controllers integrate as it is after long hovering. With
    dynamics other than the spec's, each motor gives motor_gain times what it is commanded, mass and inertia are the spec's times `mass`,
    and the air takes a further friction * v for each kg of the body.

    Attributes:
        stack: the flight stack of all bodies, new at each reset.
        rotors: of all bodies, new at each reset.
        motion: as last read.
    """

    physics_rate = float(RATE)
    solver_iterations = 50
    floor: Floor = "rough"
    wheels = ()

    def __init__(self, spec: RobotSpec, client: int, members: int, substep: float) -> None:
        self._client = client
        self._members = members
        self._substep = substep
        self._every = max(1, round(1.0 / (RATE * substep)))
        self._model = str(robot_folder(spec.kind) / f"{spec.kind}.urdf")
        self._bodies: list[int] = []
        self._mass = np.zeros(0)
        self._friction = np.zeros(0)
        self._setpoints = np.zeros((2, 0))
        self._commanded = np.zeros((4, 0))
        self.stack = FlightStack(0)
        self.rotors = Rotors(CRAZYFLIE, np.zeros((4, 0)), np.zeros((4, 0)), members, substep)
        self.motion = Motion.of(np.zeros((13, 0)))

    def load(self) -> int:
        """Add one."""
        client = self._client
        flags = pybullet.URDF_USE_IMPLICIT_CYLINDER | pybullet.URDF_USE_INERTIA_FROM_FILE
        body = pybullet.loadURDF(self._model, flags=flags, physicsClientId=client)
        pybullet.changeDynamics(body, -1, linearDamping=0.0, angularDamping=0.0, physicsClientId=client)
        self._bodies.append(body)
        self._mass = np.append(self._mass, 1.0)
        return body

    def reset(self, starts: np.ndarray, mass: np.ndarray, motor_gain: np.ndarray, friction: np.ndarray) -> None:
        """Hovering, heading x, above [B, 2], m."""
        for body, before, after in zip(self._bodies, self._mass.tolist(), mass.tolist(), strict=True):
            if before != after:
                inertia = [after * moment for moment in CRAZYFLIE.inertia]
                pybullet.changeDynamics(body, -1, mass=after * CRAZYFLIE.mass, localInertiaDiagonal=inertia, physicsClientId=self._client)
        self._mass = mass
        self._friction = friction * mass * CRAZYFLIE.mass
        thrust, gain = np.tile(CRAZYFLIE.hover_thrust * mass, (4, 1)), np.tile(motor_gain, (4, 1))
        self._begin(starts, MISSION_HEIGHT, thrust, gain)
        self.stack.hover(np.full(len(starts), MISSION_HEIGHT), thrust / gain)

    def stand(self, starts: np.ndarray) -> None:
        """After a reset: on the floor at [B, 2], m, motors off; `stack.take_off` starts them."""
        self._begin(starts, 0.5 * CRAZYFLIE.height, 0.0 * self.rotors.gain, self.rotors.gain)
        self._sense()

    def follow(self, setpoints: np.ndarray) -> None:
        """Velocity set-points [B, 2], m/s."""
        self._setpoints = np.ascontiguousarray(setpoints.T)

    def begin_tick(self, near: Sequence[int]) -> None:
        """The set-point comes again, as from a driver. The flight stack reads its motion before each step, whoever is near."""
        self.stack.follow(self._setpoints)

    def actuate(self, substep: int) -> None:
        """Sense, control, push, once."""
        if substep:
            self._sense()
        motion = self.motion
        if substep % self._every == 0:
            self._commanded = self.stack(motion)
        force, torque = self.rotors.push(self._commanded, motion)
        if self._friction.any():
            force -= self._friction * into_body(motion.rotation, motion.velocity)
        client, frame = self._client, pybullet.LINK_FRAME
        push, turn = pybullet.applyExternalForce, pybullet.applyExternalTorque
        for body, its_force, its_torque in zip(self._bodies, force.T.tolist(), torque.T.tolist(), strict=True):
            push(body, -1, its_force, _CENTRE, frame, client)
            turn(body, -1, its_torque, frame, client)

    def read(self) -> list[Row]:
        """Poses and velocities of the centres, seen from above."""
        self._sense()
        position, velocity = self.motion.position, self.motion.velocity
        ahead, aside = self.motion.rotation[0, 0].tolist(), self.motion.rotation[1, 0].tolist()
        heading = [math.atan2(y, x) for x, y in zip(ahead, aside, strict=True)]
        return list(zip(*position[:2].tolist(), *velocity[:2].tolist(), heading, strict=True))

    def _begin(self, starts: np.ndarray, height: float, thrust: np.ndarray, gain: np.ndarray) -> None:
        """At rest, level, at [B, 2] and a height of the centres, m, with a flight stack that is off and rotors that give [4, B], N."""
        for body, (x, y) in zip(self._bodies, starts.tolist(), strict=True):
            pybullet.resetBasePositionAndOrientation(body, (x, y, height), _LEVEL, physicsClientId=self._client)
            pybullet.resetBaseVelocity(body, _CENTRE, _CENTRE, physicsClientId=self._client)
        self._setpoints = np.zeros((2, len(starts)))
        self.rotors = Rotors(CRAZYFLIE, thrust, gain, self._members, self._substep)
        self.stack = FlightStack(len(starts))

    def _sense(self) -> None:
        client, pose, twist = self._client, pybullet.getBasePositionAndOrientation, pybullet.getBaseVelocity
        rows = [(*sum(pose(body, client), ()), *sum(twist(body, client), ())) for body in self._bodies]
        self.motion = Motion.of(np.array(rows).reshape(-1, 13).T.copy())
