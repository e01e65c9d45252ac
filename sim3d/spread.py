"""World `spread`: the dynamics of mpe2's simple_spread_v3, batched, in numpy or in torch on any device.

Source of every figure: mpe2 1.1.1, mpe2/_mpe_utils/core.py and mpe2/simple_spread/simple_spread.py.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
from array_api_compat import array_namespace

from runtime.course import Course
from sim3d.world import Array, Dynamics, Layouts, WorldState

DT = 0.1
DAMPING = 0.25
SENSITIVITY = 5.0
ROBOT_RADIUS = 0.15
CONTACT_FORCE = 100.0
CONTACT_MARGIN = 1e-3
CAPTURE_RADIUS = 0.1
HORIZON = 25
"""Steps in an episode (mpe2's max_cycles)."""

DISCRETE_FORCES = np.array([[0.0, 0.0], [-1.0, 0.0], [1.0, 0.0], [0.0, -1.0], [0.0, 1.0]])
"""[5, 2]: the force of each discrete action: none, -x, +x, -y, +y."""


class SpreadWorld:
    """simple_spread for any number of robots. Lengths and times are in its own units (dimensionless).

    Args:
        robots: N; there are as many landmarks unless `landmarks` says otherwise.
        like: the arrays that it computes on: `np.zeros(0)` (numpy, float64), or a torch tensor with the wanted dtype and device.
        landmarks: L.
        arena_half_size: where robots and landmarks start; nothing keeps them there.
    """

    action = "force"
    tick_period = DT
    arena_half_size = 1.0
    robot_radius = ROBOT_RADIUS

    def __init__(self, robots: int, like: Any = None, landmarks: int | None = None, arena_half_size: float = arena_half_size) -> None:
        self.robots = robots
        self.arena_half_size = arena_half_size
        self.landmarks = robots if landmarks is None else landmarks
        self._like = np.zeros(0) if like is None else like
        pairs = list(combinations(range(robots), 2))
        # Row r, column p: +1 where r is the first robot of pair p, -1 where it is the second.
        incidence = np.zeros((robots, len(pairs)))
        for column, (first, second) in enumerate(pairs):
            incidence[first, column], incidence[second, column] = 1.0, -1.0
        self._incidence = self._array(incidence)
        self._to_pairs = self._array(incidence.T.copy())
        self._zero = self._array(0.0)

    def _array(self, values: Any) -> Array:
        xp = array_namespace(self._like)
        return xp.asarray(values, dtype=self._like.dtype, device=getattr(self._like, "device", None))

    def reset(self, layouts: Layouts, dynamics: Dynamics | None = None) -> WorldState:
        """Begin B episodes; robots start at rest, and are simple_spread's own unless `dynamics` says otherwise."""
        course = layouts.course()
        if course is not None:
            course = Course(*map(self._array, (course.start, course.drift, course.within)))
        return self.begin(self._array(layouts.starts), self._array(layouts.landmarks), dynamics, course)

    def begin(self, position: Array, landmarks: Array, dynamics: Dynamics | None = None, course: Course | None = None) -> WorldState:
        """Begin from arrays [B, N, 2] and [B, L, 2] that are already of this world's kind, as those in `dynamics` and `course` are."""
        position, landmarks = _by_component(position), _by_component(landmarks)
        if course is not None:
            course = Course(landmarks, _by_component(course.drift), course.within)
        return WorldState.begin((position, position * 0.0, position[..., 0] * 0.0), landmarks, dynamics, course)

    def step(self, state: WorldState, action: Array, ticks: int = 1) -> WorldState:
        """One step: the position moves with the *old* velocity, then the velocity takes damping, force and contacts.

        With dynamics other than simple_spread's: v <- (1 - 0.25 - 0.1 friction) v + 0.1 (motor_gain * 5 u + contacts) / mass.

        Args:
            state: of B episodes.
            action: [B, N, 2], force u in [-1, 1] per axis; mpe2's action a is u = (a[2] - a[1], a[4] - a[3]).
            ticks: how often.
        """
        position, velocity, dynamics = state.position, state.velocity, state.dynamics
        strength, keep, inertia = SENSITIVITY, 1.0 - DAMPING, 1.0
        if dynamics is not None:
            strength = SENSITIVITY * dynamics.motor_gain[..., None]
            # Friction stops a robot, and does not turn it round.
            keep = array_namespace(position).clip(1.0 - DAMPING - DT * dynamics.friction[..., None], min=0.0)
            inertia = dynamics.mass[..., None]
        for _ in range(ticks):
            force = strength * action
            if self.robots > 1:
                force = force + self._contact(position)
            position = position + velocity * DT
            velocity = velocity * keep + force * (DT / inertia)
        return state.after(ticks, DT, (position, velocity, state.heading))

    def _contact(self, position: Array) -> Array:
        """Soft contact forces [B, N, 2]: delta / d * 100 * k * log(1 + exp(-(d - 0.3) / k)) for each two robots."""
        xp = array_namespace(position)
        delta = xp.matmul(self._to_pairs, xp.permute_dims(position, (2, 1, 0)))  # [2, pairs, B]
        distance = xp.sqrt(delta[0] * delta[0] + delta[1] * delta[1])
        depth = (2 * ROBOT_RADIUS - distance) * (1.0 / CONTACT_MARGIN)
        push = xp.logaddexp(self._zero, depth) * (CONTACT_FORCE * CONTACT_MARGIN) / distance
        return xp.permute_dims(xp.matmul(self._incidence, push * delta), (2, 1, 0))

    def close(self) -> None:
        """Nothing to release."""


def _by_component(points: Array) -> Array:
    """The same points [B, N, 2], with the numbers of all episodes side by side in memory (in numpy, of all robots and episodes).

    An operation then runs over whole rows of numbers instead of two at a time, and what is computed from the points is laid out like
    them: with observations and rewards a step of 1 024 episodes takes half of the time.
    """
    xp = array_namespace(points)
    turned = xp.permute_dims(points, (2, 1, 0))
    return xp.permute_dims(xp.stack([turned[0], turned[1]]), (2, 1, 0))
