"""The differential drive's body: wheels that are driven and roll, a caster that slides, and the conversion that its driver uses."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from robots.diffdrive.drive import BURGER
from robots.spec import RobotSpec, robot_folder
from sim3d.bodies.body import Floor, Row
from sim3d.quiet_pybullet import pybullet

STALL_TORQUE = 1.4
"""Of one wheel's motor [N m], at 11.1 V (emanual.robotis.com: XL430-W250)."""

STIFFNESS = 50.0
"""How fast the motors make up for what a load does to the wheels' speed [1/s]. Their back EMF alone makes up for it at 220 / s: 1.4 N m at
a standstill and none at 57 rev/min is 0.23 N m s, on the 0.001 kg m^2 that a wheel has to drive. More than 50 would need smaller steps."""

_CENTRE_OF_MASS = (-0.112, 0.0, 0.070)
"""From the control point's foot on the floor [m]; PyBullet's position of a body is that of its base's centre of mass."""
_WHEEL_INERTIA = 5e-4
"""About the axle [kg m^2]."""
_TURNING_INERTIA = 5e-3
"""Of the whole robot, about a vertical through the middle of the axle [kg m^2]."""
_LEFT, _RIGHT = 0, 1


class DiffdriveBodies:
    """In every tick the set-points become wheel speeds (`robots.diffdrive.drive`), which the motors follow. See `sim3d.bodies.body.Bodies`.

    The wheels' speeds follow the commanded ones with the spec's time constant, hardly less whatever the load, up to the motors' torque.
    With dynamics other than the spec's, the time constant is divided by motor_gain and the torque multiplied by it; a force of
    -friction * v for each kg of the robot acts at the centre of mass of its body.

    The motors' torques are computed here, step by step: PyBullet's own motors are constraints, and the order in which Bullet takes those of
    robots in touch depends on what else is in the client.
    """

    physics_rate = 100.0
    solver_iterations = 50
    floor: Floor = "smooth"
    wheels = (_LEFT, _RIGHT)

    def __init__(self, spec: RobotSpec, client: int, members: int, substep: float) -> None:
        self._client = client
        self._model = str(robot_folder(spec.kind) / f"{spec.kind}.urdf")
        self._period, self._substep = spec.loop_period, substep
        self._time_constant = spec.velocity_time_constant
        self._mass = spec.mass
        # What each motor has to accelerate, when both do the same (the robot goes ahead), and when they do the opposite (it turns).
        ahead = 0.5 * spec.mass * BURGER.wheel_radius**2 + _WHEEL_INERTIA
        across = 2.0 * _TURNING_INERTIA * (BURGER.wheel_radius / BURGER.wheel_separation) ** 2 + _WHEEL_INERTIA
        self._own_inertia, self._other_inertia = 0.5 * (ahead + across), 0.5 * (ahead - across)
        self._bodies: list[int] = []
        # Of a base as its URDF says: mass [kg] and inertia [kg m^2]; and the masses that the bases have now.
        self._base: tuple[float, tuple[float, float, float]] = (0.0, (0.0, 0.0, 0.0))
        self._masses: list[float] = []
        # Of each body: the share of the way to the commanded speed that it goes in a step, and the largest torque [N m].
        self._share = self._torque = np.zeros((0, 1))
        # Of the bodies that have any: the force of friction for each m/s [kg/s], and that of this tick with where it acts.
        self._friction: dict[int, float] = {}
        self._pushes: list[tuple[int, tuple[float, float, float], tuple[float, float, float]]] = []
        self._setpoints = np.zeros((0, 2))
        # Of each wheel [rad/s]: what is commanded, and what it does were there no load.
        self._commanded = self._unloaded = np.zeros((0, 2))
        # As last read [rad].
        self._headings: list[float] = []

    def load(self) -> int:
        """Add one."""
        client = self._client
        body = pybullet.loadURDF(self._model, flags=pybullet.URDF_USE_INERTIA_FROM_FILE, physicsClientId=client)
        for link in range(-1, pybullet.getNumJoints(body, client)):
            pybullet.changeDynamics(body, link, linearDamping=0.0, angularDamping=0.0, jointDamping=0.0, physicsClientId=client)
        # PyBullet gives each joint a motor that brakes.
        pybullet.setJointMotorControlArray(body, self.wheels, pybullet.VELOCITY_CONTROL, forces=(0.0, 0.0), physicsClientId=client)
        self._bodies.append(body)
        mass, _, inertia, *_ = pybullet.getDynamicsInfo(body, -1, client)
        self._base = mass, inertia
        self._masses.append(mass)
        return body

    def reset(self, starts: np.ndarray, mass: np.ndarray, motor_gain: np.ndarray, friction: np.ndarray) -> None:
        """At rest, heading x, control points at [B, 2], m."""
        ahead, _, height = _CENTRE_OF_MASS
        for body, (x, y) in zip(self._bodies, starts.tolist(), strict=True):
            place = (x + ahead, y, height)
            pybullet.resetBasePositionAndOrientation(body, place, (0.0, 0.0, 0.0, 1.0), physicsClientId=self._client)
        # What a robot is heavier than its spec, its base is.
        self._set_masses((self._base[0] + self._mass * (mass - 1.0)).tolist())
        rate = -self._substep / self._time_constant
        self._share = np.array([[-math.expm1(rate * gain)] for gain in motor_gain.tolist()])
        self._torque = STALL_TORQUE * motor_gain[:, None]
        self._friction = {index: force for index, force in enumerate((self._mass * mass * friction).tolist()) if force}
        self._commanded, self._unloaded = np.zeros(starts.shape), np.zeros(starts.shape)

    def follow(self, setpoints: np.ndarray) -> None:
        """Velocity set-points of the control points [B, 2], m/s."""
        self._setpoints = setpoints

    def begin_tick(self, near: Sequence[int]) -> None:
        """Turn the set-points into wheel speeds, by where the robots head now."""
        self._commanded = BURGER.command(self._setpoints, np.array(self._headings), self._wheel_speeds(), self._period)
        self._pushes = [self._push(index, force) for index, force in self._friction.items()]

    def actuate(self, substep: int) -> None:
        """Torques that take the wheels where they would be without a load, and back there when a load has changed their speed."""
        client = self._client
        way = self._share * (self._commanded - self._unloaded)
        acceleration = way / self._substep + STIFFNESS * (self._unloaded - self._wheel_speeds())
        self._unloaded = self._unloaded + way
        torques = self._own_inertia * acceleration + self._other_inertia * acceleration[:, ::-1]
        for body, forces in zip(self._bodies, np.clip(torques, -self._torque, self._torque).tolist(), strict=True):
            pybullet.setJointMotorControlArray(body, self.wheels, pybullet.TORQUE_CONTROL, forces=forces, physicsClientId=client)
        for body, force, place in self._pushes:
            pybullet.applyExternalForce(body, -1, force, place, pybullet.WORLD_FRAME, client)

    def read(self) -> list[Row]:
        """Where the control points are."""
        arm = -_CENTRE_OF_MASS[0]
        rows: list[Row] = []
        self._headings = []
        for body in self._bodies:
            (x, y, _), (i, j, k, real) = pybullet.getBasePositionAndOrientation(body, self._client)
            (velocity_x, velocity_y, _), (_, _, turning) = pybullet.getBaseVelocity(body, self._client)
            heading = math.atan2(2.0 * (real * k + i * j), 1.0 - 2.0 * (j * j + k * k))
            arm_x, arm_y = arm * math.cos(heading), arm * math.sin(heading)
            rows.append((x + arm_x, y + arm_y, velocity_x - turning * arm_y, velocity_y + turning * arm_x, heading))
            self._headings.append(heading)
        return rows

    def _wheel_speeds(self) -> np.ndarray:
        """[B, 2], rad/s."""
        client, read = self._client, pybullet.getJointStates
        return np.array([[left[1], right[1]] for left, right in (read(body, self.wheels, client) for body in self._bodies)])

    def _set_masses(self, masses: list[float]) -> None:
        """Bases of these masses [kg], with the inertia in proportion."""
        mass, inertia = self._base
        for body, before, after in zip(self._bodies, self._masses, masses, strict=True):
            if before != after:
                scaled = tuple(after / mass * each for each in inertia)
                pybullet.changeDynamics(body, -1, mass=after, localInertiaDiagonal=scaled, physicsClientId=self._client)
        self._masses = masses

    def _push(self, index: int, friction: float) -> tuple[int, tuple[float, float, float], tuple[float, float, float]]:
        """Friction of one body: its number, the force [N] and the point at which it acts [m], the same for a tick."""
        body = self._bodies[index]
        place, _ = pybullet.getBasePositionAndOrientation(body, self._client)
        (velocity_x, velocity_y, _), _ = pybullet.getBaseVelocity(body, self._client)
        return body, (-friction * velocity_x, -friction * velocity_y, 0.0), place
