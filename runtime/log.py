"""The log of one robot: JSON lines, one a tick, enough to see afterwards what it knew and why it did what it did."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from robots.errors import InputError

FLUSH_PERIOD = 1_000_000_000
"""Most that a crash of the machine loses [ns]."""


class Header(msgspec.Struct, tag_field="line", tag="header"):
    """First line: who runs what.

    Attributes:
        robot: its id.
        boot: random number of this life.
        clock: `realtime` or `lockstep`.
        period: of the loop [s].
        team: the team file, as read.
        contract_sha256: of the actor's contract.
        actor_sha256: of the actor's file.
        versions: of everything that takes part in a tick.
        began: wall clock, seconds since 1970; the only time here that is not monotonic.
        link: the artificial link to the peers, if there is one.
        command_latency: what the actor is told of it [s].
    """

    robot: str
    boot: int
    clock: str
    period: float
    team: dict
    contract_sha256: str
    actor_sha256: str
    versions: dict[str, str]
    began: float
    link: dict
    command_latency: float


class Peer(msgspec.Struct):
    """One peer as used in a tick: age of its message [s], null when none counts; position [2], m, extrapolated."""

    age: float | None
    position: list[float]


class Tick(msgspec.Struct, tag_field="line", tag="tick", omit_defaults=True):
    """One tick. Units and frames as in `robots.driver.RobotState`.

    Attributes:
        t: since the node began, my monotonic clock [s].
        tick: of the driver.
        episode: number of the mission.
        elapsed: ticks of the episode.
        mode: state.
        own_age: of the own measurement [s].
        position: own [2], m.
        velocity: own [2], m/s.
        heading: own, rad.
        peers: by id.
        wanted: what the schedule asked for [2].
        sent: what the driver sent [2].
        gate: why the gate changed it.
        compute: time of this tick without waiting [us].
        observation: what the actor read [D], in ticks in which it ran.
        action: what it said [2].
    """

    t: float
    tick: int
    episode: int
    elapsed: int
    mode: str
    own_age: float
    position: list[float]
    velocity: list[float]
    heading: float
    peers: dict[str, Peer]
    wanted: list[float]
    sent: list[float]
    gate: list[str]
    compute: float
    observation: list[float] | None = None
    action: list[float] | None = None


class Event(msgspec.Struct, tag_field="line", tag="event", omit_defaults=True):
    """Something that happened: `mode` (from, to), `rejected` (of a peer, all so far by reason; at most once a second), `fault`, `end`."""

    t: float
    event: str
    detail: dict[str, str | int]


class Closing(msgspec.Struct, tag_field="line", tag="closing"):
    """Last line: the summary of the run, as `--summary` writes it."""

    summary: dict


class RunLog:
    """Writes lines to a file. A disk that fails stops the log, never the robot.

    Args:
        path: of the file; what was in it is lost.
        say: prints one line.

    Raises:
        InputError: the file cannot be opened.
    """

    def __init__(self, path: Path, say: Callable[[str], None]) -> None:
        self._path = path
        self._say = say
        self._encoder = msgspec.json.Encoder()
        self._buffer = bytearray()
        self._flushed = 0
        try:
            self._file = path.open("wb")
        except OSError as error:
            raise InputError(f"{path}: cannot be written: {error.strerror}") from None

    def write(self, line: Header | Tick | Event | Closing) -> None:
        """Add one line."""
        if self._file is None:
            return
        self._encoder.encode_into(line, self._buffer)
        self._buffer += b"\n"
        try:
            self._file.write(self._buffer)
            if (now := time.monotonic_ns()) - self._flushed >= FLUSH_PERIOD:
                self._flushed = now
                self._file.flush()
        except OSError as error:
            self._give_up(error)

    def close(self) -> None:
        """Write what is left. May be called twice."""
        if self._file is None:
            return
        try:
            self._file.close()
            self._file = None
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        self._file = None
        self._say(f"{self._path}: log ends here: {error.strerror}")


class NoLog:
    """Takes lines and keeps none."""

    def write(self, line: Header | Tick | Event | Closing) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""
