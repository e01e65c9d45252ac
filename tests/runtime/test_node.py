"""The tick: the robot moves as its policy says when everything is fresh, and not at all otherwise."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robots.driver import PlantGone, RobotState
from robots.spec import load_spec
from runtime.actor import OnnxActor
from runtime.barrier import Neighbours, barrier_for
from runtime.ears import OpenEars
from runtime.latch import Latch
from runtime.localisation import Localiser
from runtime.log import NoLog, RunLog
from runtime.node import Node
from runtime.observation import observe, views_of_team
from runtime.pacing import Lockstep, RealTime
from runtime.safety import Limits, gate
from runtime.schedule import HeldAction
from runtime.states import Mode
from runtime.stop_listener import Stops
from runtime.team import KEEP_APART, SMOOTHED, Member, Mission, Missions, Team
from tests.runtime.factory import make_actor, make_contract
from tests.runtime.stand_ins import Clock, PlannedDriver, ScriptedLinks, frame, state

LANDMARKS = [((0.5, 0.0), (-0.5, 0.5), (0.0, -0.5)), ((1.0, 1.0), (0.2, 0.3), (-1.0, 0.4))]


class Bench:
    """One node, robot r0, with everything around it in the test's hands."""

    def __init__(
        self,
        plan: Callable[[Clock], list[RobotState | Exception | None]],
        before_drain: Callable[[ScriptedLinks], None] = lambda links: None,
        pace: str = "realtime",
        kind: str = "omni",
        team_size: int = 3,
        log: Path | None = None,
        actor: bytes | None = None,
        stops: Stops | None = None,
        latch: Latch | None = None,
        words: int = 0,
        **team: Any,
    ) -> None:
        self.clock, self.said = Clock(), []
        self.driver = PlannedDriver(plan(self.clock), self.clock, kind, pace)
        self.links = ScriptedLinks([f"r{agent}" for agent in range(1, team_size)], self.clock, before_drain)
        period = self.driver.features.loop_period
        self.team = Team(robots=tuple(Member(id=f"r{n}", kind=kind, agent=n, endpoint=f"tcp://r{n}:1") for n in range(team_size)), **team)
        self.node = Node(
            robot="r0",
            team=self.team,
            missions=Missions(missions=tuple(Mission(landmarks=points) for points in LANDMARKS)),
            actor=OnnxActor(actor or make_actor(make_contract(kind=kind, team_size=team_size)), "actor"),
            spec=load_spec(kind),
            driver=self.driver,
            features=self.driver.features,
            ears=OpenEars(words),
            command_latency=0.0,
            links=self.links,
            pacing=Lockstep(team.get("lockstep_timeout", 10.0), self.clock)
            if pace == "lockstep"
            else RealTime(period, self.clock, self.clock.sleep),
            log=NoLog() if log is None else RunLog(log, self.said.append),
            say=self.said.append,
            stops=stops,
            latch=latch,
            clock=self.clock,
        )

    def changes(self) -> list[tuple[float, str]]:
        return [(change["t"], change["mode"]) for change in self.node.summary()["mode_history"]]


def peers_say(tick_of: Callable[[int], int] = lambda call: call, **more: Any) -> Callable[[ScriptedLinks], None]:
    """Both peers speak of the next tick each time the node listens."""
    calls = iter(range(10**6))

    def arrive(links: ScriptedLinks) -> None:
        call = next(calls)
        for index, track in enumerate(links.tracks):
            links.give(index, frame(track.robot, call + 1, tick=tick_of(call), stamp=links._clock(), **more))

    return arrive


def states(count: int, **changes: Any) -> Callable[[Clock], list[RobotState]]:
    return lambda clock: [state(tick, **changes) for tick in range(count)]


