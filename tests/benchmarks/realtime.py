"""`python -m tests.benchmarks.realtime`: how long a tick takes, which rate a robot holds, and whether a team keeps 50 Hz for minutes.

tick       one robot's tick, sense to command, two peers on real sockets, filter and log on, beside the bare onnxruntime session
rate       the same robot at rising rates: share of missed ticks
team       three robots and the plant in bullet, in real time, for --minutes
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import tempfile
import time
from pathlib import Path

import msgspec
import numpy as np

from robots.driver import DriverFeatures, PlantGone, RobotState
from robots.spec import load_spec
from runtime.actor import OnnxActor
from runtime.bundle import write_manifest
from runtime.contract import ActionShape, Contract
from runtime.ears import OpenEars
from runtime.log import RunLog
from runtime.node import Node
from runtime.pacing import EARLY, RealTime
from runtime.peer_links import PeerLinks
from runtime.realtime import claim_realtime, settle_interpreter
from runtime.team import Member, Mission, Missions, Team
from sim3d.simulate import free_endpoints, simulate
from sim3d.world import random_layouts
from tests.benchmarks.onboard import bare_session, percentiles
from tests.conftest import point_contract, random_actor

ROBOTS = 3
HIDDEN = 64
RATES = (50, 100, 200, 500, 1000, 2000)
SECONDS = 5.0
START_UP = 30.0
"""Longest wait for the peers [s]."""
ARENA = 2.0


def omni_contract(agent: int, period: float) -> Contract:
    """Of a random policy that drives robots of kind `omni` every `period` [s]."""
    spec = load_spec("omni")
    action = ActionShape(kind="velocity_setpoint", limit=1.0, unit="m/s", effect_delay=period)
    changes = {"action": action, "period": period, "arena_half_size": ARENA, "robot_radius": spec.radius, "robot_kinds": ("omni",)}
    return msgspec.structs.replace(point_contract(agent, ROBOTS), **changes)


class Body:
    """A driver whose robot goes where it is told, at once; fresh whenever it is read."""

    def __init__(self, period: float, ticks: int) -> None:
        self.features = DriverFeatures("omni", "velocity_setpoint", period, "realtime", 0.5)
        self._ticks, self._tick = ticks, 0
        self._position, self._velocity = np.zeros(2), np.zeros(2)

    def read(self, timeout: float) -> RobotState:
        """The next state. Raises PlantGone after the last."""
        self._tick += 1
        if self._tick > self._ticks:
            raise PlantGone()
        self._position = np.clip(self._position + self.features.loop_period * self._velocity, -0.3, 0.3)
        return RobotState(self._tick, 0, self._tick, time.monotonic_ns(), self._position, self._velocity, 0.0)

    def command(self, action: np.ndarray, tick: int) -> np.ndarray:
        """Taken as it is."""
        self._velocity = action
        return action

    def stop(self) -> None:
        """Nothing moves by itself."""

    def close(self) -> None:
        """Nothing is open."""


def one_robot(rate: float, seconds: float, realtime: bool) -> dict:
    """One robot of three at a loop rate [Hz] for some seconds: its summary. Its peers stand near it, and speak at 50 Hz or its own rate."""
    period = 1.0 / rate
    members = [Member(id=f"r{agent}", kind="omni", agent=agent, endpoint=endpoint) for agent, endpoint in enumerate(free_endpoints(ROBOTS))]
    landmarks = tuple((float(x), float(y)) for x, y in np.linspace(-1.0, 1.0, 2 * ROBOTS).reshape(ROBOTS, 2))
    context = multiprocessing.get_context("spawn")
    quit_event = context.Event()
    peers = context.Process(target=_speak, args=(members, period, quit_event), daemon=True)
    peers.start()
    links = PeerLinks(members[0], members[1:], time.monotonic_ns)
    body = Body(period, round(rate * seconds))
    denied = claim_realtime() if realtime else []
    with tempfile.TemporaryDirectory() as folder:
        log = RunLog(Path(folder) / "r0.jsonl", print)
        node = Node(
            robot="r0",
            team=Team(robots=tuple(members)),
            missions=Missions(missions=(Mission(landmarks=landmarks),)),
            actor=OnnxActor(random_actor(omni_contract(0, 10 * period), seed=0, hidden=HIDDEN), "benchmark"),
            spec=load_spec("omni"),
            driver=body,
            features=body.features,
            links=links,
            ears=OpenEars(),
            command_latency=0.05,
            pacing=RealTime(period, early=EARLY if realtime else 0.0),
            log=log,
            say=lambda text: print(text, file=sys.stderr),
        )
        node.warm_up()
        settle_interpreter()
        deadline = time.monotonic() + START_UP
        while not all(track.accepted for track in links.tracks) and time.monotonic() < deadline:
            links.drain(0.05)
        wall, used = time.monotonic(), time.process_time()
        try:
            ending = node.run()
            share = (time.process_time() - used) / (time.monotonic() - wall)
        finally:
            quit_event.set()
            links.close()
            log.close()
            peers.join()
    if ending.kind != "end":
        raise RuntimeError(ending.text)
    return {**node.summary(), "denied": denied, "share_of_a_core": share}


def _speak(members: list[Member], period: float, quit_event: multiprocessing.synchronize.Event) -> None:
    links = [PeerLinks(me, [], time.monotonic_ns) for me in members[1:]]
    places = (np.array([0.9, 0.0]), np.array([0.0, 0.9]))
    tick = 0
    while not quit_event.wait(period):
        tick += 1
        for each, place in zip(links, places, strict=True):
            each.publish(RobotState(tick, 0, tick, 0, place, np.zeros(2), 0.0), "ACTIVE", time.monotonic_ns())
    for each in links:
        each.close()


def measure_tick(realtime: bool) -> None:
    """Print compute times at 50 Hz, and what they are to the bare session."""
    model = random_actor(omni_contract(0, 0.2), seed=0, hidden=HIDDEN)
    bare_50, bare_99 = percentiles(bare_session(model, omni_contract(0, 0.2).observation_size))
    summary = one_robot(50.0, 2 * SECONDS, realtime)
    compute = summary["compute_us"]
    print(f"bare session.run         p50 {bare_50:7.1f} us   p99 {bare_99:7.1f} us")
    print(f"tick, sense to command   p50 {compute['p50']:7.1f} us   p99 {compute['p99']:7.1f} us", end="")
    print(f"   ({compute['p50'] / bare_50:.1f} x and {compute['p99'] / bare_99:.1f} x)")
    for stage, times in summary["stages_us"].items():
        print(f"  {stage:8}               p50 {times['p50']:7.1f} us   p99 {times['p99']:7.1f} us   max {times['max']:8.1f} us")
    print(f"  of a core, all threads   {100 * summary['share_of_a_core']:.1f} %")
    print(f"  changed by the gate: {summary['interventions']}", *summary["denied"], sep="\n  denied: ")


def measure_rates(realtime: bool) -> None:
    """Print the share of missed ticks at each rate."""
    for rate in RATES:
        summary = one_robot(rate, SECONDS, realtime)
        missed = summary["missed_ticks"] / (summary["missed_ticks"] + summary["ticks"])
        print(f"{rate:5} Hz   missed {100 * missed:6.2f} %   compute p99 {summary['compute_us']['p99']:.0f} us", flush=True)


def measure_team(minutes: float) -> None:
    """Print missed ticks, lateness and compute times of three robots and a plant in real time."""
    with tempfile.TemporaryDirectory() as name:
        bundle = Path(name) / "bundle"
        bundle.mkdir()
        for agent in range(ROBOTS):
            (bundle / f"actor_{agent}.onnx").write_bytes(random_actor(omni_contract(agent, 0.4), seed=agent, hidden=HIDDEN))
        write_manifest(bundle, success=0.0, differences=[(0.0, 0.0)] * ROBOTS, created_by="benchmark", provenance={})
        missions = random_layouts(max(1, round(60 * minutes / 10)), ROBOTS, ROBOTS, ARENA, seed=0)
        result = simulate(bundle, missions, Path(name) / "run", clock="realtime")
    print(f"{len(missions)} missions of 10 s in {result.seconds:.0f} s; the plant was late in {result.plant['late_ticks']} ticks")
    for robot, summary in result.robots.items():
        missed = summary["missed_ticks"] / (summary["missed_ticks"] + summary["ticks"])
        compute, late = summary["compute_us"], summary["stages_us"]["late"]
        memory, modes = summary["process"]["max_resident_mb"], json.dumps(summary["modes"])
        print(f"{robot}: {summary['ticks']} ticks, {100 * missed:.3f} % missed, woken late p99 {late['p99'] / 1e3:.2f} ms")
        print(f"    started in {summary['start_up_s']:.2f} s, three at once beside the plant")
        print(f"    compute p50 {compute['p50']:.0f} us, p99 {compute['p99']:.0f} us; {memory} MB; {modes}; {summary['interventions']}")


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("tick", "rate", "team"), nargs="+")
    parser.add_argument("--minutes", type=float, default=5.0, help="of `team` (default: 5)")
    parser.add_argument("--realtime", action="store_true", help="of `tick` and `rate`: with SCHED_FIFO, locked memory and rehearsal")
    arguments = parser.parse_args()
    for what in arguments.what:
        if what == "team":
            measure_team(arguments.minutes)
        else:
            {"tick": measure_tick, "rate": measure_rates}[what](arguments.realtime)


if __name__ == "__main__":
    main()
