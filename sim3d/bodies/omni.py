"""The omni robot's body: it is pushed at its centre of mass towards its set-point, as hard as its wheels can."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from robots.spec import RobotSpec, robot_folder
from sim3d.bodies.body import Floor, Row
from sim3d.quiet_pybullet import pybullet

_CENTRE = (0.0, 0.0, 0.0)


class OmniBodies:
    """F = m clip((v_set - v) / tau, a_max) at every step of the physics; attitude and heading hold. See `sim3d.bodies.body.Bodies`.

    With dynamics other than the spec's, F is motor_gain times that with the *spec's* m, less friction * v for each kg of the body.
    """

    physics_rate = 240.0
    solver_iterations = 50
    floor: Floor = "smooth"
    wheels = ()

    def __init__(self, spec: RobotSpec, client: int, members: int, substep: float) -> None:
        self._client = client
        self._substep = substep
        self._model = str(robot_folder(spec.kind) / f"{spec.kind}.urdf")
        self._rate = 1.0 / spec.velocity_time_constant
        self._mass = spec.mass
        self._acceleration_limit = spec.acceleration_limit
        self._height = 0.0
        self._bodies: list[int] = []
        # Of each body: its mass [kg], its motors' acceleration of that in the spec, its friction [1/s].
        self._dynamics: list[tuple[float, float, float]] = []
        # Of each body: its place in these lists, its number, its set-point [m/s], its dynamics.
        self._driven: list[tuple[int, int, float, float, float, float, float]] = []
        self._velocities: list[tuple[float, float, float]] = []
        self._near: Sequence[int] = ()

    def load(self) -> int:
        """Add one."""
        client = self._client
        flags = pybullet.URDF_USE_IMPLICIT_CYLINDER | pybullet.URDF_USE_INERTIA_FROM_FILE
        body = pybullet.loadURDF(self._model, flags=flags, physicsClientId=client)
        (_, _, lowest), _ = pybullet.getAABB(body, -1, physicsClientId=client)
        self._height = -lowest
        # No inertia is Bullet's way to say that a body does not rotate: the base holds its attitude by itself.
        pybullet.changeDynamics(body, -1, linearDamping=0.0, angularDamping=0.0, localInertiaDiagonal=_CENTRE, physicsClientId=client)
        self._bodies.append(body)
        self._dynamics.append((self._mass, 1.0, 0.0))
        return body

    def reset(self, starts: np.ndarray, mass: np.ndarray, motor_gain: np.ndarray, friction: np.ndarray) -> None:
        """At rest, heading x, at [B, 2], m."""
        for body, (x, y) in zip(self._bodies, starts.tolist(), strict=True):
            pybullet.resetBasePositionAndOrientation(body, (x, y, self._height), (0.0, 0.0, 0.0, 1.0), physicsClientId=self._client)
        # The motors' force is that of the spec's mass, whatever the body weighs.
        wanted = list(zip((self._mass * mass).tolist(), (motor_gain / mass).tolist(), friction.tolist(), strict=True))
        for body, before, after in zip(self._bodies, self._dynamics, wanted, strict=True):
            if before[0] != after[0]:
                # Without the inertia Bullet would compute one, and let the body rotate.
                pybullet.changeDynamics(body, -1, mass=after[0], localInertiaDiagonal=_CENTRE, physicsClientId=self._client)
        self._dynamics = wanted

    def follow(self, setpoints: np.ndarray) -> None:
        """Velocity set-points [B, 2], m/s."""
        everything = enumerate(zip(self._bodies, setpoints.tolist(), self._dynamics, strict=True))
        self._driven = [(index, body, *target, *dynamics) for index, (body, target, dynamics) in everything]

    def begin_tick(self, near: Sequence[int]) -> None:
        """Read the velocities of those that nothing touches no more within this tick: they follow from the set-points."""
        self._near = near

    def actuate(self, substep: int) -> None:
        """Push each, once."""
        velocities, client = self._velocities, self._client
        dt, rate, limit, limit_squared = self._substep, self._rate, self._acceleration_limit, self._acceleration_limit**2
        push, frame = pybullet.applyExternalForce, pybullet.LINK_FRAME
        if substep:
            for index in self._near:
                velocities[index] = pybullet.getBaseVelocity(self._bodies[index], client)[0]
        for index, body, target_x, target_y, mass, gain, friction in self._driven:
            velocity_x, velocity_y, _ = velocities[index]
            x, y = rate * (target_x - velocity_x), rate * (target_y - velocity_y)
            squared = x * x + y * y
            if squared > limit_squared:
                shrink = limit / math.sqrt(squared)
                x, y = x * shrink, y * shrink
            x, y = gain * x - friction * velocity_x, gain * y - friction * velocity_y
            push(body, -1, (mass * x, mass * y, 0.0), _CENTRE, frame, client)
            # What the engine will find where nothing touches; reading it costs as much as half the physics.
            velocities[index] = (velocity_x + x * dt, velocity_y + y * dt, 0.0)

    def read(self) -> list[Row]:
        """Poses and velocities of the centres."""
        rows: list[Row] = []
        for body in self._bodies:
            (x, y, _), (_, _, sine, cosine) = pybullet.getBasePositionAndOrientation(body, self._client)
            velocity_x, velocity_y, _ = pybullet.getBaseVelocity(body, self._client)[0]
            rows.append((x, y, velocity_x, velocity_y, 2.0 * math.atan2(sine, cosine)))
        self._velocities = [(velocity_x, velocity_y, 0.0) for _, _, velocity_x, velocity_y, _ in rows]
        return rows
