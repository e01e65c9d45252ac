"""One robot: sense, tell, listen, decide, check, command; once a tick, whatever happens."""

from __future__ import annotations

import math
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from robots.driver import Driver, DriverFeatures, PlantGone, RobotState
from robots.spec import RobotSpec
from runtime.actor import OnnxActor
from runtime.age import AgeMeter
from runtime.arming import ArmWatch, missing
from runtime.decide import Decider, Wish
from runtime.ears import Ears
from runtime.heard import Heard
from runtime.latch import Latch
from runtime.log import NoLog, RunLog
from runtime.log_lines import Closing, Event, Peer, Tick
from runtime.pacing import REPEAT, Lockstep, Pacing, RealTime
from runtime.peer_links import PeerLinks
from runtime.rehearsal import Rehearsal
from runtime.safety import Gated
from runtime.states import Inputs, Mode, settle, stale_after
from runtime.stop_listener import NoStops, Stops
from runtime.tally import Tally
from runtime.team import Missions, Team

NANO = 1_000_000_000
WARM_UP_RUNS = 3
COUNTING_PERIOD = 1.0
"""Time between two lines in the log on refused messages, so that a peer that floods does not flood the log [s]."""


@dataclass(frozen=True)
class Ending:
    """Why a node stopped: `end` (the series is over), `stopped` (on request), `plant_lost` or `fault`; and in words."""

    kind: str
    text: str = ""


class StopRequested(Exception):
    """Someone asked for a controlled stop while the node waited."""


