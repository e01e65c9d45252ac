"""A log computed again: from what the robot knew in each tick to what it commanded, through the same code and the same actor."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from robots.errors import InputError
from robots.spec import load_spec
from robots.yaml_input import convert
from runtime.actor import OnnxActor
from runtime.barrier import Neighbours, barrier_for
from runtime.heard import Heard, believe
from runtime.log_lines import Event, Header, Line, Tick
from runtime.observation import View, observe
from runtime.safety import Limits, gate
from runtime.schedule import HeldAction
from runtime.states import Mode
from runtime.team import Missions, Team


@dataclass(frozen=True)
class Difference:
    """The first thing in which a log and its replay differ.

    Attributes:
        tick: in which.
        what: `observation`, `action`, `wanted` or `sent`.
        logged: what the robot had.
        computed: what comes out now.
    """

    tick: int
    what: str
    logged: list[float] | None
    computed: list[float] | None


@dataclass(frozen=True)
class Replay:
    """How far a log agrees.

    Attributes:
        ticks: that were computed again.
        actor_runs: among them.
        difference: None where there is none.
    """

    ticks: int
    actor_runs: int
    difference: Difference | None


def replay(lines: Iterable[Line], actor: OnnxActor, actor_sha256: str, place: str) -> Replay:
    """Compute a log again, up to the first difference.

    Args:
        lines: of the log.
        actor: that the robot ran.
        actor_sha256: of its file.
        place: names the log in errors.

    Raises:
        InputError: the log has no header, or is of another actor.
    """
    remaining = iter(lines)
    header = next(remaining, None)
    if not isinstance(header, Header):
        raise InputError(f"{place}: does not begin with a header")
    if header.actor_sha256 != actor_sha256:
        raise InputError(f"{place}: is of actor {header.actor_sha256[:12]}..., the bundle has {actor_sha256[:12]}...")
    robot = _Robot(header, actor, place)
    ticks = runs = 0
    for line in remaining:
        if isinstance(line, Event):
            robot.happened(line)
        elif isinstance(line, Tick):
            ticks += 1
            runs += line.action is not None
            for what, logged, computed in robot.computes(line):
                if logged != computed:
                    return Replay(ticks, runs, Difference(line.tick, what, logged, computed))
    return Replay(ticks, runs, None)


class _Robot:
    """What of a node is needed to compute its commands: the parts between its measurements and its driver."""

    def __init__(self, header: Header, actor: OnnxActor, place: str) -> None:
        team, missions = convert(header.team, Team, f"{place}: team"), convert(header.missions, Missions, f"{place}: missions")
        self._actor, self._spec, self._period = actor, load_spec(header.kind), header.period
        self._peers = team.peers_of(header.robot)
        self._lost = team.staleness.lost
        self._limits = Limits.of(self._spec, header.period, team.geofence)
        self._barrier = barrier_for(self._spec, [peer.kind for peer in self._peers], team.separation, header.period)
        self._landmarks = [np.array(mission.landmarks, dtype=np.float64) for mission in missions.missions]
        self._latency = np.array([header.command_latency])
        self._episode: int | None = None
        self._sent = np.zeros(2)
        self._reset()

    def happened(self, event: Event) -> None:
        """What lies between two ticks and changes what follows."""
        if event.event == "mode" and event.detail["to"] == Mode.ACTIVE.value:
            self._reset()
        elif event.event == "own_rejected":
            self._sent = np.zeros(2)

    def computes(self, tick: Tick) -> Iterator[tuple[str, list[float] | None, list[float] | None]]:
        """What was logged and what comes out, step by step."""
        if tick.episode != self._episode:
            self._episode = tick.episode
            self._sent = np.zeros(2)
            self._reset()
        position, velocity = np.array(tick.position), np.array(tick.velocity)
        age = np.array([math.inf if (peer := tick.peers[each.id]).age is None else peer.age for each in self._peers])
        points = np.array([tick.peers[each.id].position for each in self._peers]).reshape(-1, 2)
        speeds = np.array([tick.peers[each.id].velocity for each in self._peers]).reshape(-1, 2)
        believed = believe(Heard(points, speeds, age), position, self._lost)  # of which the positions are extrapolated already
        active = tick.mode == Mode.ACTIVE.value
        observation = action = None
        if active and self._schedule.due(tick.elapsed):
            view = View(
                own_position=position,
                own_velocity=velocity,
                landmarks=self._landmarks[tick.episode % len(self._landmarks)],
                peers=points,
                peers_velocity=speeds,
                peers_age=believed.age,
                peers_known=believed.known,
                command_latency=self._latency,
                own_setpoint=self._sent,
            )
            observed = observe(self._actor.contract.layout, view)
            acted, self._memory = self._actor.act(observed, self._memory)
            acted = acted.astype(np.float64)
            self._schedule.offer(acted, tick.elapsed)
            observation, action = observed.tolist(), acted.tolist()
        yield "observation", tick.observation, observation
        yield "action", tick.action, action
        wanted = self._schedule.at(tick.elapsed)
        yield "wanted", tick.wanted, wanted.tolist()
        apart = None
        if self._barrier is not None:
            neighbours = Neighbours(points, speeds, np.where(np.isfinite(age), believed.age, np.inf))
            apart = self._barrier.half_planes(position + tick.own_age * velocity, velocity, neighbours, tick.own_age)
        self._sent = gate(self._limits, wanted, self._sent, position, active, apart).action
        yield "sent", tick.sent, self._sent.tolist()

    def _reset(self) -> None:
        self._memory = self._actor.initial_state()
        self._schedule = HeldAction.for_robot(self._actor.contract, self._spec, self._period)
