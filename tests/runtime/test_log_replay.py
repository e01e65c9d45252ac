"""A log computed again: nothing differs from what the robot did, and whatever was changed in it is found."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from robots.driver import RobotState
from runtime.actor import OnnxActor
from runtime.log_file import read_log
from runtime.log_lines import Header, Line, Tick
from runtime.log_replay import Replay, replay
from tests.runtime.factory import make_actor, make_bundle, make_contract
from tests.runtime.stand_ins import Clock, ScriptedLinks, state
from tests.runtime.test_log import HEADER, SUFFIXES, write
from tests.runtime.test_node import LANDMARKS, Bench, peers_say, states


def logged(bench: Bench, path: Path, actor_sha256: str = "0" * 64) -> list[Line]:
    """Run a bench whose log is `path`, and read that."""
    missions = {"missions": [{"landmarks": points} for points in LANDMARKS]}
    team = msgspec.to_builtins(bench.team)
    changes = {"team": team, "missions": missions, "actor_sha256": actor_sha256, "command_latency": 0.0, "kind": bench.team.robots[0].kind}
    bench.node._log.write(msgspec.structs.replace(HEADER, period=bench.driver.features.loop_period, **changes))
    bench.node.run()
    bench.node._log.close()
    return list(read_log(path))


def again(lines: list[Line], actor: bytes | None = None) -> Replay:
    header = next(line for line in lines if isinstance(line, Header))
    actor = make_actor(make_contract(kind=header.kind)) if actor is None else actor
    return replay(lines, OnnxActor(actor, "actor"), header.actor_sha256, "log")


def wandering(count: int, episode_length: int = 10**9) -> Callable[[Clock], list[RobotState | None]]:
    """Measurements all over the place, with gaps."""
    rng = np.random.default_rng(3)

    def plan(clock: Clock) -> list[RobotState | None]:
        places, speeds = rng.normal(0.0, 0.5, (2, count, 2))
        return [
            None
            if tick % 17 == 5
            else state(
                tick,
                episode=tick // episode_length,
                elapsed=tick % episode_length,
                stamp=tick * 20_000_000,
                position=places[tick],
                velocity=speeds[tick],
            )
            for tick in range(count)
        ]

    return plan


@SUFFIXES
def test_a_run_is_computed_again_and_a_changed_log_is_found_out(
    tmp_path: Path, suffix: str, fieldswarm: Callable[..., subprocess.CompletedProcess]
) -> None:
    bundle, path = make_bundle(tmp_path / "bundle"), tmp_path / f"r0.{suffix}"
    digest = json.loads((bundle / "manifest.json").read_text())["actors"][0]["sha256"]
    bench = Bench(states(60), peers_say(position=(0.3, 0.3)), "lockstep", log=path, actor=(bundle / "actor_0.onnx").read_bytes())
    written = logged(bench, path, digest)

    same = fieldswarm("replay", path, "--bundle", bundle)
    assert (same.returncode, same.stdout) == (0, "r0: 60 ticks and 3 runs of the actor computed again: nothing differs\n"), same.stderr
    assert any("barrier" in line.gate for line in written if isinstance(line, Tick))
    for what, change in (("sent", {"sent": [0.0, 1e-9]}), ("wanted", {"wanted": [1.0, 1.0]}), ("action", {"action": [0.0, 0.0]})):
        spoiled = [msgspec.structs.replace(line, **change) if isinstance(line, Tick) and line.tick == 40 else line for line in written]
        write(path, spoiled)
        other = fieldswarm("replay", path, "--bundle", bundle)
        assert other.returncode == 1 and f"tick 40 differs in {what}: logged [" in other.stdout
    write(path, [msgspec.structs.replace(written[0], actor_sha256="2" * 64), *written[1:]])
    refused = fieldswarm("replay", path, "--bundle", bundle)
    assert refused.returncode == 2 and "is of actor 222222222222..., the bundle has" in refused.stderr
    write(path, written[1:] if suffix == "jsonl" else [])
    assert fieldswarm("replay", path, "--bundle", bundle).returncode == 2


@pytest.mark.parametrize("kind", ["omni", "point"])
def test_silence_stops_new_episodes_and_bad_measurements_are_computed_again_too(tmp_path: Path, kind: str) -> None:
    """In real time: peers that fall silent and come back, extrapolated, lost; HOLD and the way out of it; an emergency stop."""
    speak = peers_say(position=(0.2, -0.1), velocity=(0.7, 0.3))

    def now_and_then(links: ScriptedLinks) -> None:
        if links.sent % 70 < 35 and links.sent % 3:
            speak(links)

    plan = wandering(400, episode_length=150)

    def spoiled(clock: Clock) -> list[RobotState | None]:
        made = plan(clock)
        for tick in (20, 60, 180):
            made[tick] = dataclasses.replace(made[tick], position=np.array([np.nan, 0.0]))
        return made

    bench = Bench(spoiled, now_and_then, kind=kind, log=tmp_path / "r0.jsonl", geofence=1.0)
    original, reads = bench.driver.read, iter(range(10**6))

    def read(timeout: float) -> RobotState | None:
        {30: bench.node.request_emergency_stop, 40: bench.node.request_rearm}.get(next(reads), lambda: None)()
        return original(timeout)

    bench.driver.read = read
    lines = logged(bench, tmp_path / "r0.jsonl")
    ticks = [line for line in lines if isinstance(line, Tick)]
    assert {tick.mode for tick in ticks} >= {"ACTIVE", "HOLD", "SAFE_STOP"} and {tick.episode for tick in ticks} == {0, 1, 2}
    assert any(peer.age and peer.told != peer.position for tick in ticks for peer in tick.peers.values())
    assert any(tick.measured is not None for tick in ticks) == (kind == "omni")
    found = again(lines)
    assert (found.ticks, found.difference) == (len(ticks), None) and found.actor_runs >= 3


def test_where_the_robot_and_a_peer_are_believed_to_be_is_computed_again(tmp_path: Path) -> None:
    lines = logged(Bench(wandering(30), peers_say(), log=tmp_path / "r0.jsonl"), tmp_path / "r0.jsonl")
    assert again(lines).difference is None
    tick = next(line for line in lines if isinstance(line, Tick) and line.tick == 20)
    tick.measured[1] += 1e-9
    assert (again(lines).difference.tick, again(lines).difference.what) == (20, "position")
    tick = next(line for line in lines if isinstance(line, Tick) and line.tick == 12)
    tick.peers["r2"].position[0] = np.nextafter(tick.peers["r2"].position[0], 9.0)
    found = again(lines).difference
    assert (found.tick, found.what) == (12, "peers.r2.position")


def test_an_actor_that_says_nan_leaves_a_log_that_can_be_read_and_computed_again(tmp_path: Path) -> None:
    actor = make_actor(make_contract(), gain=np.nan)
    lines = logged(Bench(states(30), peers_say(), "lockstep", log=tmp_path / "r0.jsonl", actor=actor), tmp_path / "r0.jsonl")
    ticks = [line for line in lines if isinstance(line, Tick)]
    assert np.isnan(ticks[25].wanted).all() and ticks[25].gate == ["not_finite"] and ticks[25].sent == [0.0, 0.0]
    assert again(lines, actor).difference is None
    ticks[26].sent = [0.0, -0.0]
    assert (again(lines, actor).difference.what, again(lines, actor).difference.tick) == ("sent", 26)
    ticks[25].wanted = [0.5, 0.5]
    assert again(lines, actor).difference.what == "wanted"


def test_a_driver_that_sends_something_else_is_believed(tmp_path: Path) -> None:
    """The gate goes on from what was really sent: here, from steps of 0.05 m/s."""
    bench = Bench(states(80), peers_say(), "lockstep", log=tmp_path / "r0.jsonl")
    bench.driver.command = lambda action, tick: np.round(action / 0.05) * 0.05
    lines = logged(bench, tmp_path / "r0.jsonl")
    ticks = [line for line in lines if isinstance(line, Tick)]
    assert any(tick.commanded is not None and tick.commanded != tick.sent for tick in ticks)
    assert again(lines).difference is None
    wrong = next(tick for tick in ticks if tick.commanded is not None)
    wrong.commanded = wrong.sent
    assert again(lines).difference.what == "sent"


@pytest.mark.parametrize("missions", [True, False], ids=["a new mission", "into ACTIVE"])
def test_a_later_part_of_a_log_is_computed_again_from_where_the_policy_begins_anew(tmp_path: Path, missions: bool) -> None:
    speak = peers_say()

    def silent_for_a_while(links: ScriptedLinks) -> None:
        if missions or not 200 < links.sent < 240:
            speak(links)

    plan = wandering(400, episode_length=250 if missions else 10**9)
    bench = Bench(plan, silent_for_a_while, log=tmp_path / "r0.jsonl", require_peers=not missions)
    header, *rest = logged(bench, tmp_path / "r0.jsonl")
    begin = next(index for index, line in enumerate(rest) if isinstance(line, Tick) and line.tick == 100)
    later = [msgspec.structs.replace(header, part=1), *rest[begin:]]
    anew = 250 if missions else next(line.tick for line in rest if isinstance(line, Tick) and line.tick > 230 and line.mode == "ACTIVE")
    found = again(later)
    assert found.difference is None and found.actor_runs > 3
    assert found.ticks == len([line for line in later if isinstance(line, Tick) and line.tick >= anew])
    later[-5].sent = [9.0, 9.0]
    assert again(later).difference.what == "sent"
