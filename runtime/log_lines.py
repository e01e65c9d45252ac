"""What the lines of a log are: one header, a tick for each tick, events in between, one closing line."""

from __future__ import annotations

import math

import msgspec

Number = float | None
"""As JSON has it: null is a number that is not finite."""


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
        kind: of the robot.
        missions: the mission file, as read.
        part: of the log of one run, from 0.
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
    kind: str
    missions: dict
    part: int = 0


class Peer(msgspec.Struct, omit_defaults=True):
    """One peer as used in a tick.

    Attributes:
        age: of the newest message that was heard [s]; null for a peer that was not heard in this episode, `runtime.ears.SILENCE` for one
            that was and is not any more.
        position: [2], m, extrapolated.
        velocity: [2], m/s, as last heard.
        told: [2], m, the position as the peer said it; null for one that was not heard in this episode.
        message: [W], what its actor had said; null in a team that is silent.
    """

    age: float | None
    position: list[Number]
    velocity: list[Number]
    told: list[Number] | None = None
    message: list[float] | None = None


class Tick(msgspec.Struct, tag_field="line", tag="tick", omit_defaults=True):
    """One tick. Units and frames as in `robots.driver.RobotState`.

    Attributes:
        t: since the node began, my monotonic clock [s].
        tick: of the driver.
        episode: number of the mission.
        elapsed: ticks of the episode.
        mode: state.
        own_age: of the own measurement [s].
        position: own [2], m, as the robot believes it to be.
        velocity: own [2], m/s.
        heading: own, rad.
        peers: by id.
        wanted: what the schedule asked for [2].
        sent: what the driver sent [2].
        gate: why the gate changed it.
        compute: time of this tick without waiting [us].
        observation: what the actor read [D], in ticks in which it ran.
        action: what it said [2].
        commanded: what the driver was given [2], where it sent something else.
        measured: own position as it was measured [2], m, where the robot believes something else.
        message: what the actor said to the peers [W], where it is one that speaks.
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
    wanted: list[Number]
    sent: list[float]
    gate: list[str]
    compute: float
    observation: list[Number] | None = None
    action: list[Number] | None = None
    commanded: list[float] | None = None
    measured: list[float] | None = None
    message: list[Number] | None = None


class Event(msgspec.Struct, tag_field="line", tag="event", omit_defaults=True):
    """Something that happened: `mode` (from, to), `emergency_stop` (`reason`: by whom, and why), `rejected` (of a peer or the `operator`,
    all so far by reason; at most once a second), `fault`, `own_rejected` (a measurement of my own that was not finite), `end`."""

    t: float
    event: str
    detail: dict[str, str | int]


class Closing(msgspec.Struct, tag_field="line", tag="closing"):
    """Last line: the summary of the run, as `--summary` writes it."""

    summary: dict


Line = Header | Tick | Event | Closing


def with_numbers(tick: Tick) -> Tick:
    """The same tick as it is read, with NaN for what JSON has as null."""
    for name in ("wanted", "observation", "action", "message"):
        if getattr(tick, name) is not None:
            setattr(tick, name, _numbers(getattr(tick, name)))
    for peer in tick.peers.values():
        peer.position, peer.velocity = _numbers(peer.position), _numbers(peer.velocity)
        peer.told = None if peer.told is None else _numbers(peer.told)
    return tick


def _numbers(values: list[Number]) -> list[float]:
    return [math.nan if value is None else value for value in values]
