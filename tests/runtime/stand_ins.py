"""Complete stand-ins for what surrounds a node: a driver, a clock, and peers whose frames the test writes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from robots.driver import DriverFeatures, PlantGone, RobotState
from runtime.message import MESSAGE_VERSION, LocalObservation, encode_message
from runtime.peers import PeerTrack

MILLI = 1_000_000


class Clock:
    """Time that passes when the test says so [ns]."""

    def __init__(self) -> None:
        self.now = 5_000_000_000

    def __call__(self) -> int:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += round(seconds * 1e9)


class PlannedDriver:
    """A robot that never moves and says of itself what the test has planned: at each read a state, None (silence) or an exception."""

    def __init__(self, plan: list[RobotState | Exception | None], clock: Clock, kind: str = "omni", pace: str = "realtime") -> None:
        action = "force" if kind == "point" else "velocity_setpoint"
        self.features = DriverFeatures(kind, action, 0.1 if kind == "point" else 0.02, pace, 0.5)
        self.commands: list[tuple[int, list[float]]] = []
        self.calls: list[str] = []
        self._plan = iter(plan)
        self._clock = clock

    def connect(self, timeout: float) -> DriverFeatures:
        return self.features

    def read(self, timeout: float) -> RobotState | None:
        self._clock.sleep(timeout)
        planned = next(self._plan, PlantGone())
        if isinstance(planned, Exception):
            raise planned
        return planned

    def command(self, action: np.ndarray, tick: int) -> np.ndarray:
        self.commands.append((tick, action.tolist()))
        return action

    def stop(self) -> None:
        self.calls.append("stop")

    def close(self) -> None:
        self.calls.append("close")


class ScriptedLinks:
    """Peers without sockets. `before_drain` may hand in frames; `longest_wait` [s] is when something comes that ends a wait."""

    def __init__(self, peers: list[str], clock: Clock, before_drain: Callable[[ScriptedLinks], None] = lambda links: None) -> None:
        self.boot = 1
        self.sent = 0
        self.refused = 0
        self.tracks = tuple(PeerTrack(peer, f"tcp://{peer}:1") for peer in peers)
        self.published: list[tuple[int, str, int]] = []
        self.spoken: list[tuple[float, ...]] = []
        self.longest_wait = 1.0
        self._clock = clock
        self._before_drain = before_drain

    def publish(self, state: RobotState, mode: str, stamp: int, said: tuple[float, ...] = ()) -> None:
        self.sent += 1
        self.published.append((state.tick, mode, stamp))
        self.spoken.append(said)

    def drain(self, timeout: float = 0.0) -> None:
        self._clock.sleep(min(timeout, self.longest_wait))
        self._before_drain(self)

    def rehearse(self) -> None:
        """Nothing."""

    def give(self, index: int, frame: bytes) -> None:
        self.tracks[index].take(frame, self._clock())


def state(tick: int, clock: Clock | None = None, **changes: object) -> RobotState:
    values = {"tick": tick, "episode": 0, "elapsed": tick, "stamp": clock() if clock else 0, "heading": 0.0}
    return RobotState(**{**values, "position": np.zeros(2), "velocity": np.zeros(2), **changes})


def frame(robot: str, sequence: int, **changes: object) -> bytes:
    return encode_message(message(robot, sequence, **changes))


def message(robot: str, sequence: int, **changes: object) -> LocalObservation:
    values = {"version": MESSAGE_VERSION, "robot": robot, "boot": 7, "sequence": sequence, "stamp": 0, "tick": 0, "episode": 0}
    return LocalObservation(**{**values, "mode": "ACTIVE", "position": (1.0, 2.0), "velocity": (0.5, -0.5), "heading": 0.0, **changes})
