"""The driver: the adapter between the runtime and one plant (hardware or a simulated robot)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from robots.spec import ActionKind

Clock = Literal["realtime", "lockstep"]


@dataclass(frozen=True)
class DriverFeatures:
    """What a driver says of its plant before the first command.

    Attributes:
        kind: the robot kind that the plant is.
        action: what a command means to it.
        loop_period: time between two of its states [s].
        clock: `realtime`, or `lockstep` when the plant waits for every command.
        watchdog: the plant stops by itself after this long without a command [s].
    """

    kind: str
    action: ActionKind
    loop_period: float
    clock: Clock
    watchdog: float


@dataclass(frozen=True)
class RobotState:
    """What one robot measured of itself.

    Attributes:
        tick: number of the plant's control tick; grows by one, never restarts while the plant lives.
        episode: number of the mission that runs; always 0 on hardware.
        elapsed: ticks since the episode began (0 at its first state); on hardware equal to tick.
        stamp: when it was measured, on the clock of the driver: nanoseconds, monotonic.
        position: [2], m, world frame.
        velocity: [2], m/s, world frame.
        heading: rad, counter-clockwise from x.
    """

    tick: int
    episode: int
    elapsed: int
    stamp: int
    position: np.ndarray
    velocity: np.ndarray
    heading: float


class PlantGone(Exception):
    """The plant ended the series (`reason` empty) or was lost (`reason` says how)."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason)
        self.reason = reason


class Driver(Protocol):
    """Every driver, simulated or real, in the order in which the runtime calls it."""

    def connect(self, timeout: float) -> DriverFeatures:
        """Open the link and say what the plant is. Raises InputError when there is none within `timeout` [s]."""

    def read(self, timeout: float) -> RobotState | None:
        """The newest state not yet read, waiting at most `timeout` [s]; None when there is none. Raises PlantGone."""

    def command(self, action: np.ndarray, tick: int) -> np.ndarray:
        """Send one action [2] in answer to the state of `tick`; returns what was really sent. Raises PlantGone."""

    def stop(self) -> None:
        """Command zero, now, whatever state the driver is in. Never raises."""

    def close(self) -> None:
        """Stop, then release the link. May be called twice."""
