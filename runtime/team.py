"""The team file and the mission file: who is in the team, where each one is reached, and what is to be covered."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec

from robots.endpoint import check_endpoint
from robots.errors import InputError
from robots.spec import load_spec
from robots.yaml_input import read_yaml


class Staleness(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When silence becomes a state [s]. Defaults after Crazyflie, LeKiwi, diff_drive and Nav2 (0.5 s and 2 s)."""

    stale_periods: float = 3.5
    stale_floor: float = 0.1
    lost: float = 0.5
    own_hold: float = 0.5
    own_stop: float = 2.0


class Separation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How robots that take velocity set-points are kept apart (`runtime/barrier.py`).

    Attributes:
        margin: gap between two bodies that is always kept; twice what a robot's measurement of its position may be wrong by [m].
        command_delay: longest delay of a command beyond the response time in the robot's spec [s].
        message_delay: longest delay that all messages share, so that no clock shows it [s].
    """

    margin: float = 0.02
    command_delay: float = 0.1
    message_delay: float = 0.01


KEEP_APART = Separation()
"""What a team does unless its file says otherwise."""


class Localisation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How robots that take velocity set-points smooth their measured positions (`runtime/localisation.py`).

    Attributes:
        time_constant: over which an error of the position dies out [s]. A longer one forgives more noise of the position, and less of the
            velocity: one that is wrong by v puts the position wrong by v times this.
    """

    time_constant: float = 0.2


SMOOTHED = Localisation()
"""What a team does unless its file says otherwise."""


