"""World `planar`: robots as discs that answer set-points as their spec says, without a physics engine."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from robots.spec import RobotSpec
from sim3d.elbow_room import START_GAP, apart
from sim3d.world import Dynamics, Layouts, WorldState, check_setpoint_robots


class PlanarWorld:
    """Robots of any kinds that follow planar velocity set-points; a tick is one period of their control loop.

    Within a tick of length h a robot accelerates towards its set-point v_set, which is limited to its speed limit, with
    clip((v_set - v) (1 - exp(-h / tau)) / h, a_max): the exact first-order response, its acceleration limited. Discs that overlap at the
    end of a tick are moved apart and lose the velocity with which they approached each other, shared by mass (plastic, frictionless
    contact). Arrays are numpy, float64; an episode's trajectory depends on its own start, dynamics and set-points alone.

    Args:
        specs: of the N robots.
        arena_half_size: robots and landmarks start within +-this on both axes [m].
        landmarks: L; as many as robots unless given.

    Raises:
        InputError: a kind does not take velocity set-points, or kinds with different loops are mixed.
    """

    action = "velocity_setpoint"

    def __init__(self, specs: Sequence[RobotSpec], arena_half_size: float, landmarks: int | None = None) -> None:
        check_setpoint_robots("planar", specs)
        self.robots = len(specs)
        self.landmarks = self.robots if landmarks is None else landmarks
        self.tick_period = specs[0].loop_period
        self.arena_half_size = arena_half_size
        self.robot_radius = np.array([spec.radius for spec in specs])
        self._mass = np.array([spec.mass for spec in specs])
        self._speed_limit = np.array([[spec.speed_limit] for spec in specs])
        self._acceleration_limit = np.array([[spec.acceleration_limit] for spec in specs])
        self._rate = np.array([[-np.expm1(-spec.loop_period / spec.velocity_time_constant) / spec.loop_period] for spec in specs])
        self._pairs = list(combinations(range(self.robots), 2))

    def reset(self, layouts: Layouts, dynamics: Dynamics | None = None) -> WorldState:
        """Begin B episodes; robots start at rest, moved apart where they would overlap, as their spec says unless told otherwise."""
        position = apart(layouts.starts, np.add.outer(self.robot_radius, self.robot_radius) + START_GAP)
        landmarks = np.array(layouts.landmarks, dtype=np.float64)
        pose = position, np.zeros_like(position), np.zeros(position.shape[:-1])
        return WorldState.begin(pose, landmarks, dynamics, layouts.course())

    def step(self, state: WorldState, action: np.ndarray, ticks: int = 1) -> WorldState:
        """Hold velocity set-points [B, N, 2], m/s, world frame, for a number of ticks; those above the speed limit are shortened to it.

        With dynamics other than the spec's, the motors' force is motor_gain times that of the spec's mass, less friction * v for each kg.
        """
        position, velocity, dynamics = state.position, state.velocity, state.dynamics
        mass, strength, friction = self._mass, 1.0, 0.0
        if dynamics is not None:
            mass, strength, friction = mass * dynamics.mass, (dynamics.motor_gain / dynamics.mass)[..., None], dynamics.friction[..., None]
        mass = np.broadcast_to(mass, position.shape[:-1])
        target = _shortened(np.asarray(action, dtype=np.float64), self._speed_limit)
        for _ in range(ticks):
            acceleration = strength * _shortened(self._rate * (target - velocity), self._acceleration_limit) - friction * velocity
            following = velocity + self.tick_period * acceleration
            position = position + (0.5 * self.tick_period) * (velocity + following)
            velocity = following
            self._part(position, velocity, mass)
        return state.after(ticks, self.tick_period, (position, velocity, state.heading))

    def close(self) -> None:
        """Nothing to release."""

    def _part(self, position: np.ndarray, velocity: np.ndarray, mass: np.ndarray) -> None:
        """Move discs that overlap apart, and take from their velocities what would bring them closer; in place."""
        for first, second in self._pairs:
            reach = self.robot_radius[first] + self.robot_radius[second]
            way = position[:, second] - position[:, first]
            squared = way[:, 0] * way[:, 0] + way[:, 1] * way[:, 1]
            # Two discs at one point have no direction in which to part; the next tick's motion gives them one.
            touching = np.flatnonzero((squared < reach * reach) & (squared > 0.0))
            if not len(touching):
                continue
            distance = np.sqrt(squared[touching])[:, None]
            normal = way[touching] / distance
            share = (mass[touching, second] / (mass[touching, first] + mass[touching, second]))[:, None]
            closing = (velocity[touching, first] - velocity[touching, second]) * normal
            lost = np.maximum(closing.sum(axis=1, keepdims=True), 0.0) * normal
            overlap = (reach - distance) * normal
            position[touching, first] -= share * overlap
            position[touching, second] += (1.0 - share) * overlap
            velocity[touching, first] -= share * lost
            velocity[touching, second] += (1.0 - share) * lost


def _shortened(vector: np.ndarray, longest: np.ndarray) -> np.ndarray:
    """Vectors [B, N, 2] scaled to a norm of at most `longest` [N, 1], direction kept."""
    norm = np.sqrt(vector[..., :1] * vector[..., :1] + vector[..., 1:] * vector[..., 1:])
    return vector * (longest / np.maximum(norm, longest))
