"""A team as it will be deployed: a plant and every robot in a process of its own, started, watched, and always cleaned up."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robots.driver import Clock
from robots.errors import InputError
from robots.spec import RobotSpec
from robots.yaml_input import dump_yaml
from runtime.atomic import write_atomically
from runtime.bundle import read_bundle
from runtime.contract import Contract
from runtime.link import LinkProfile, check_link
from runtime.team import Member, Missions, Team
from sim3d.metrics import EpisodeMetrics, episode_metrics
from sim3d.mission_layouts import missions_of
from sim3d.mission_length import mission_periods
from sim3d.plant.record import Record
from sim3d.process_group import Child, ProcessGroup
from sim3d.profile import load_profile, refuse_adversary
from sim3d.watch import PLANT, watch
from sim3d.world import Layouts
from sim3d.worlds import check_world, specs_of


@dataclass(frozen=True)
class SimulationResult:
    """What came of a series.

    Attributes:
        record: what truly happened.
        metrics: of the record.
        robots: each robot's own summary, by id (`fieldswarm run --summary`); none of one that was killed.
        lost: robots that did not reach the end of the series, which others did in real time: how they ended, in words.
        plant: how the plant saw the end: `late_ticks`, and for each robot the `counts` of what it did not accept.
        seconds: from the first process started to the last one ended.
    """

    record: Record
    metrics: EpisodeMetrics
    robots: dict[str, dict[str, Any]]
    lost: dict[str, str]
    plant: dict[str, Any]
    seconds: float


def simulate(
    bundle: str | Path,
    missions: Layouts,
    folder: str | Path,
    world: str | None = None,
    profile: str = "clean",
    clock: Clock = "lockstep",
    progress: Callable[[dict[str, Any]], None] = lambda mission: None,
    known_latency: float | None = None,
) -> SimulationResult:
    """Run missions with one process for the plant and one for each robot.

    The folder gets the inputs (`team.yaml`, `missions.yaml`, and `link.yaml`, the profile's part that concerns what robots hear), the
    plant's `record.npz` and `plant.jsonl`, each robot's log and summary (`r0.jsonl`, `r0.json`), and what each process wrote to its
    standard error (`r0.stderr`).

    Args:
        bundle: directory or .zip of an exported team.
        missions: where everything starts, for as many robots and landmarks as the actors may be; missions.seeds fixes all chance.
        folder: for everything that is written; made if need be.
        world: `spread` or `bullet`; None for the one in which the bundle's robots live.
        profile: name or file of the disturbances.
        clock: `lockstep` or `realtime`.
        progress: told of each mission as it ends (the plant's `mission` event, see sim3d/plant/command.py).
        known_latency: what the robots are told of their command latency [s]; None for that in their spec.

    Raises:
        InputError: the bundle cannot be used, or a process failed without which the series cannot go on (`sim3d.watch`); the text is that
            process's own line.
    """
    actors = read_bundle(bundle).actors_for(missions.starts.shape[1], missions.landmarks.shape[1])
    contract, specs = actors[0].contract, specs_of(actors, str(bundle))
    home = check_world(world, specs[0])
    loaded = load_profile(profile)
    refuse_adversary(loaded, profile)
    between = loaded.between_robots
    check_link(between, contract.team_size, profile)
    folder = Path(folder)
    # Under a bad link, or with robots that fail, each goes on with what it knows.
    team = _team(specs, require_peers=between.is_clean)
    _prepare(folder, team, missions_of(missions), between)
    ticks_per_step = round(contract.period / specs[0].loop_period)
    children = [_child(folder, PLANT, _plant_command(folder, home, contract, ticks_per_step, profile, clock))]
    latency = [] if known_latency is None else ["--command-latency", repr(known_latency)]
    children += [_child(folder, member.id, [*_robot_command(folder, bundle, member), *latency]) for member in team.robots]
    begin = time.monotonic()
    with ProcessGroup(children, {**os.environ, "OMP_NUM_THREADS": "1"}) as group:
        outcome = watch(group, folder, clock, progress)
    seconds = time.monotonic() - begin
    record = Record.load(folder / "record.npz")
    metrics = episode_metrics(
        record.position,
        record.landmarks,
        ticks_per_step=ticks_per_step,
        tick_period=record.tick_period,
        capture_radius=record.capture_radius,
        robot_radius=record.robot_radius,
        arena_half_size=record.arena_half_size,
    )
    written = {member.id: folder / f"{member.id}.json" for member in team.robots}
    summaries = {robot: json.loads(path.read_bytes()) for robot, path in written.items() if path.exists()}
    stopped = {robot: "was stopped" for robot, summary in summaries.items() if summary["ending"]["kind"] == "stopped"}
    return SimulationResult(record, metrics, summaries, stopped | outcome.lost, outcome.end, seconds)


def _team(specs: Sequence[RobotSpec], require_peers: bool) -> Team:
    robots = len(specs)
    endpoints = free_endpoints(2 * robots)
    return Team(
        robots=tuple(
            Member(id=f"r{agent}", kind=spec.kind, agent=agent, endpoint=endpoints[agent], plant=endpoints[robots + agent])
            for agent, spec in enumerate(specs)
        ),
        require_peers=require_peers,
        # Robots start together with the plant, which may take its time on a busy machine.
        lockstep_timeout=30.0,
    )


def free_endpoints(count: int) -> list[str]:
    """Endpoints on loopback with different ports that nobody uses now."""
    with ExitStack() as stack:
        # All are held until the last one is found, so no two are the same.
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [f"tcp://127.0.0.1:{each.getsockname()[1]}" for each in sockets]


def _prepare(folder: Path, team: Team, missions: Missions, between: LinkProfile) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # What an earlier series left here must not pass for the outcome of one that fails.
        for stale in ("record.npz", f"{PLANT}.jsonl", *(f"{member.id}.json" for member in team.robots)):
            (folder / stale).unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written: {error.strerror}") from None
    write_atomically(folder / "team.yaml", dump_yaml(team).encode())
    write_atomically(folder / "missions.yaml", dump_yaml(missions).encode())
    write_atomically(folder / "link.yaml", dump_yaml(between).encode())


def _plant_command(folder: Path, world: str, contract: Contract, ticks_per_step: int, profile: str, clock: Clock) -> list[str]:
    return [
        *("plant", "--world", world, "--team", str(folder / "team.yaml"), "--missions", str(folder / "missions.yaml")),
        *("--ticks", str(mission_periods(contract) * ticks_per_step), "--arena", repr(contract.arena_half_size), "--clock", clock),
        *("--capture-radius", repr(contract.capture_radius), "--profile", profile, "--record", str(folder / "record.npz")),
    ]


def _robot_command(folder: Path, bundle: str | Path, member: Member) -> list[str]:
    return [
        *("run", "--bundle", str(bundle), "--team", str(folder / "team.yaml"), "--missions", str(folder / "missions.yaml")),
        *("--robot", member.id, "--log", str(folder / f"{member.id}.jsonl"), "--summary", str(folder / f"{member.id}.json")),
        *("--link", str(folder / "link.yaml")),
    ]


def _child(folder: Path, name: str, arguments: Sequence[str]) -> Child:
    stdout = str(folder / f"{name}.jsonl") if name == PLANT else os.devnull
    return Child(name, (sys.executable, "-m", "runtime.cli", *arguments), stdout, str(folder / f"{name}.stderr"))
