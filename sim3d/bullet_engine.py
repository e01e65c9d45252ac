"""PyBullet physics of rooms full of robots that follow planar velocity set-points, in one process."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from robots.spec import RobotSpec
from sim3d.bodies.body import Bodies, Floor, Row
from sim3d.bodies.kinds import bodies_of
from sim3d.quiet_pybullet import pybullet
from sim3d.world import Dynamics

ROOMS = 30
"""Episodes in one client, which takes 34 MB whatever is in it; Bullet's collision filter has 32 groups, and two are the floors'."""

# The groups are the bits of a signed 32-bit number; bits 1 to 30 are the rooms'.
_FLOOR_GROUPS: dict[Floor, int] = {"smooth": 1, "rough": -(1 << 31)}
# Bullet multiplies the frictions of two bodies.
_FLOOR_FRICTION: dict[Floor, float] = {"smooth": 0.0, "rough": 1.0}
_BOTH_AGREE = 0
"""Bullet's filter mode in which two bodies may touch when the group of each is in the mask of the other; by default one is enough."""
_CONTACT_REACH = 0.04
"""Bullet may let bodies act on each other from this far [m]: twice its contact breaking threshold."""


@dataclass(frozen=True)
class _Kind:
    """The bodies of one kind, and where they stand among all: body `slots[index]` of the client is theirs of number `index`."""

    bodies: Bodies
    slots: list[int]
    index: dict[int, int]


