"""What a robot kind is to the physics: a body that follows planar set-points, and says where it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal, Protocol

import numpy as np

from robots.spec import RobotSpec

Row = tuple[float, float, float, float, float]
"""Of one body: position x, y [m], planar velocity x, y [m/s] of the same point, and heading [rad], world frame."""

Floor = Literal["smooth", "rough"]
"""What a body stands on: a floor that carries it and takes no lateral force, or one with friction 1, times that of the body."""


class Bodies(Protocol):
    """All bodies of one kind in one PyBullet client. Its engine (`sim3d.bullet_engine`) calls, in this order:

    `load` for each body, room after room, `members` a room; then, for every batch of episodes, `reset`; for every set-point, `follow`; for
    every tick of the control loop `begin_tick`, then `actuate` before each step of the physics; `read` after each tick and each reset.
    The engine alone steps the physics, filters collisions, and saves and restores what PyBullet knows.

    What a body does may depend on what is in its own room, and on nothing else, to the last bit: no product of matrices, and no sum
    whose order depends on how many bodies there are. Whatever these objects remember (controllers, motors) begins anew at a reset.

    Attributes:
        physics_rate: the physics runs at least at this rate [Hz], at a whole number of steps a loop tick; in a mixed team, at the highest.
        solver_iterations: of Bullet's contact solver, at least; 50 is its default.
        floor: what this kind stands on.
        wheels: links that touch the rough floor, and nothing else; the rest of the body has a shape for them that others meet.

    Args:
        spec: of the kind.
        client: PyBullet's number of the client.
        members: how many bodies of this kind a room has.
        substep: from one step of the physics to the next [s].
    """

    physics_rate: ClassVar[float]
    solver_iterations: ClassVar[int]
    floor: ClassVar[Floor]
    wheels: ClassVar[tuple[int, ...]]

    def __init__(self, spec: RobotSpec, client: int, members: int, substep: float) -> None: ...

    def load(self) -> int:
        """Add one body to the client; gives its number there."""

    def reset(self, starts: np.ndarray, mass: np.ndarray, motor_gain: np.ndarray, friction: np.ndarray) -> None:
        """Begin anew, at rest and heading x, after PyBullet's own state was restored to that after the last `load`.

        Args:
            starts: [B, 2], m, world frame.
            mass: [B], of that in the spec.
            motor_gain: [B], force of the motors, of that of the spec's.
            friction: [B], deceleration for each m/s of speed, beside what the kind has anyway [1/s].
        """

    def follow(self, setpoints: np.ndarray) -> None:
        """From now on, velocity set-points [B, 2], m/s, world frame, no faster than the speed limit."""

    def begin_tick(self, near: Sequence[int]) -> None:
        """A tick of the control loop begins. `near`: the bodies that may touch another robot before it ends."""

    def actuate(self, substep: int) -> None:
        """Apply the forces of the coming step of the physics, which is number `substep` of this tick."""

    def read(self) -> list[Row]:
        """Where the bodies are now, B rows."""