@pytest.mark.parametrize("kind", ["omni", "point"])
def test_a_lockstep_run_computes_bit_for_bit_what_one_process_computes(kind: str) -> None:
    """Two episodes over random measurements, against the same parts in a row as an evaluation uses them."""
    length, spec, contract = 70, load_spec(kind), make_contract(kind=kind)
    rng = np.random.default_rng(0)
    position, velocity = rng.normal(size=(2, 2 * length, 3, 2))
    plan = [
        state(tick, episode=tick // length, elapsed=tick % length, position=position[tick, 0], velocity=velocity[tick, 0])
        for tick in range(2 * length)
    ]
    calls = iter(range(2 * length))

    def arrive(links: ScriptedLinks) -> None:
        tick = next(calls)
        for index in (0, 1):
            spot, speed = tuple(position[tick, index + 1].tolist()), tuple(velocity[tick, index + 1].tolist())
            links.give(index, frame(f"r{index + 1}", tick + 1, tick=tick, episode=tick // length, position=spot, velocity=speed))

    bench = Bench(lambda clock: plan, arrive, "lockstep", kind)
    assert bench.node.run().kind == "end"

    barrier = barrier_for(spec, [kind] * 2, KEEP_APART, bench.driver.features.loop_period)
    expected, actor, period = [], OnnxActor(make_actor(contract), "a"), bench.driver.features.loop_period
    for episode in range(2):
        localiser = Localiser.for_robot(SMOOTHED, spec, period)
        schedule, memory, sent = HeldAction.for_robot(contract, spec, period), actor.initial_state(), np.zeros(2)
        for elapsed in range(length):
            tick = episode * length + elapsed
            own = position[tick, 0] if localiser is None else localiser(position[tick, 0], velocity[tick, 0], elapsed)
            everyone = np.stack([own, *position[tick, 1:]])
            if schedule.due(elapsed):
                views = views_of_team(everyone, velocity[tick], np.array(LANDMARKS[episode]))
                action, memory = actor.act(observe(contract.layout, views)[0], memory)
                schedule.offer(action, elapsed)
            others = Neighbours(position[tick, 1:], velocity[tick, 1:], np.zeros(2))
            apart = barrier.half_planes(own, velocity[tick, 0], others) if barrier else None
            sent = gate(Limits.of(spec, period), schedule.at(elapsed), sent, own, apart=apart).action
            expected.append((tick, sent.tolist()))
    assert bench.driver.commands == expected
    assert bench.changes()[-1][1] == "ACTIVE" and bench.node.tally.modes == {"ACTIVE": 2 * length}
    assert ("barrier" in bench.node.tally.interventions) == (kind == "omni")


def test_warming_up_sends_nothing_and_counts_nothing() -> None:
    bench, other = Bench(states(45), peers_say(), "lockstep"), Bench(states(45), peers_say(), "lockstep")
    bench.node.warm_up()
    assert not bench.driver.commands and not bench.driver.calls and bench.links.sent == 0
    bench.node.run()
    other.node.run()
    assert bench.driver.commands == other.driver.commands and bench.node.tally.actor_runs == other.node.tally.actor_runs == 3


def test_a_rehearsal_before_each_tick_changes_nothing() -> None:
    position = np.random.default_rng(3).normal(size=(45, 2))
    plan = [state(tick, position=position[tick]) for tick in range(45)]
    told, benches = peers_say(), []

    def arrive_and_rehearse(links: ScriptedLinks) -> None:
        told(links)
        benches[0].node.warm_up()

    benches += [Bench(lambda clock: plan, arrive_and_rehearse, "lockstep"), Bench(lambda clock: plan, peers_say(), "lockstep")]
    for bench in benches:
        bench.node.run()
    rehearsed, other = benches
    assert rehearsed.driver.commands == other.driver.commands and any(any(action) for _, action in other.driver.commands)
    assert rehearsed.node.tally.interventions == other.node.tally.interventions and rehearsed.node.tally.ticks == 45


def test_a_robot_alone_needs_no_peers() -> None:
    bench = Bench(states(5), pace="lockstep", team_size=1, kind="point", actor=make_actor(make_contract(team_size=1, kind="point")))
    bench.node.run()
    assert [tick for tick, action in bench.driver.commands if any(action)] == [0, 1, 2, 3, 4]


def test_without_its_peers_a_robot_stays_in_standby_commands_zero_and_says_why_once() -> None:
    bench = Bench(lambda clock: [state(tick, stamp=tick * 20_000_000) for tick in range(200)], arm_timeout=1.0)
    bench.links.give(1, b"garbage")
    bench.node.run()
    assert len(bench.driver.commands) == 200 and not any(any(action) for _, action in bench.driver.commands)
    assert bench.said == ["r0: waiting for r1 (nothing heard from tcp://r1:1), r2 (nothing believable from tcp://r2:1: 1 garbage)"]
    assert [mode for _, mode in bench.changes()] == ["STANDBY"] and bench.node.tally.actor_runs == 0


def test_it_says_so_when_the_wait_is_over() -> None:
    speak = peers_say()
    bench = Bench(
        lambda clock: [state(tick, stamp=tick * 20_000_000) for tick in range(100)],
        lambda links: speak(links) if links.sent > 60 else None,
        arm_timeout=1.0,
    )
    bench.node.run()
    assert [line.split(" (")[0] for line in bench.said] == ["r0: waiting for r1", "r0: armed after 1.2 s"]
    assert [mode for _, mode in bench.changes()] == ["STANDBY", "ACTIVE"]


def test_without_require_peers_it_moves_alone() -> None:
    bench = Bench(lambda clock: [state(tick, stamp=tick * 20_000_000) for tick in range(30)], require_peers=False)
    bench.node.run()
    assert any(any(action) for _, action in bench.driver.commands)


def test_a_driver_that_falls_silent_holds_the_robot_after_half_a_second_and_stops_it_for_good_after_two() -> None:
    silence, alive = 150, 15
    bench = Bench(
        lambda clock: (
            [state(tick, stamp=tick * 20_000_000) for tick in range(alive)]
            + [None] * silence
            + [state(tick, stamp=tick * 20_000_000) for tick in range(alive + silence, alive + silence + 20)]
        ),
        peers_say(),
    )
    bench.node.run()
    last = (alive - 1) * 0.02
    # An age of exactly 0.5 s has not passed the limit: the next tick, 20 ms later, has.
    assert bench.changes() == [
        (0.0, "STANDBY"), (0.0, "ACTIVE"), (pytest.approx(last + 0.52), "HOLD"), (pytest.approx(last + 2.02), "SAFE_STOP"),
    ]  # fmt: skip
    assert not any(any(action) for _, action in bench.driver.commands[alive + 25 :])
    assert any(bench.driver.commands[alive + 24][1]) and len(bench.driver.commands) == alive + silence + 20
    assert bench.said == ["r0: SAFE_STOP: its own state is 2.0 s old; SIGUSR1 arms it again"]


@pytest.mark.parametrize(
    ("asked_at", "then"),
    [(120, ["STANDBY", "ACTIVE"]), (105, [])],
    ids=["while its own state is fresh", "too early: that is not remembered"],
)
def test_a_robot_in_safe_stop_moves_again_only_when_armed(asked_at: int, then: list[str]) -> None:
    bench = Bench(
        lambda clock: [state(0)] + [None] * 110 + [state(tick, stamp=tick * 20_000_000) for tick in range(111, 131)],
        peers_say(),
    )
    original, reads = bench.driver.read, iter(range(10**6))

    def read(timeout: float) -> RobotState | None:
        if next(reads) == asked_at:
            bench.node.request_rearm()
        return original(timeout)

    bench.driver.read = read
    bench.node.run()
    assert [mode for _, mode in bench.changes()] == ["STANDBY", "ACTIVE", "HOLD", "SAFE_STOP", *then]
    if then:
        assert bench.changes()[-1][0] == pytest.approx(asked_at * 0.02)


def test_a_peer_that_falls_silent_holds_the_robot_until_it_is_heard_again() -> None:
    speak = peers_say()
    bench = Bench(
        lambda clock: [state(tick, stamp=tick * 20_000_000) for tick in range(100)],
        lambda links: None if 10 < links.sent <= 60 else speak(links),
    )
    bench.node.run()
    heard = 9 * 0.02
    assert bench.changes()[2:] == [(pytest.approx(heard + 0.52), "HOLD"), (pytest.approx(60 * 0.02), "ACTIVE")]


def test_messages_of_another_episode_are_not_used() -> None:
    bench = Bench(states(3), peers_say(episode=1), "lockstep", lockstep_timeout=0.1)
    bench.node.run()
    assert bench.node.mode is Mode.STANDBY


def test_a_peer_lost_in_lockstep_holds_the_robot_but_not_the_plant() -> None:
    bench = Bench(states(10), peers_say(lambda call: min(call, 4)), "lockstep", lockstep_timeout=1.0, kind="point")
    assert bench.node.run().kind == "end"
    assert [tick for tick, action in bench.driver.commands if any(action)] == [0, 1, 2, 3, 4]
    assert len(bench.driver.commands) == 10 and bench.node.mode is Mode.HOLD


def test_own_states_that_are_not_finite_are_answered_with_zero_and_not_told_to_anyone() -> None:
    bad = state(1, position=np.array([np.nan, 0.0]))
    bench = Bench(lambda clock: [state(0), bad, state(2)], peers_say(lambda call: 2 * call), "lockstep", kind="point")
    bench.node.run()
    assert bench.driver.commands[1] == (1, [0.0, 0.0]) and bench.node.tally.own_rejected == 1
    assert [tick for tick, *_ in bench.links.published] == [0, 2]


def test_an_actor_that_says_nan_commands_zero_and_is_counted() -> None:
    bench = Bench(states(5), peers_say(), "lockstep", "point", actor=make_actor(make_contract(kind="point"), gain=np.nan))
    bench.node.run()
    assert bench.driver.commands == [(tick, [0.0, 0.0]) for tick in range(5)]
    assert bench.node.tally.interventions == {"not_finite": 5}


@pytest.mark.parametrize(
    ("last", "kind", "text"),
    [
        (PlantGone(), "end", ""),
        (PlantGone("lost the plant"), "plant_lost", "lost the plant"),
        (RuntimeError("wheel fell off"), "fault", "RuntimeError: wheel fell off"),
    ],
)
def test_however_it_ends_the_robot_is_stopped(last: Exception, kind: str, text: str) -> None:
    bench = Bench(lambda clock: [state(0), last], peers_say(), "lockstep")
    ending = bench.node.run()
    assert (ending.kind, ending.text) == (kind, text) and bench.driver.calls == ["stop", "close"]
    assert (bench.node.mode is Mode.FAULT) == (kind == "fault")


@pytest.mark.parametrize("pace", ["lockstep", "realtime"])
def test_a_stop_is_noticed_while_waiting_for_a_peer(pace: str) -> None:
    bench = Bench(lambda clock: [state(tick) for tick in range(1000)], lambda links: bench.node.request_stop(), pace, lockstep_timeout=60.0)
    began = bench.clock()
    assert bench.node.run().kind == "stopped"
    assert (bench.clock() - began) / 1e9 < 0.1
    assert bench.node.mode is Mode.SAFE_STOP and bench.driver.calls == ["stop", "close"]


@pytest.mark.parametrize("longest_wait", [1.0, 0.001])
def test_lockstep_repeats_its_message_while_it_waits_but_does_not_answer_repetitions_with_more(longest_wait: float) -> None:
    bench = Bench(states(1), pace="lockstep", lockstep_timeout=1.0)
    bench.links.longest_wait = longest_wait
    bench.node.run()
    assert 45 <= bench.links.sent <= 55


def test_a_measurement_that_is_told_again_keeps_its_stamp() -> None:
    bench = Bench(lambda clock: [state(0), None, None], peers_say())
    bench.node.run()
    assert len({stamp for _, _, stamp in bench.links.published}) == 1 and bench.links.sent == 3


def test_the_log_has_every_tick_with_what_led_to_it(tmp_path: Path) -> None:
    path = tmp_path / "r0.jsonl"
    bench = Bench(states(45), peers_say(), "lockstep", log=path)
    bench.node.run()
    bench.node._log.close()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    ticks = [line for line in lines if line["line"] == "tick"]
    assert [line["tick"] for line in ticks] == list(range(45))
    assert [line["tick"] for line in ticks if "observation" in line] == [0, 20, 40]
    assert [line["sent"] for line in ticks] == [action for _, action in bench.driver.commands]
    assert ticks[0]["peers"]["r1"] == {"age": 0.0, "position": [1.0, 2.0], "velocity": [0.5, -0.5], "told": [1.0, 2.0]}
    assert len(ticks[0]["observation"]) == 18
    assert ticks[12]["gate"] == ["acceleration"] and ticks[12]["wanted"] != ticks[12]["sent"]
    assert [(line["detail"]["from"], line["detail"]["to"]) for line in lines if line.get("event") == "mode"][-1] == ("STANDBY", "ACTIVE")
    assert lines[-1]["line"] == "closing" and lines[-1]["summary"]["ticks"] == 45


def test_a_full_disk_ends_the_log_and_not_the_robot() -> None:
    bench = Bench(states(5000), peers_say(), "lockstep", kind="point", log=Path("/dev/full"))
    bench.node.run()
    bench.node._log.close()
    assert len(bench.driver.commands) == 5000
    assert bench.said == ["/dev/full: log ends here: No space left on device"]
