"""PyBullet physics of robots that follow planar velocity set-points, in one process."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np

from robots.spec import RobotSpec, robot_folder
from sim3d.quiet_pybullet import pybullet
from sim3d.world import Dynamics

PHYSICS_RATE = 240.0
"""Physics runs at least at this rate [Hz], at a whole number of steps a loop tick."""

ROOMS = 30
"""Episodes in one client, which takes 34 MB whatever is in it; Bullet's collision filter has 31 groups, and the floor is one."""

_FLOOR_GROUP = 1
_CENTRE = (0.0, 0.0, 0.0)
_CONTACT_REACH = 0.04
"""Bullet may let bodies act on each other from this far [m]: twice its contact breaking threshold."""


class Engine:
    """One PyBullet client with up to ROOMS rooms, one an episode, all at the same place: robots of different rooms cannot touch.

    A room's motion does not depend on the other rooms nor on what the client did before, to the last bit: contacts are solved island by
    island, and every reset starts from the same saved state.

    Args:
        spec: of the robots, which take velocity set-points.
        robots: N.
    """

    def __init__(self, spec: RobotSpec, robots: int) -> None:
        self._robots = robots
        self._model = str(robot_folder(spec.kind) / f"{spec.kind}.urdf")
        self._substeps = math.ceil(spec.loop_period * PHYSICS_RATE)
        self._substep = spec.loop_period / self._substeps
        self._rate = 1.0 / spec.velocity_time_constant
        self._mass = spec.mass
        self._acceleration_limit = spec.acceleration_limit
        # Two robots farther apart than this cannot touch within one tick.
        self._touch = 2 * spec.radius + 2 * spec.speed_limit * spec.loop_period + _CONTACT_REACH
        self._bodies: list[int] = []
        # Of each body: its mass [kg], its motors' acceleration of that in the spec, its friction [1/s].
        self._dynamics: list[tuple[float, float, float]] = []
        # Of each body, as last read: x, y, both velocities, heading.
        self._rows: list[tuple[float, ...]] = []
        self._height = 0.0
        self._pristine = -1
        self._client = pybullet.connect(pybullet.DIRECT)

    def reset(self, starts: np.ndarray, dynamics: Dynamics | None = None) -> None:
        """Put robots at rest, heading x, at [R, N, 2], m; R of at most ROOMS. What they weigh and can may differ from the spec."""
        if starts.shape[0] * self._robots != len(self._bodies):
            self._build(starts.shape[0])
        # Bullet's own way to begin again alike: poses alone would leave its caches of pairs and contacts as they were.
        pybullet.restoreState(self._pristine, physicsClientId=self._client)
        for body, (x, y) in zip(self._bodies, starts.reshape(-1, 2).tolist(), strict=True):
            pybullet.resetBasePositionAndOrientation(body, (x, y, self._height), (0.0, 0.0, 0.0, 1.0), physicsClientId=self._client)
        self._set_dynamics(dynamics)
        self._rows = self._read()

    def advance(self, setpoints: np.ndarray, ticks: int) -> None:
        """Hold velocity set-points [R, N, 2], m/s, world frame, no faster than the speed limit, for a number of loop ticks."""
        bodies = self._bodies
        targets = [tuple(target) for target in setpoints.reshape(-1, 2).tolist()]
        client, dt, rate = self._client, self._substep, self._rate
        limit, limit_squared = self._acceleration_limit, self._acceleration_limit**2
        read, push, step, frame = pybullet.getBaseVelocity, pybullet.applyExternalForce, pybullet.stepSimulation, pybullet.LINK_FRAME
        for _ in range(ticks):
            velocities = [(velocity_x, velocity_y, 0.0) for _, _, velocity_x, velocity_y, _ in self._rows]
            crowded = self._crowded()
            for substep in range(self._substeps):
                if substep:
                    for index in crowded:
                        velocities[index] = read(bodies[index], client)[0]
                for index, ((target_x, target_y), (mass, gain, friction)) in enumerate(zip(targets, self._dynamics, strict=True)):
                    velocity_x, velocity_y, _ = velocities[index]
                    x, y = rate * (target_x - velocity_x), rate * (target_y - velocity_y)
                    squared = x * x + y * y
                    if squared > limit_squared:
                        shrink = limit / math.sqrt(squared)
                        x, y = x * shrink, y * shrink
                    x, y = gain * x - friction * velocity_x, gain * y - friction * velocity_y
                    push(bodies[index], -1, (mass * x, mass * y, 0.0), _CENTRE, frame, client)
                    # What the engine will find where nothing touches; reading it costs as much as half the physics.
                    velocities[index] = (velocity_x + x * dt, velocity_y + y * dt, 0.0)
                step(client)
            self._rows = self._read()

    def poses(self) -> np.ndarray:
        """Position [m], velocity [m/s] and heading [rad] of every robot: [R, N, 5], world frame."""
        return np.array(self._rows).reshape(-1, self._robots, 5)

    def close(self) -> None:
        """Disconnect. May be called twice."""
        if self._client >= 0:
            pybullet.disconnect(self._client)
            self._client = -1

    def _build(self, rooms: int) -> None:
        """Fill the client with a floor and the rooms' robots, and save the state that every reset starts from."""
        client = self._client
        pybullet.resetSimulation(physicsClientId=client)
        pybullet.setGravity(0.0, 0.0, -9.81, physicsClientId=client)
        pybullet.setTimeStep(self._substep, physicsClientId=client)
        pybullet.setPhysicsEngineParameter(deterministicOverlappingPairs=1, minimumSolverIslandSize=1, physicsClientId=client)
        plane = pybullet.createCollisionShape(pybullet.GEOM_PLANE, physicsClientId=client)
        floor = pybullet.createMultiBody(0.0, plane, physicsClientId=client)
        # Bullet multiplies the frictions of two bodies: the wheels carry the robots, the floor does not hold them.
        pybullet.changeDynamics(floor, -1, lateralFriction=0.0, physicsClientId=client)
        pybullet.setCollisionFilterGroupMask(floor, -1, _FLOOR_GROUP, -1, physicsClientId=client)
        self._bodies = [self._load_robot(1 << (room + 1)) for room in range(rooms) for _ in range(self._robots)]
        self._dynamics = [(self._mass, 1.0, 0.0)] * len(self._bodies)
        self._pristine = pybullet.saveState(physicsClientId=client)

    def _set_dynamics(self, dynamics: Dynamics | None) -> None:
        wanted = [(self._mass, 1.0, 0.0)] * len(self._bodies)
        if dynamics is not None:
            figures = (dynamics.mass, dynamics.motor_gain, dynamics.friction)
            mass, gain, friction = (np.asarray(figure, dtype=np.float64).ravel() for figure in figures)
            # The motors' force is that of the spec's mass, whatever the body weighs.
            wanted = list(zip((self._mass * mass).tolist(), (gain / mass).tolist(), friction.tolist(), strict=True))
        for body, before, after in zip(self._bodies, self._dynamics, wanted, strict=True):
            if before[0] != after[0]:
                # Without the inertia Bullet would compute one, and let the body rotate.
                pybullet.changeDynamics(body, -1, mass=after[0], localInertiaDiagonal=_CENTRE, physicsClientId=self._client)
        self._dynamics = wanted

    def _load_robot(self, group: int) -> int:
        client = self._client
        flags = pybullet.URDF_USE_IMPLICIT_CYLINDER | pybullet.URDF_USE_INERTIA_FROM_FILE
        body = pybullet.loadURDF(self._model, flags=flags, physicsClientId=client)
        (_, _, lowest), _ = pybullet.getAABB(body, -1, physicsClientId=client)
        self._height = -lowest
        # No inertia is Bullet's way to say that a body does not rotate: the base holds its attitude by itself.
        pybullet.changeDynamics(body, -1, linearDamping=0.0, angularDamping=0.0, localInertiaDiagonal=_CENTRE, physicsClientId=client)
        pybullet.setCollisionFilterGroupMask(body, -1, group, group | _FLOOR_GROUP, physicsClientId=client)
        return body

    def _read(self) -> list[tuple[float, ...]]:
        rows = []
        for body in self._bodies:
            (x, y, _), (_, _, sine, cosine) = pybullet.getBasePositionAndOrientation(body, self._client)
            velocity_x, velocity_y, _ = pybullet.getBaseVelocity(body, self._client)[0]
            rows.append((x, y, velocity_x, velocity_y, 2.0 * math.atan2(sine, cosine)))
        return rows

    def _crowded(self) -> list[int]:
        """The robots of the rooms in which two robots may touch within the next tick."""
        reach_squared = self._touch**2
        crowded: list[int] = []
        for first in range(0, len(self._rows), self._robots):
            room = self._rows[first : first + self._robots]
            if any((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2 < reach_squared for a, b in combinations(room, 2)):
                crowded.extend(range(first, first + self._robots))
        return crowded


class Engines:
    """As many engines as a batch of episodes needs. They start when first used and are kept for the next batch."""

    def __init__(self, spec: RobotSpec, robots: int) -> None:
        self._spec, self._robots = spec, robots
        self._idle: list[Engine] = []
        self._busy: list[Engine] = []

    def reset(self, starts: np.ndarray, dynamics: Dynamics | None = None) -> np.ndarray:
        """Put robots at rest at [B, N, 2], m, with dynamics of B episodes; gives their poses [B, N, 5] as `Engine.poses` does."""
        shares = _shares(starts)
        engines = self._busy + self._idle
        engines += [Engine(self._spec, self._robots) for _ in range(len(shares) - len(engines))]
        self._busy, self._idle = engines[: len(shares)], engines[len(shares) :]
        for number, (engine, share) in enumerate(zip(self._busy, shares, strict=True)):
            engine.reset(share, dynamics if dynamics is None else dynamics[number * ROOMS : (number + 1) * ROOMS])
        return np.concatenate([engine.poses() for engine in self._busy])

    def advance(self, setpoints: np.ndarray, ticks: int) -> np.ndarray:
        """Hold set-points [B, N, 2], m/s, for a number of ticks; gives the poses [B, N, 5] after them."""
        for engine, share in zip(self._busy, _shares(setpoints), strict=True):
            engine.advance(share, ticks)
        return np.concatenate([engine.poses() for engine in self._busy])

    def close(self) -> None:
        """Disconnect all. May be called twice."""
        for engine in self._busy + self._idle:
            engine.close()
        self._busy, self._idle = [], []


def _shares(batch: np.ndarray) -> list[np.ndarray]:
    return [batch[first : first + ROOMS] for first in range(0, len(batch), ROOMS)]