class Engine:
    """One PyBullet client with up to ROOMS rooms, one an episode, all at the same place: robots of different rooms cannot touch.

    A room's motion does not depend on the other rooms nor on what the client did before, to the last bit: contacts are solved island by
    island, and every reset starts from the same saved state.

    Args:
        specs: of the N robots of a room, which take velocity set-points and share one loop period.
    """

    def __init__(self, specs: Sequence[RobotSpec]) -> None:
        self._specs = tuple(specs)
        classes = [bodies_of(spec.kind) for spec in specs]
        loop_period = specs[0].loop_period
        self._substeps = math.ceil(loop_period * max(kind.physics_rate for kind in classes))
        self._substep = loop_period / self._substeps
        self._iterations = max(kind.solver_iterations for kind in classes)
        # Of each two robots of a room: they cannot touch within one tick if they are farther apart than this [m].
        self._touch_squared = [
            (first, second, (a.radius + b.radius + (a.speed_limit + b.speed_limit) * loop_period + _CONTACT_REACH) ** 2)
            for (first, a), (second, b) in combinations(enumerate(specs), 2)
        ]
        self._kinds: list[_Kind] = []
        self._rooms = 0
        # Of each robot, as last read.
        self._rows: list[Row] = []
        self._pristine = -1
        self._client = pybullet.connect(pybullet.DIRECT)

    def reset(self, starts: np.ndarray, dynamics: Dynamics | None = None) -> None:
        """Put robots at rest, heading x, at [R, N, 2], m; R of at most ROOMS. What they weigh and can may differ from the spec."""
        if len(starts) != self._rooms:
            self._build(len(starts))
        # Bullet's own way to begin again alike: poses alone would leave its caches of pairs and contacts as they were.
        pybullet.restoreState(self._pristine, physicsClientId=self._client)
        points = starts.reshape(-1, 2)
        ones = np.ones(len(points))
        figures = (ones, ones, 0.0 * ones) if dynamics is None else (dynamics.mass, dynamics.motor_gain, dynamics.friction)
        mass, gain, friction = (np.asarray(figure, dtype=np.float64).ravel() for figure in figures)
        for kind in self._kinds:
            kind.bodies.reset(points[kind.slots], mass[kind.slots], gain[kind.slots], friction[kind.slots])
        self._read()

    def advance(self, setpoints: np.ndarray, ticks: int) -> None:
        """Hold velocity set-points [R, N, 2], m/s, world frame, no faster than the speed limits, for a number of loop ticks."""
        targets = setpoints.reshape(-1, 2)
        for kind in self._kinds:
            kind.bodies.follow(targets[kind.slots])
        client, step, actuate = self._client, pybullet.stepSimulation, [kind.bodies.actuate for kind in self._kinds]
        for _ in range(ticks):
            crowded = self._crowded()
            for kind in self._kinds:
                kind.bodies.begin_tick([kind.index[slot] for slot in crowded if slot in kind.index])
            for substep in range(self._substeps):
                for push in actuate:
                    push(substep)
                step(client)
            self._read()

    def poses(self) -> np.ndarray:
        """Position [m], velocity [m/s] and heading [rad] of every robot: [R, N, 5], world frame."""
        return np.array(self._rows).reshape(-1, len(self._specs), 5)

    def close(self) -> None:
        """Disconnect. May be called twice."""
        if self._client >= 0:
            pybullet.disconnect(self._client)
            self._client = -1

    def _build(self, rooms: int) -> None:
        """Fill the client with floors and the rooms' robots, and save the state that every reset starts from."""
        client = self._client
        pybullet.resetSimulation(physicsClientId=client)
        pybullet.setGravity(0.0, 0.0, -9.81, physicsClientId=client)
        pybullet.setTimeStep(self._substep, physicsClientId=client)
        # Bullet solves islands together until they have *more* contacts than this, and stops early when all of them are solved: with 1 a
        # pair in flight, with its one contact, would stop when some other room says so.
        pybullet.setPhysicsEngineParameter(
            deterministicOverlappingPairs=1,
            minimumSolverIslandSize=0,
            numSolverIterations=self._iterations,
            collisionFilterMode=_BOTH_AGREE,
            physicsClientId=client,
        )
        plane = pybullet.createCollisionShape(pybullet.GEOM_PLANE, physicsClientId=client)
        classes = [bodies_of(spec.kind) for spec in self._specs]
        for floor in sorted({kind.floor for kind in classes} | {"rough" for kind in classes if kind.wheels}):
            body = pybullet.createMultiBody(0.0, plane, physicsClientId=client)
            pybullet.changeDynamics(body, -1, lateralFriction=_FLOOR_FRICTION[floor], physicsClientId=client)
            pybullet.setCollisionFilterGroupMask(body, -1, _FLOOR_GROUPS[floor], -1, physicsClientId=client)
        self._kinds = self._fill(rooms)
        self._rooms = rooms
        self._rows = [(0.0, 0.0, 0.0, 0.0, 0.0)] * (rooms * len(self._specs))
        self._pristine = pybullet.saveState(physicsClientId=client)

    def _fill(self, rooms: int) -> list[_Kind]:
        robots = len(self._specs)
        kinds = []
        for spec in dict.fromkeys(self._specs):
            members = [robot for robot, its in enumerate(self._specs) if its == spec]
            slots = [room * robots + robot for room in range(rooms) for robot in members]
            bodies = bodies_of(spec.kind)(spec, self._client, len(members), self._substep)
            kinds.append(_Kind(bodies, slots, {slot: index for index, slot in enumerate(slots)}))
        for slot in range(rooms * robots):
            bodies = next(kind.bodies for kind in kinds if slot in kind.index)
            body, group = bodies.load(), 1 << (slot // robots + 1)
            for link in range(-1, pybullet.getNumJoints(body, self._client)):
                mask = _FLOOR_GROUPS["rough"] if link in bodies.wheels else group | _FLOOR_GROUPS[bodies.floor]
                pybullet.setCollisionFilterGroupMask(body, link, group, mask, physicsClientId=self._client)
        return kinds

    def _read(self) -> None:
        if len(self._kinds) == 1:
            self._rows = self._kinds[0].bodies.read()
            return
        for kind in self._kinds:
            for slot, row in zip(kind.slots, kind.bodies.read(), strict=True):
                self._rows[slot] = row

    def _crowded(self) -> list[int]:
        """The robots of the rooms in which two robots may touch within the next tick."""
        robots, rows, pairs, crowded = len(self._specs), self._rows, self._touch_squared, []
        for first in range(0, len(rows), robots):
            for one, other, reach in pairs:
                a, b = rows[first + one], rows[first + other]
                if (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2 < reach:
                    crowded.extend(range(first, first + robots))
                    break
        return crowded


class Engines:
    """As many engines as a batch of episodes needs. They start when first used and are kept for the next batch."""

    def __init__(self, specs: Sequence[RobotSpec]) -> None:
        self._specs = specs
        self._idle: list[Engine] = []
        self._busy: list[Engine] = []

    def reset(self, starts: np.ndarray, dynamics: Dynamics | None = None) -> np.ndarray:
        """Put robots at rest at [B, N, 2], m, with dynamics of B episodes; gives their poses [B, N, 5] as `Engine.poses` does."""
        shares = _shares(starts)
        engines = self._busy + self._idle
        engines += [Engine(self._specs) for _ in range(len(shares) - len(engines))]
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