class Member(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One robot of the team.

    Attributes:
        id: its name.
        kind: its robot kind.
        agent: which actor of the bundle it runs, from 0.
        endpoint: ZeroMQ endpoint at which it publishes, as its peers reach it.
        plant: ZeroMQ endpoint of its simulated plant; empty for a hardware driver.
        stop: ZeroMQ endpoint at which it listens for an operator's emergency stop; empty for one that cannot be stopped from afar.
    """

    id: str
    kind: str
    agent: int
    endpoint: str
    plant: str = ""
    stop: str = ""


class Team(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The team file.

    Attributes:
        robots: the members.
        require_peers: arm only when every peer is heard; hold when one is lost.
        arm_timeout: a robot that cannot arm for this long says what it waits for [s].
        lockstep_timeout: in lockstep, longest wait for a peer's message of a tick, and for the plant [s].
        geofence: robots are kept within +-geofence [m] on both axes; None for no fence.
        staleness: figures for silence.
        separation: figures for keeping apart; None for robots that may touch.
        localisation: figures for smoothing positions; None for robots that believe each measurement.
    """

    robots: tuple[Member, ...]
    require_peers: bool = True
    arm_timeout: float = 10.0
    lockstep_timeout: float = 10.0
    geofence: float | None = None
    staleness: Staleness = Staleness()
    separation: Separation | None = KEEP_APART
    localisation: Localisation | None = SMOOTHED

    def member(self, robot: str, place: str = "team") -> Member:
        """The member with an id. Raises InputError for an id that is not there."""
        for member in self.robots:
            if member.id == robot:
                return member
        raise InputError(f"{place}: robot '{robot}' is not in the team; members: {', '.join(member.id for member in self.robots)}")

    def peers_of(self, robot: str) -> tuple[Member, ...]:
        """The other members, by ascending agent number."""
        return tuple(sorted((member for member in self.robots if member.id != robot), key=lambda member: member.agent))


class Mission(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One mission: landmarks [m, world frame] to cover. Starts and seed are for simulated plants alone.

    Attributes:
        landmarks: where they are when it begins.
        drift: the velocity of each of them [m/s, world frame]; empty for landmarks that stand still.
        within: they turn round (are reflected) at +-this on both axes [m]; None for landmarks that go straight on.
        starts: where the plant puts the robots, by agent number; empty for the plant's choice.
        seed: of all chance in the mission, the plant's choice of starts included; None for one of the plant's own.
    """

    landmarks: tuple[tuple[float, float], ...]
    drift: tuple[tuple[float, float], ...] = ()
    within: float | None = None
    starts: tuple[tuple[float, float], ...] = ()
    seed: int | None = None


class Missions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The mission file: one mission an episode, in order."""

    missions: tuple[Mission, ...]


def read_team(path: str | Path) -> Team:
    """Read and check a team file. Raises InputError."""
    team = read_yaml(path, Team)
    if not team.robots:
        raise InputError(f"{path}: robots: is empty, a team has at least one robot")
    unlike = {name: [getattr(member, name) for member in team.robots] for name in ("id", "agent", "endpoint")}
    unlike["endpoint"] += [member.stop for member in team.robots if member.stop]
    for name, values in unlike.items():
        twice = next((value for value in values if values.count(value) > 1), None)
        if twice is not None:
            raise InputError(f"{path}: robots: {name} '{twice}' stands twice")
    agents = sorted(member.agent for member in team.robots)
    if agents != list(range(len(agents))):
        raise InputError(f"{path}: robots: agents are {agents}, must be 0 ... {len(agents) - 1}")
    _check_figures(team, path)
    for index, member in enumerate(team.robots):
        try:
            load_spec(member.kind)
        except InputError as error:
            raise InputError(f"{path}: robots[{index}].kind: {error}") from None
        for name in ("endpoint", "plant", "stop"):
            check_endpoint(getattr(member, name), f"{path}: robots[{index}].{name}", may_be_empty=name != "endpoint")
    return team


def _check_figures(team: Team, path: str | Path) -> None:
    """A limit that is not a number would never be passed, and what it guards never be stopped."""
    figures = {name: getattr(team, name) for name in ("arm_timeout", "lockstep_timeout", "geofence")}
    figures |= {f"staleness.{name}": getattr(team.staleness, name) for name in team.staleness.__struct_fields__}
    for name, value in figures.items():
        if value is not None and not (math.isfinite(value) and value > 0):
            raise InputError(f"{path}: {name}: is {value}, must be finite and above 0")
    if team.separation is not None:
        for name, value in msgspec.structs.asdict(team.separation).items():
            if not (math.isfinite(value) and value >= 0):
                raise InputError(f"{path}: separation.{name}: is {value}, must be finite and not below 0")
    if team.localisation is not None and not 0 < team.localisation.time_constant < math.inf:
        raise InputError(f"{path}: localisation.time_constant: is {team.localisation.time_constant}, must be finite and above 0")
    if team.staleness.own_stop < team.staleness.own_hold:
        raise InputError(
            f"{path}: staleness.own_stop: is {team.staleness.own_stop}, must not be below own_hold ({team.staleness.own_hold})"
        )


def read_missions(path: str | Path, landmarks: int | None = None) -> Missions:
    """Read a mission file for a policy that covers `landmarks` landmarks (None: any number, the same in all). Raises InputError."""
    missions = read_yaml(path, Missions)
    if not missions.missions:
        raise InputError(f"{path}: missions: is empty")
    expected = len(missions.missions[0].landmarks) if landmarks is None else landmarks
    for index, mission in enumerate(missions.missions):
        if len(mission.landmarks) != expected:
            who = "the first mission has" if landmarks is None else "the actor covers"
            raise InputError(f"{path}: missions[{index}].landmarks: has {len(mission.landmarks)}, {who} {expected}")
        if not all(math.isfinite(value) for point in (*mission.landmarks, *mission.starts) for value in point):
            raise InputError(f"{path}: missions[{index}]: a coordinate is not finite")
        _check_course(mission, f"{path}: missions[{index}]")
    return missions


def _check_course(mission: Mission, place: str) -> None:
    """Refuse landmarks of which nobody could say where they will be. Raises InputError."""
    within = mission.within
    if not mission.drift:
        if within is not None:
            raise InputError(f"{place}.within: is {within:g}, and drift is empty; landmarks that stand still need no walls")
        return
    if len(mission.drift) != len(mission.landmarks):
        raise InputError(f"{place}.drift: has {len(mission.drift)}, the mission has {len(mission.landmarks)} landmarks")
    for number, drift in enumerate(mission.drift):
        if not all(map(math.isfinite, drift)):
            raise InputError(f"{place}.drift[{number}]: is {list(drift)}, must be finite")
    if within is None:
        return
    if not 0 < within < math.inf:
        raise InputError(f"{place}.within: is {within:g}, must be finite and above 0")
    for number, landmark in enumerate(mission.landmarks):
        if max(map(abs, landmark)) > within:
            raise InputError(f"{place}.landmarks[{number}]: is {list(landmark)}, must start within +-{within:g}")