class Node:
    """Runs one robot. All its parts are given, so that tests replace any of them.

    Args:
        robot: its id.
        team: the team.
        missions: one an episode; begins again after the last.
        actor: the policy.
        spec: of the robot.
        driver: connected.
        features: what the driver said when it was connected.
        links: to the peers.
        ears: what is heard of what they say.
        pacing: real time or lockstep.
        command_latency: from a command to its effect, as far as it is known [s].
        log: takes a line a tick.
        say: prints one line for the operator.
        attend: called once a tick, and during long waits.
        stops: asks for an emergency stop, whatever state the robot is in.
        latch: remembers one.
        clock: [ns, monotonic].
    """

    def __init__(
        self,
        *,
        robot: str,
        team: Team,
        missions: Missions,
        actor: OnnxActor,
        spec: RobotSpec,
        driver: Driver,
        features: DriverFeatures,
        links: PeerLinks,
        ears: Ears,
        pacing: Pacing,
        command_latency: float,
        log: RunLog | NoLog,
        say: Callable[[str], None],
        attend: Callable[[], None] = lambda: None,
        stops: Stops | None = None,
        latch: Latch | None = None,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.mode = Mode.INIT
        self.tally = Tally()
        self._robot, self._team = robot, team
        self._driver, self._links, self._ears, self._pacing = driver, links, ears, pacing
        self._log, self._say, self._attend, self._clock = log, say, attend, clock
        self._stops: Stops = NoStops() if stops is None else stops
        self._latch = Latch(None, say) if latch is None else latch
        self._stopped_for: str | None = None
        self._period = features.loop_period
        self._decider, twin = (Decider(robot, team, missions, actor, spec, features.loop_period, command_latency) for _ in range(2))
        self._rehearse = Rehearsal(twin, links, team.staleness, features.loop_period)
        self._began = clock()
        self._watch = ArmWatch(robot, team.arm_timeout, say, clock)
        self._stop = self._emergency = self._rearm = False
        self._measured: RobotState | None = None
        self._own: RobotState | None = None
        self._own_arrival = 0
        self._own_meter = AgeMeter()
        self._published = 0
        self._saying: tuple[float, ...] = ()
        self._logs_ticks = not isinstance(log, NoLog)
        self._rejected_before: dict[str, int] = {}
        self._counted = self._began

    def request_stop(self) -> None:
        """Stop, in a controlled way, in this tick or the next. Safe in a signal handler."""
        self._stop = True

    def request_emergency_stop(self) -> None:
        """Go to SAFE_STOP in this tick or the next, and stay there until armed again. Safe in a signal handler."""
        self._emergency = True

    def request_rearm(self) -> None:
        """Leave SAFE_STOP if all is well. Safe in a signal handler."""
        self._rearm = True

    def warm_up(self) -> None:
        """Run what a tick runs, before the first one, and send nothing: what runs for the first time takes several times as long."""
        for _ in range(WARM_UP_RUNS):
            self._rehearse()

    def run(self) -> Ending:
        """Tick until the plant ends, someone asks for a stop, or something fails; the robot is stopped in every case."""
        try:
            ending = self._run()
        finally:
            self._driver.stop()
            self._driver.close()
        self._event("end", {"kind": ending.kind, "text": ending.text})
        self._log.write(Closing(self.summary()))
        return ending

    def summary(self) -> dict:
        """What came of it so far, as plain data."""
        return self.tally.summary(self._links, self._stops, self._pacing.missed)

    def health(self) -> dict:
        """How it is now, as plain data: state, ages [s], and what was counted."""
        ages = self._peer_ages() if self._own is not None else [math.inf] * len(self._links.tracks)
        return {
            "robot": self._robot,
            "mode": self.mode.value,
            "tick": self._own.tick if self._own is not None else None,
            "peers": {track.robot: age if math.isfinite(age) else None for track, age in zip(self._links.tracks, ages, strict=True)},
            "ticks": self.tally.ticks,
            "missed_ticks": self._pacing.missed,
            "interventions": dict(self.tally.interventions),
            "refused_keys": self._links.refused,
        }

    def _run(self) -> Ending:
        try:
            while not self._stop:
                self._tick()
                self._attend()
        except StopRequested:
            pass
        except PlantGone as gone:
            return Ending("plant_lost", gone.reason) if gone.reason else Ending("end")
        except Exception as error:  # whatever it is, the robot stops and someone is told
            self._event("fault", {"error": repr(error), "traceback": traceback.format_exc()})
            self._settle(Inputs(fault=True))
            return Ending("fault", f"{type(error).__name__}: {error}")
        self._settle(Inputs(stop=True))
        return Ending("stopped")

    def _tick(self) -> None:
        state = self._pacing.next_state(self._driver, self._idle, self._rehearse)
        began = self._clock()
        self._heed_stops()
        if state is not None and not self._take(state):
            self._answer_stops()
            return
        own = self._own
        if own is None:
            self._answer_stops()
            self._watch.update(False, lambda: missing(math.inf, (), (), 0, 0.0))
            return
        # What is told again within a tick is what was told first: in lockstep a peer may not have heard of this tick yet.
        self._saying = self._decider.said if self.mode is Mode.ACTIVE else ()
        self._publish()
        listening = self._clock()
        waited = self._pacing.gather(self._links, own.tick, self._idle)
        listened = self._clock()

        heard = self._ears.hear(own, self._links.tracks, self._peer_ages())
        ages = heard.age
        own_age = self._pacing.own_age(self._own_meter, self._clock())
        self._update_mode(own_age, ages)
        self._watch.update(self.mode is Mode.ACTIVE, lambda: self._missing(ages))
        active = self.mode is Mode.ACTIVE

        wish = self._decider.wish(own, heard, active)
        decided = self._clock()
        gated = self._decider.allow(own, own_age, heard, wish, active)
        checked = self._clock()
        self._decider.sent = self._driver.command(gated.action, own.tick)
        commanded = self._clock()
        self._answer_stops()

        compute = (commanded - began - waited) / 1e3
        if self._logs_ticks:
            self._log_tick(own, own_age, heard, ages, wish, gated, compute)
        stages = (listening - began, listened - listening, decided - listened, checked - decided, commanded - checked)
        self.tally.ticked(
            self.mode.value, tuple(gated.changed), wish.answer is not None, compute, (self._pacing.late, *stages, self._clock() - commanded)
        )

    def _take(self, state: RobotState) -> bool:
        """Take in an own state; one that is not finite is answered with zero and otherwise treated as never measured."""
        if not all(map(math.isfinite, (*state.position.tolist(), *state.velocity.tolist(), state.heading))):
            self.tally.own_rejected += 1
            self._event("own_rejected", {"tick": state.tick})
            self._decider.sent = self._driver.command(np.zeros(2), state.tick)
            return False
        if self._own is None or state.episode != self._own.episode:
            self.tally.episodes += 1
            self._decider.begin_episode()
        self._measured, self._own, self._own_arrival = state, self._decider.locate(state), self._clock()
        self._own_meter.heard(self._own_arrival, state.stamp)
        return True

    def _publish(self) -> None:
        self._links.publish(self._own, self.mode.value, self._own_arrival, self._saying)
        self._published = self._clock()

    def _idle(self) -> None:
        """During a long wait: repeat myself, for a peer that was not listening yet, and notice what a tick would notice."""
        if self._stop:
            raise StopRequested
        self._heed_stops()
        self._answer_stops()  # nothing moves before the command that it waits to give
        self._attend()
        if self._own is None:
            self._watch.update(False, lambda: missing(math.inf, (), (), 0, 0.0))
            return
        if self._clock() - self._published >= REPEAT * NANO:
            self._publish()
        self._links.drain()
        self._watch.update(self.mode is Mode.ACTIVE, lambda: self._missing(self._peer_ages()))

    def _peer_ages(self) -> list[float]:
        """Age of each peer's newest message as it came [s]; one of another episode says nothing about this one."""
        now, own = self._clock(), self._own
        return [
            self._pacing.peer_age(track, own.tick, now) if track.newest is not None and track.newest.episode == own.episode else math.inf
            for track in self._links.tracks
        ]

    def _missing(self, ages: list[float]) -> str:
        if self.mode is Mode.SAFE_STOP:
            return "someone to arm it again"
        needed = self._links.tracks if self._team.require_peers else ()
        fresh = stale_after(self._team.staleness, self._period)
        own_age = self._pacing.own_age(self._own_meter, self._clock())
        return missing(own_age, needed, ages[: len(needed)], self._own.episode, fresh)

    def _heed_stops(self) -> None:
        """An emergency stop, by message, by signal, or of an earlier life: in any state, at once, and before an earlier wish to arm."""
        by_signal, self._emergency = self._emergency, False
        asked = self._stops.hear()
        if asked is not None:
            reason = f"by the operator: {asked}"
        elif by_signal:
            reason = "by signal"
        elif self.mode is Mode.INIT and self._latch.reason is not None and self._stopped_for is None:
            reason = self._latch.reason
        else:
            return
        self._rearm = False
        if self._stopped_for is None:
            self._stopped_for = reason
            self._event("emergency_stop", {"reason": reason})
            self._say(f"{self._robot}: SAFE_STOP: emergency stop {reason}; SIGUSR1 arms it again")
            self._settle(Inputs(stop=True))

    def _answer_stops(self) -> None:
        """When what follows from a stop was commanded."""
        self._stops.answer(self.mode.value)
        self._latch.follow(self._stopped_for)

    def _update_mode(self, own_age: float, ages: list[float]) -> None:
        self._settle(Inputs(own_age, tuple(ages) if self._team.require_peers else (), self._stop, self._rearm))
        self._rearm = False

    def _settle(self, inputs: Inputs) -> None:
        for mode in settle(self.mode, inputs, self._team.staleness, self._period):
            self._event("mode", {"from": self.mode.value, "to": mode.value})
            self.tally.entered(self._seconds(), self._own.tick if self._own is not None else -1, mode.value)
            if mode is Mode.SAFE_STOP and not inputs.stop:
                self._say(f"{self._robot}: SAFE_STOP: its own state is {inputs.own_age:.1f} s old; SIGUSR1 arms it again")
            if mode is Mode.ACTIVE:
                self._decider.begin()
            if mode is Mode.STANDBY:
                self._stopped_for = None
            self.mode = mode

    def _seconds(self) -> float:
        return (self._clock() - self._began) / NANO

    def _event(self, event: str, detail: dict[str, str | int]) -> None:
        self._log.write(Event(self._seconds(), event, detail))

    def _log_tick(self, own: RobotState, own_age: float, heard: Heard, ages: list[float], wish: Wish, gated: Gated, compute: float) -> None:
        told, points, speeds = heard.position, wish.peers.position, wish.peers.velocity
        said = [None] * len(ages) if heard.message is None else heard.message
        commanded, sent = gated.action.tolist(), self._decider.sent.tolist()
        measured, position = self._measured.position.tolist(), own.position.tolist()
        self._log.write(
            Tick(
                t=self._seconds(),
                tick=own.tick,
                episode=own.episode,
                elapsed=own.elapsed,
                mode=self.mode.value,
                own_age=own_age,
                position=position,
                velocity=own.velocity.tolist(),
                heading=float(own.heading),
                peers={
                    track.robot: Peer(age, point, speed, spot, words) if math.isfinite(age) else Peer(None, point, speed, None, words)
                    for track, age, point, speed, spot, words in zip(self._links.tracks, ages, points, speeds, told, said, strict=True)
                },
                wanted=wish.action.tolist(),
                sent=sent,
                gate=list(gated.changed),
                compute=compute,
                observation=None if wish.observation is None else wish.observation.tolist(),
                action=None if wish.answer is None else wish.answer.tolist(),
                commanded=None if commanded == sent else commanded,
                measured=None if measured == position else measured,
                message=None if wish.message is None else wish.message.tolist(),
            )
        )
        if self._clock() - self._counted >= COUNTING_PERIOD * NANO:
            self._counted = self._clock()
            self._log_rejected()

    def _log_rejected(self) -> None:
        for sender, rejected in [*((track.robot, track.rejected) for track in self._links.tracks), ("operator", self._stops.rejected)]:
            if rejected.total() != self._rejected_before.get(sender, 0):
                self._rejected_before[sender] = rejected.total()
                self._event("rejected", {"peer": sender, **rejected})


def pacing_for(features: DriverFeatures, team: Team, early: float = 0.0) -> Pacing:
    """The strategy that the driver's clock asks for, awake so long before each deadline [s]."""
    return Lockstep(team.lockstep_timeout) if features.clock == "lockstep" else RealTime(features.loop_period, early=early)
