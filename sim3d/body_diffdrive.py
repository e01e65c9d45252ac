"""The differential drive's body: wheels that are driven and roll, a caster that slides, and the conversion that its driver uses."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from robots.diffdrive.drive import BURGER
from robots.spec import RobotSpec, robot_folder
from sim3d.body import Floor, Row
from sim3d.quiet_pybullet import pybullet

STALL_TORQUE = 1.4
"""Of one wheel's motor [N m], at 11.1 V (emanual.robotis.com: XL430-W250)."""

_CENTRE_OF_MASS = (-0.032, 0.0, 0.070)
"""In the URDF's base, whose origin is on the floor below the axle [m]; PyBullet's position of a body is that of its centre of mass."""
_LEFT, _RIGHT = 0, 1


class DiffdriveBodies:
    """In every tick the set-points become wheel speeds (`robots.diffdrive.drive`), and the motors follow these. See `sim3d.body.Bodies`.

    A motor's target changes by no more than the spec's acceleration limit allows, as with the profile acceleration of the real one; its
    speed follows with the spec's time constant, whatever the load, up to its torque. With dynamics other than the spec's, the time constant
    is divided by motor_gain and the torque multiplied by it; a force of -friction * v for each kg of the body acts at its centre of mass.
    """

    physics_rate = 100.0
    solver_iterations = 50
    floor: Floor = "smooth"
    wheels = (_LEFT, _RIGHT)

    def __init__(self, spec: RobotSpec, client: int, members: int, substep: float) -> None:
        self._client = client
        self._model = str(robot_folder(spec.kind) / f"{spec.kind}.urdf")
        self._mass = spec.mass
        self._rate = substep / spec.velocity_time_constant
        self._period = spec.loop_period
        self._bodies: list[int] = []
        # Of a base as its URDF says: mass [kg] and inertia [kg m^2]; and the masses that the bases have now.
        self._base: tuple[float, tuple[float, float, float]] = (0.0, (0.0, 0.0, 0.0))
        self._masses: list[float] = []
        # Of each body: gains of its motors, their torque [N m], the force of friction on it for each m/s [kg/s].
        self._gains: list[tuple[float, float]] = []
        self._torques: list[tuple[float, float]] = []
        self._friction: dict[int, float] = {}
        self._setpoints = np.zeros((0, 2))
        self._targets = np.zeros((0, 2))
        # As last read: headings [rad] and rates of turning [rad/s].
        self._headings: list[float] = []
        self._turning: list[float] = []
        self._pushes: list[tuple[int, tuple[float, float, float], tuple[float, float, float]]] = []

    def load(self) -> int:
        """Add one."""
        client = self._client
        body = pybullet.loadURDF(self._model, flags=pybullet.URDF_USE_INERTIA_FROM_FILE, physicsClientId=client)
        for link in (-1, *self.wheels):
            pybullet.changeDynamics(body, link, linearDamping=0.0, angularDamping=0.0, jointDamping=0.0, physicsClientId=client)
        self._bodies.append(body)
        mass, _, inertia, *_ = pybullet.getDynamicsInfo(body, -1, client)
        self._base = mass, inertia
        self._masses.append(mass)
        return body

    def reset(self, starts: np.ndarray, mass: np.ndarray, motor_gain: np.ndarray, friction: np.ndarray) -> None:
        """At rest, heading x, control points at [B, 2], m."""
        ahead, _, height = _CENTRE_OF_MASS
        for body, (x, y) in zip(self._bodies, starts.tolist(), strict=True):
            place = (x - BURGER.control_point + ahead, y, height)
            pybullet.resetBasePositionAndOrientation(body, place, (0.0, 0.0, 0.0, 1.0), physicsClientId=self._client)
            for wheel in self.wheels:
                pybullet.resetJointState(body, wheel, 0.0, 0.0, physicsClientId=self._client)
        # What a robot is heavier than its spec, its base is.
        self._set_masses((self._base[0] + self._mass * (mass - 1.0)).tolist())
        self._gains = [(gain, gain) for gain in (1.0 - np.exp(-self._rate * motor_gain)).tolist()]
        self._torques = [(torque, torque) for torque in (STALL_TORQUE * motor_gain).tolist()]
        self._friction = {index: force for index, force in enumerate((self._mass * mass * friction).tolist()) if force}
        self._targets = np.zeros(starts.shape)

    def follow(self, setpoints: np.ndarray) -> None:
        """Velocity set-points of the control points [B, 2], m/s."""
        self._setpoints = setpoints

    def begin_tick(self, near: Sequence[int]) -> None:
        """Turn the set-points into the motors' targets, by where the robots head now."""
        self._targets = BURGER.command(self._setpoints, np.array(self._headings), np.array(self._turning), self._targets, self._period)
        for body, targets, gains, torques in zip(self._bodies, self._targets.tolist(), self._gains, self._torques, strict=True):
            pybullet.setJointMotorControlArray(
                body,
                self.wheels,
                pybullet.VELOCITY_CONTROL,
                targetVelocities=targets,
                velocityGains=gains,
                forces=torques,
                physicsClientId=self._client,
            )
        self._pushes = [self._push(index, force) for index, force in self._friction.items()]

    def actuate(self, substep: int) -> None:
        """The motors work in the engine; what slows a robot down is a force from outside, the same for a tick."""
        for body, force, place in self._pushes:
            pybullet.applyExternalForce(body, -1, force, place, pybullet.WORLD_FRAME, self._client)

    def read(self) -> list[Row]:
        """Where the control points are."""
        arm = BURGER.control_point - _CENTRE_OF_MASS[0]
        rows: list[Row] = []
        self._headings, self._turning = [], []
        for body in self._bodies:
            (x, y, _), (i, j, k, real) = pybullet.getBasePositionAndOrientation(body, self._client)
            (velocity_x, velocity_y, _), (_, _, turning) = pybullet.getBaseVelocity(body, self._client)
            heading = math.atan2(2.0 * (real * k + i * j), 1.0 - 2.0 * (j * j + k * k))
            arm_x, arm_y = arm * math.cos(heading), arm * math.sin(heading)
            rows.append((x + arm_x, y + arm_y, velocity_x - turning * arm_y, velocity_y + turning * arm_x, heading))
            self._headings.append(heading)
            self._turning.append(turning)
        return rows

    def _set_masses(self, masses: list[float]) -> None:
        """Bases of these masses [kg], with the inertia in proportion."""
        mass, inertia = self._base
        for body, before, after in zip(self._bodies, self._masses, masses, strict=True):
            if before != after:
                scaled = tuple(after / mass * each for each in inertia)
                pybullet.changeDynamics(body, -1, mass=after, localInertiaDiagonal=scaled, physicsClientId=self._client)
        self._masses = masses

    def _push(self, index: int, friction: float) -> tuple[int, tuple[float, float, float], tuple[float, float, float]]:
        body = self._bodies[index]
        place, _ = pybullet.getBasePositionAndOrientation(body, self._client)
        (velocity_x, velocity_y, _), _ = pybullet.getBaseVelocity(body, self._client)
        return body, (-friction * velocity_x, -friction * velocity_y, 0.0), place
