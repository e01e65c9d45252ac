"""World `bullet`: robots with mass, contacts and the actuators of their kind, in PyBullet without a screen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from robots.spec import RobotSpec
from sim3d.bodies.kinds import bodies_of
from sim3d.bullet_engine import Engines
from sim3d.bullet_workers import Workers
from sim3d.elbow_room import START_GAP, apart
from sim3d.world import Dynamics, Layouts, WorldState, check_setpoint_robots


class BulletWorld:
    """Robots on a floor without walls, each of its own kind; a tick is one period of the control loop that they share.

    Each robot answers a planar velocity set-point with the body of its kind (`sim3d.bodies.kinds`), at every step of the physics;
    set-points above its speed limit are shortened to it. Landmarks are points that nothing touches. Starts whose bodies would overlap
    are moved apart (`sim3d.elbow_room`). An episode's trajectory depends on its own start, dynamics and set-points alone, bit for bit,
    whatever the batch and the number of workers. Arrays are numpy, float64.

    Args:
        specs: of the N robots.
        arena_half_size: robots and landmarks start within +-this on both axes [m].
        landmarks: L; as many as robots unless given.
        workers: processes that share the batch; 0 runs it in this one.

    Raises:
        InputError: a kind does not take velocity set-points or has no body, or two kinds have control loops of different rates.
    """

    action = "velocity_setpoint"

    def __init__(self, specs: Sequence[RobotSpec], arena_half_size: float, landmarks: int | None = None, workers: int = 0) -> None:
        check_setpoint_robots("bullet", specs)
        for spec in specs:
            bodies_of(spec.kind)
        self.robots = len(specs)
        self.landmarks = self.robots if landmarks is None else landmarks
        self.tick_period = specs[0].loop_period
        self.arena_half_size = arena_half_size
        self.robot_radius = np.array([spec.radius for spec in specs])
        self._speed_limit = np.array([[spec.speed_limit] for spec in specs])
        self._physics = Workers(specs, workers) if workers else Engines(specs)
        self._latest: WorldState | None = None

    def reset(self, layouts: Layouts, dynamics: Dynamics | None = None) -> WorldState:
        """Begin B episodes; robots start at rest, heading along x, as their spec says unless told otherwise. Raises WorkerFailed."""
        starts = apart(layouts.starts, np.add.outer(self.robot_radius, self.robot_radius) + START_GAP)
        landmarks = np.array(layouts.landmarks, dtype=np.float64)
        self._latest = WorldState.begin(_pose(self._physics.reset(starts, dynamics)), landmarks, dynamics, layouts.course())
        return self._latest

    def step(self, state: WorldState, action: np.ndarray, ticks: int = 1) -> WorldState:
        """Hold velocity set-points [B, N, 2], m/s, world frame, for a number of ticks.

        Args:
            state: what the last `reset` or `step` gave; the engine cannot go back to an older one.
            action: set-points; those above a robot's speed limit are shortened to it.
            ticks: how many.

        Raises:
            ValueError: the state is not the latest one, or the action has another shape or is not finite.
            WorkerFailed: a worker process ended; `reset` starts new ones.
        """
        if state is not self._latest:
            raise ValueError(
                f"BulletWorld.step takes the state that the last reset or step gave; this one, of tick {state.tick}, is not it"
            )
        setpoints = np.asarray(action, dtype=np.float64)
        if setpoints.shape != state.position.shape:
            raise ValueError(f"action has shape {list(setpoints.shape)}, the world's [B, N, 2] is {list(state.position.shape)}")
        if not np.isfinite(setpoints).all():
            raise ValueError("action is not finite")
        speed = np.sqrt(np.sum(setpoints * setpoints, axis=-1, keepdims=True))
        setpoints = setpoints * (self._speed_limit / np.maximum(speed, self._speed_limit))
        self._latest = None
        self._latest = state.after(ticks, self.tick_period, _pose(self._physics.advance(setpoints, ticks)))
        return self._latest

    def close(self) -> None:
        """Disconnect the engines and end the workers. May be called twice; `reset` starts them again."""
        self._physics.close()
        self._latest = None


def _pose(poses: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions, velocities and headings of what the physics says."""
    return poses[..., 0:2], poses[..., 2:4], poses[..., 4]
