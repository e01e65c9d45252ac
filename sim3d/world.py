"""What every world offers: a batch of simulations of one task, advanced one tick at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from robots.errors import InputError
from robots.spec import ActionKind, RobotSpec
from runtime.course import Course

Array = Any
"""A numpy array or a torch tensor."""


@dataclass(frozen=True)
class Layouts:
    """Where everything is at the start of B episodes.

    Attributes:
        starts: [B, N, 2], m, world frame; robots begin at rest.
        landmarks: [B, L, 2], m, world frame.
        seeds: [B] integers; all chance within episode b derives from seeds[b], whatever else is in the batch.
        drift: [B, L, 2], with what velocity the landmarks move [m/s, world frame]; None where they stand still.
        within: [B], landmarks that move turn round at +-this on both axes [m], infinite for those that go straight on; None where all do.
    """

    starts: np.ndarray
    landmarks: np.ndarray
    seeds: np.ndarray
    drift: np.ndarray | None = None
    within: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, part: slice) -> Layouts:
        drift, within = (values if values is None else values[part] for values in (self.drift, self.within))
        return Layouts(self.starts[part], self.landmarks[part], self.seeds[part], drift, within)

    def course(self) -> Course | None:
        """Of the landmarks; None where they stand still."""
        if self.drift is None:
            return None
        landmarks = np.array(self.landmarks, dtype=np.float64)
        within = np.full(len(self), np.inf) if self.within is None else self.within
        return Course(landmarks, self.drift, within)

    def track(self, tick_period: float, ticks: int) -> np.ndarray:
        """Where the landmarks are: [B, L, 2] of those that stand still, else [B, T + 1, L, 2], one for each tick [m].

        Args:
            tick_period: [s].
            ticks: T.
        """
        course = self.course()
        if course is None:
            return self.landmarks
        return np.stack([course.at(tick * tick_period)[0] for tick in range(ticks + 1)], axis=1)


@dataclass(frozen=True)
class Dynamics:
    """How the robots of B episodes differ from their spec.

    Attributes:
        mass: [B, N], of that in the spec.
        motor_gain: [B, N], force of the motors, of that in the spec.
        friction: [B, N], deceleration for each m/s of speed, beside what the world has anyway [1/s].
    """

    mass: Array
    motor_gain: Array
    friction: Array

    def __getitem__(self, part: slice) -> Dynamics:
        return Dynamics(self.mass[part], self.motor_gain[part], self.friction[part])


@dataclass(frozen=True)
class WorldState:
    """The true state of B episodes that are all at the same tick.

    Attributes:
        position: [B, N, 2], m, world frame.
        velocity: [B, N, 2], m/s, world frame.
        heading: [B, N], rad.
        landmarks: [B, L, 2], m, world frame; where they are at this tick.
        tick: ticks since the reset.
        dynamics: of the robots; None for robots that are as their spec says.
        course: of the landmarks; None where they stand still.
        landmarks_velocity: [B, L, 2], m/s, world frame; None where they stand still.
    """

    position: Array
    velocity: Array
    heading: Array
    landmarks: Array
    tick: int
    dynamics: Dynamics | None = None
    course: Course | None = None
    landmarks_velocity: Array | None = None

    @classmethod
    def begin(cls, pose: tuple[Array, Array, Array], landmarks: Array, dynamics: Dynamics | None, course: Course | None) -> WorldState:
        """The state at tick 0, from positions, velocities and headings."""
        if course is None:
            return cls(*pose, landmarks, 0, dynamics)
        landmarks, velocity = course.at(0.0)
        return cls(*pose, landmarks, 0, dynamics, course, velocity)

    def after(self, ticks: int, tick_period: float, pose: tuple[Array, Array, Array]) -> WorldState:
        """The state some ticks of `tick_period` [s] later, when robots have these positions, velocities and headings."""
        tick = self.tick + ticks
        if self.course is None:
            return WorldState(*pose, self.landmarks, tick, self.dynamics)
        landmarks, velocity = self.course.at(tick * tick_period)
        return WorldState(*pose, landmarks, tick, self.dynamics, self.course, velocity)


class World(Protocol):
    """A batched simulation of one task. All robots of a world take one kind of action, and share the period of their control loops.

    Attributes:
        robots: N.
        landmarks: L.
        tick_period: time that one tick takes [s].
        arena_half_size: robots and landmarks start within +-this on both axes [m].
        robot_radius: [m], of all robots, or [N] of each.
        action: what an action is.
    """

    robots: int
    landmarks: int
    tick_period: float
    arena_half_size: float
    robot_radius: float | np.ndarray
    action: ActionKind

    def reset(self, layouts: Layouts, dynamics: Dynamics | None = None) -> WorldState:
        """Begin B episodes, with robots that are as their spec says unless told otherwise."""

    def step(self, state: WorldState, action: Array, ticks: int = 1) -> WorldState:
        """Hold `action` [B, N, 2] for a number of ticks. A world with outside memory (physics engine) takes its latest state only."""

    def close(self) -> None:
        """Release processes and engines. May be called twice."""


def check_setpoint_robots(world: str, specs: Sequence[RobotSpec]) -> None:
    """Raises InputError for robots that do not take velocity set-points, or whose control loops have different rates."""
    for spec in specs:
        if spec.action != "velocity_setpoint":
            raise InputError(f"world '{world}' needs robots that take 'velocity_setpoint'; robot kind '{spec.kind}' takes '{spec.action}'")
        if spec.loop_rate != specs[0].loop_rate:
            rates = f"'{specs[0].kind}' at {specs[0].loop_rate:g} Hz, '{spec.kind}' at {spec.loop_rate:g} Hz"
            raise InputError(f"robots of one world share the rate of their control loops; here: {rates}")


def random_layouts(
    episodes: int, robots: int, landmarks: int, arena_half_size: float, seed: int, first: int = 0, landmark_speed: float = 0.0
) -> Layouts:
    """Layouts as simple_spread draws them: everything uniform in the arena.

    Episode k of a seed is the same whatever the number of episodes asked for, so all cells of a grid share their layouts.

    Args:
        episodes: B.
        robots: N.
        landmarks: L.
        arena_half_size: [m].
        seed: of the series.
        first: number of the first episode within the series.
        landmark_speed: with which each landmark moves, in a direction of its own, uniform; it turns round at the arena's edge [m/s].
    """
    points = np.empty((episodes, robots + landmarks, 2))
    seeds = np.empty(episodes, dtype=np.int64)
    direction = np.empty((episodes, landmarks))
    for index in range(episodes):
        generator = np.random.Generator(np.random.Philox(key=[seed, first + index]))
        points[index] = generator.uniform(-arena_half_size, arena_half_size, points.shape[1:])
        seeds[index] = generator.integers(2**63 - 1)
        direction[index] = generator.uniform(-np.pi, np.pi, landmarks)
    layouts = Layouts(starts=points[:, :robots], landmarks=points[:, robots:], seeds=seeds)
    if landmark_speed == 0.0:
        return layouts
    drift = landmark_speed * np.stack([np.cos(direction), np.sin(direction)], axis=-1)
    return replace(layouts, drift=drift, within=np.full(episodes, arena_half_size))
