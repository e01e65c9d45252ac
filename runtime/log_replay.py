"""A log computed again: from what the robot knew in each tick to what it commanded, through the same code and the same actor."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from robots.driver import RobotState
from robots.errors import InputError
from robots.spec import load_spec
from robots.yaml_input import convert
from runtime.actor import OnnxActor
from runtime.decide import Decider
from runtime.heard import Heard
from runtime.log_lines import Event, Header, Line, Tick
from runtime.states import Mode
from runtime.team import Missions, Team


@dataclass(frozen=True)
class Difference:
    """The first thing in which a log and its replay differ.

    Attributes:
        tick: in which.
        what: `position`, `peers.<id>.position`, `observation`, `action`, `message`, `wanted` or `sent`.
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
        ticks: that were computed again; of a log that goes on from an earlier part, those from where the policy began anew.
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
            if not robot.follows(line):
                continue
            ticks += 1
            runs += line.action is not None
            for what, logged, computed in robot.computes(line):
                if not _same(logged, computed):
                    return Replay(ticks, runs, Difference(line.tick, what, logged, computed))
    return Replay(ticks, runs, None)


class _Robot:
    """A node's `Decider`, and what reached it in each tick."""

    def __init__(self, header: Header, actor: OnnxActor, place: str) -> None:
        team, missions = convert(header.team, Team, f"{place}: team"), convert(header.missions, Missions, f"{place}: missions")
        self._peers = team.peers_of(header.robot)
        spec = load_spec(header.kind)
        self._decider = Decider(header.robot, team, missions, actor, spec, header.period, header.command_latency)
        self._episode: int | None = None
        self._known = header.part == 0
        self._own: RobotState | None = None

    def happened(self, event: Event) -> None:
        """What lies between two ticks and changes what follows."""
        if event.event == "mode" and event.detail["to"] == Mode.ACTIVE.value:
            self._decider.begin()
            self._known = True
        elif event.event == "own_rejected":
            self._decider.sent = np.zeros(2)

    def follows(self, tick: Tick) -> bool:
        """Whether all that a tick depends on is known: what the policy remembers is not in the log."""
        if tick.episode != self._episode:
            self._known |= self._episode is not None
            self._episode = tick.episode
            if self._known:
                self._decider.begin_episode()
        if not self._known:
            measured, self._own = _measured(tick), _state(tick, tick.position)
            self._decider.resume(measured, self._own)
            self._decider.sent = np.array(tick.sent)
        return self._known

    def computes(self, tick: Tick) -> Iterator[tuple[str, list[float] | None, list[float] | None]]:
        """What was logged and what comes out, step by step."""
        if self._own is None or (tick.tick, tick.episode) != (self._own.tick, self._own.episode):
            self._own = self._decider.locate(_measured(tick))
        own = self._own
        yield "position", tick.position, own.position.tolist()
        active = tick.mode == Mode.ACTIVE.value
        heard = self._heard(tick)
        wish = self._decider.wish(own, heard, active)
        for peer, position in zip(self._peers, wish.peers.position, strict=True):
            yield f"peers.{peer.id}.position", tick.peers[peer.id].position, list(position)
        yield "observation", tick.observation, None if wish.observation is None else wish.observation.tolist()
        yield "action", tick.action, None if wish.answer is None else wish.answer.tolist()
        yield "message", tick.message, None if wish.message is None else wish.message.tolist()
        yield "wanted", tick.wanted, wish.action.tolist()
        commanded = self._decider.allow(own, tick.own_age, heard, wish, active).action
        yield "sent", tick.sent if tick.commanded is None else tick.commanded, commanded.tolist()
        self._decider.sent = np.array(tick.sent)

    def _heard(self, tick: Tick) -> Heard:
        seen = [tick.peers[peer.id] for peer in self._peers]
        return Heard(
            position=[(0.0, 0.0) if peer.told is None else peer.told for peer in seen],
            velocity=[peer.velocity for peer in seen],
            age=[math.inf if peer.age is None else peer.age for peer in seen],
            message=[peer.message for peer in seen] if seen and seen[0].message is not None else None,
        )


def _state(tick: Tick, position: list[float]) -> RobotState:
    return RobotState(tick.tick, tick.episode, tick.elapsed, 0, np.array(position), np.array(tick.velocity), tick.heading)


def _measured(tick: Tick) -> RobotState:
    return _state(tick, tick.position if tick.measured is None else tick.measured)


def _same(logged: list[float] | None, computed: list[float] | None) -> bool:
    """Bit for bit; of numbers that are not finite, JSON keeps no more than that they are not."""
    if logged is None or computed is None or len(logged) != len(computed):
        return logged is computed
    return all(
        (one == other and math.copysign(1.0, one) == math.copysign(1.0, other)) or (math.isnan(one) and not math.isfinite(other))
        for one, other in zip(logged, computed, strict=True)
    )
