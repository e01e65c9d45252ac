"""Messages between the driver of a simulated plant and the plant; `robots/README.md` has the protocol in words."""

from __future__ import annotations

from typing import Literal

import msgspec

from robots.spec import ActionKind

PROTOCOL = 1
"""Version of this protocol; both sides refuse another one."""
NO_KEYS = "the link to a plant has no keys: give --allow-plaintext on a network that is yours alone"
"""Why neither side goes beyond loopback by itself."""


HEARTBEAT = 1.0
"""Time between two signs of life of either side [s]."""
SILENCE = 5.0
"""Without a sign of life for so long the link is lost [s]. It is not what stops a robot: its own clock does, and the plant's watchdog, much
sooner. So it may be long enough for a machine with more work than cores, where a process may not run for most of a second."""


class _Message(msgspec.Struct, array_like=True, frozen=True):
    pass


class Hello(_Message, tag="hello"):
    """Driver -> plant, first: who is there. Sent again every 0.2 s until it is answered."""

    protocol: int
    robot: str


class Welcome(_Message, tag="welcome"):
    """Plant -> driver: what the robot behind this endpoint is (see DriverFeatures; periods in s)."""

    protocol: int
    robot: str
    kind: str
    action: ActionKind
    loop_period: float
    clock: Literal["realtime", "lockstep"]
    watchdog: float


class Refused(_Message, tag="refused"):
    """Plant -> driver: no, and why (one line)."""

    reason: str


class State(_Message, tag="state"):
    """Plant -> driver: what this robot measures of itself, and nothing of the others (see RobotState; stamp in plant ns)."""

    tick: int
    episode: int
    elapsed: int
    stamp: int
    position: tuple[float, float]
    velocity: tuple[float, float]
    heading: float


class Command(_Message, tag="command"):
    """Driver -> plant: the action in answer to the state of `tick`. In lockstep the plant waits for one of every robot."""

    tick: int
    action: tuple[float, float]


class End(_Message, tag="end"):
    """Either way: the series is over. `reason` is empty when all went well."""

    reason: str


FromDriver = Hello | Command | End
FromPlant = Welcome | Refused | State | End

encode = msgspec.msgpack.Encoder().encode
decode_from_driver = msgspec.msgpack.Decoder(FromDriver).decode
decode_from_plant = msgspec.msgpack.Decoder(FromPlant).decode
