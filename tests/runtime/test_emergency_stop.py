"""An emergency stop, by signal or by message: in whatever state a robot is, at once, until someone arms it again."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from robots.driver import RobotState
from robots.errors import InputError
from robots.spec import load_spec
from runtime.latch import Latch
from runtime.states import Mode
from tests.runtime.stand_ins import ScriptedLinks, state
from tests.runtime.test_node import Bench, peers_say


class ScriptedStops:
    """An operator who asks when the node listens for the n-th time, from 0; and what it was answered, with what had been commanded."""

    def __init__(self, *asks: int) -> None:
        self.taken = self.refused = 0
        self.rejected: Counter[str] = Counter()
        self.answers: list[tuple[str, list[float]]] = []
        self.bench: Bench | None = None
        self._asks = asks
        self._heard = -1
        self._open = False

    def hear(self) -> str | None:
        self._heard += 1
        if self._heard not in self._asks:
            return None
        self.taken += 1
        self._open = True
        return "a dog"

    def answer(self, mode: str) -> None:
        if self._open:
            commands = self.bench.driver.commands
            self.answers.append((mode, commands[-1][1] if commands else [0.0, 0.0]))
        self._open = False


def bench_with(stops: ScriptedStops, *arguments: object, **settings: object) -> Bench:
    stops.bench = Bench(*arguments, stops=stops, **settings)
    return stops.bench


def timed(count: int) -> list[RobotState]:
    return [state(tick, stamp=tick * 20_000_000) for tick in range(count)]


def test_an_emergency_stop_is_at_once_and_stays_until_armed_and_the_start_is_ramped() -> None:
    bench = Bench(lambda clock: [state(tick, stamp=tick * 20_000_000) for tick in range(200)], peers_say(position=(9.0, 9.0)))
    original, reads = bench.driver.read, iter(range(10**6))

    def read(timeout: float) -> RobotState | None:
        {60: bench.node.request_emergency_stop, 100: bench.node.request_rearm}.get(next(reads), lambda: None)()
        return original(timeout)

    bench.driver.read = read
    bench.node.run()
    assert [mode for _, mode in bench.changes()] == ["STANDBY", "ACTIVE", "SAFE_STOP", "STANDBY", "ACTIVE"]
    speeds = np.array([np.hypot(*action) for _, action in bench.driver.commands])
    assert speeds[59] > 0.0 and not speeds[60:100].any() and speeds[140:].any()
    assert np.diff(speeds)[100:].max() <= load_spec("omni").acceleration_limit * 0.02 + 1e-9
    assert bench.said == ["r0: SAFE_STOP: emergency stop by signal; SIGUSR1 arms it again"]


def test_the_operator_is_answered_when_zero_has_been_commanded_and_the_stop_holds() -> None:
    stops = ScriptedStops(60)
    bench = bench_with(stops, lambda clock: timed(200), peers_say(position=(9.0, 9.0)))
    bench.node.run()
    assert [mode for _, mode in bench.changes()] == ["STANDBY", "ACTIVE", "SAFE_STOP"]
    assert any(bench.driver.commands[59][1]) and not any(any(action) for _, action in bench.driver.commands[60:])
    assert stops.answers == [("SAFE_STOP", [0.0, 0.0])]
    assert bench.said == ["r0: SAFE_STOP: emergency stop by the operator: a dog; SIGUSR1 arms it again"]


NAN = {"position": np.array([np.nan, 0.0])}


@pytest.mark.parametrize(
    ("plan", "before"),
    [
        ([None] * 20 + timed(60)[20:], []),
        ([state(tick, **NAN) for tick in range(20)] + timed(60)[20:], []),
        (timed(60), ["STANDBY"]),
        ([state(0, stamp=0)] + [None] * 10 + [state(tick, **NAN) for tick in range(11, 60)], ["STANDBY"]),
    ],
    ids=["never measured", "measures nonsense", "without peers", "falls blind"],
)
def test_a_robot_that_could_not_move_anyway_is_stopped_and_answers(plan: list[RobotState | None], before: list[str]) -> None:
    """Nor does it move when all is well again."""
    stops, speak = ScriptedStops(15), peers_say()
    bench = bench_with(stops, lambda clock: plan, lambda links: speak(links) if links.sent > 20 else None)
    bench.node.run()
    assert [mode for _, mode in bench.changes()] == [*before, "SAFE_STOP"] and stops.answers == [("SAFE_STOP", [0.0, 0.0])]
    assert not any(any(action) for _, action in bench.driver.commands)


def test_a_stop_wins_over_a_wish_to_arm_and_repetitions_are_one_stop(tmp_path: Path) -> None:
    stops = ScriptedStops(*range(10, 90))
    bench = bench_with(stops, lambda clock: timed(120), peers_say(), log=tmp_path / "r0.jsonl")
    original = bench.driver.read

    def read(timeout: float) -> RobotState | None:
        bench.node.request_rearm()
        return original(timeout)

    bench.driver.read = read
    bench.node.run()
    bench.node._log.close()
    assert [mode for _, mode in bench.changes()] == ["STANDBY", "ACTIVE", "SAFE_STOP", "STANDBY", "ACTIVE"]
    assert bench.changes()[3][0] == pytest.approx(90 * 0.02)
    assert [mode for mode, _ in stops.answers] == ["SAFE_STOP"] * 80 and len(bench.said) == 1
    lines = [json.loads(line) for line in (tmp_path / "r0.jsonl").read_text().splitlines()]
    assert [line["detail"] for line in lines if line.get("event") == "emergency_stop"] == [{"reason": "by the operator: a dog"}]
    assert lines[-1]["summary"]["stops"] == {"accepted": 80, "rejected": {}, "refused_keys": 0}


def test_in_lockstep_a_robot_that_waits_for_plant_or_peer_is_stopped_and_answers() -> None:
    stops = ScriptedStops(5)
    bench = bench_with(stops, lambda clock: [None] * 20 + timed(5), peers_say(), pace="lockstep")
    bench.node.run()
    assert bench.node.mode is Mode.SAFE_STOP and stops.answers == [("SAFE_STOP", [0.0, 0.0])]

    stops = ScriptedStops(3)

    def late(links: ScriptedLinks) -> None:
        if len(stops.answers) == 1:
            speak(links)

    speak = peers_say()
    bench = bench_with(stops, lambda clock: timed(5), late, pace="lockstep")
    bench.node.run()
    assert stops.answers == [("SAFE_STOP", [0.0, 0.0])] and not any(any(action) for _, action in bench.driver.commands)


def test_a_robot_that_had_stopped_by_itself_notes_an_emergency_stop_all_the_same(tmp_path: Path) -> None:
    stops, latch = ScriptedStops(140), Latch(tmp_path / "stopped", print)
    bench = bench_with(stops, lambda clock: timed(10) + [None] * 150, peers_say(), latch=latch)
    bench.node.run()
    assert [mode for _, mode in bench.changes()] == ["STANDBY", "ACTIVE", "HOLD", "SAFE_STOP"]
    assert [line.partition("; ")[0] for line in bench.said] == [
        "r0: SAFE_STOP: its own state is 2.0 s old",
        "r0: SAFE_STOP: emergency stop by the operator: a dog",
    ]
    assert latch.reason == "by the operator: a dog"


def test_a_stop_is_in_force_when_the_robot_is_started_again_until_it_is_armed(tmp_path: Path) -> None:
    """It is written down when zero has been commanded, and not before."""
    path, seen = tmp_path / "stopped", []
    bench = bench_with(ScriptedStops(20), lambda clock: timed(60), peers_say(), latch=Latch(path, print))
    original = bench.driver.command
    bench.driver.command = lambda action, tick: (seen.append(path.exists()), original(action, tick))[1]
    bench.node.run()
    assert path.read_text() == "by the operator: a dog" and seen.index(True) == 21

    again = Bench(lambda clock: timed(80), peers_say(), latch=Latch(path, print))
    reads, read = iter(range(10**6)), again.driver.read

    def armed_later(timeout: float) -> RobotState | None:
        if next(reads) == 50:
            again.node.request_rearm()
        return read(timeout)

    again.driver.read = armed_later
    again.node.run()
    assert [mode for _, mode in again.changes()] == ["SAFE_STOP", "STANDBY", "ACTIVE"] and not path.exists()
    assert not any(any(action) for _, action in again.driver.commands[:50])
    assert again.said == ["r0: SAFE_STOP: emergency stop by the operator: a dog; SIGUSR1 arms it again"]

    third = Bench(lambda clock: timed(30), peers_say(), latch=Latch(path, print))
    third.node.run()
    assert [mode for _, mode in third.changes()] == ["STANDBY", "ACTIVE"]


def test_a_latch_whose_file_says_nothing_sound_is_a_stop_and_one_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    for content in (b"", b"\xff\n\x1b[2J" * 1000):
        (tmp_path / "stopped").write_bytes(content)
        found = Latch(tmp_path / "stopped", print).reason
        assert found is not None and found.isprintable() and len(found) <= 100
    (tmp_path / "folder").mkdir()
    assert "cannot be read" in Latch(tmp_path / "folder", print).reason
    (tmp_path / "dangling").symlink_to(tmp_path / "nothing")
    assert "cannot be read" in Latch(tmp_path / "dangling", print).reason
    with pytest.raises(InputError, match="no such directory"):
        Latch(tmp_path / "no" / "stopped", print)
    said: list[str] = []
    latch = Latch(tmp_path / "stopped2", said.append)
    (tmp_path / "stopped2").mkdir()
    for _ in range(3):
        latch.follow("a dog")
    assert len(said) == 1 and "cannot be written: Is a directory" in said[0]


def test_what_was_no_stop_is_logged_by_reason_once_a_second(tmp_path: Path) -> None:
    stops = ScriptedStops()
    bench = bench_with(stops, lambda clock: timed(120), peers_say(), log=tmp_path / "r0.jsonl")
    original = bench.driver.read

    def read(timeout: float) -> RobotState | None:
        stops.rejected["garbage"] += 1
        return original(timeout)

    bench.driver.read = read
    bench.node.run()
    bench.node._log.close()
    lines = [json.loads(line) for line in (tmp_path / "r0.jsonl").read_text().splitlines()]
    told = [line["detail"] for line in lines if line.get("event") == "rejected"]
    assert [each["peer"] for each in told] == ["operator"] * 2 and told[0]["garbage"] < told[1]["garbage"]
    assert [mode for _, mode in bench.changes()] == ["STANDBY", "ACTIVE"]
