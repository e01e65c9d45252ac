"""`python -m tests.benchmarks.crowd`: what a robot costs in teams of 3, 10 and 30 on one machine: world spread, 10 Hz, real time, logs on.

Untrained actors of one layer of 32; every robot hears every other one. CPU and memory are means over the robots, taken while they drive.
`growth` is how fast the time of a robot's tick grows with N from the team before: t ~ N^x. Each robot hears N - 1 others, so x = 1 is what
there is to be; above it, something in a tick looks at pairs. Robots of kind `point` have no filter that keeps them apart; what the gate
takes with it, for a robot of kind `omni` that drives at the nearest of N - 1 others, is measured by itself.
"""

from __future__ import annotations

import argparse
import math
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from robots.spec import load_spec
from runtime.barrier import Neighbours, barrier_for
from runtime.safety import Limits, gate
from runtime.team import KEEP_APART
from sim3d.mission_layouts import missions_of
from sim3d.world import random_layouts
from tests.benchmarks.deployment import Deployment, Setting, on_loopback
from tests.benchmarks.process_figures import figures_of
from tests.conftest import write_point_bundle

WARM = 2.0
"""Left out at the beginning [s]."""
GATE_RUNS = 200
STAGES = ("sense", "listen", "decide", "gate", "command", "log")


@dataclass(frozen=True)
class Crowd:
    """What a robot of a team costs; means over the robots unless it says otherwise.

    Attributes:
        robots: N.
        cpu: of one core, all threads.
        plant_cpu: the same of the plant.
        proportional: memory, what is shared divided [MB].
        resident: memory [MB].
        descriptors: open files.
        threads: of the process.
        sent: messages a second, to N - 1 peers each.
        lost: share of them that did not reach a peer's runtime; the last one of each robot aside, whose hearers may have ended.
        missed: share of the ticks, of all robots.
        p50: of the time of a tick, the median robot's [us].
        p99: the largest of any robot [us].
        stages: p50 of each stage of a tick, the median robot's [us].
    """

    robots: int
    cpu: float
    plant_cpu: float
    proportional: float
    resident: float
    descriptors: float
    threads: float
    sent: float
    lost: float
    missed: float
    p50: float
    p99: float
    stages: dict[str, float]


def crowd(robots: int, seconds: float, folder: Path) -> Crowd:
    """Run a team of N for so long."""
    bundle = folder / "bundle"
    bundle.mkdir()
    write_point_bundle(bundle, robots)
    layouts = random_layouts(1, robots, robots, 1.0, seed=0)
    ticks = round(seconds / load_spec("point").loop_period)
    setting = Setting(bundle, "point", "spread", missions_of(layouts), ticks, 1.0, team={"arm_timeout": 300.0})
    with Deployment(folder, setting, on_loopback(robots)) as deployment:
        deployment.wait_until_driving()
        processes = [deployment.plant, *deployment.robots.values()]
        time.sleep(WARM)
        began, before = time.monotonic(), [figures_of(process.pid) for process in processes]
        time.sleep(seconds - 2 * WARM)
        passed, after = time.monotonic() - began, [figures_of(process.pid) for process in processes]
        failed = deployment.wait(seconds + 30.0)
        if failed:
            raise RuntimeError(f"{failed}\n{deployment.said()}")
        summaries = [deployment.summary(robot) for robot in deployment.robots]
    plant_cpu, *cpu = ((end.cpu - start.cpu) / passed for start, end in zip(before, after, strict=True))
    sent = {each["robot"]: each["messages"]["sent"] for each in summaries}
    accepted = [(name, counts["accepted"]) for each in summaries for name, counts in each["messages"]["peers"].items()]
    ticks, missed = (sum(each[name] for each in summaries) for name in ("ticks", "missed_ticks"))
    return Crowd(
        robots=robots,
        cpu=float(np.mean(cpu)),
        plant_cpu=plant_cpu,
        **{
            name: float(np.mean([getattr(each, name) for each in after[1:]]))
            for name in ("proportional", "resident", "descriptors", "threads")
        },
        sent=sum(sent.values()) / robots / seconds,
        lost=sum(max(0, sent[name] - 1 - count) for name, count in accepted) / sum(sent[name] for name, _ in accepted),
        missed=missed / (ticks + missed),
        p50=float(np.median([each["compute_us"]["p50"] for each in summaries])),
        p99=max(each["compute_us"]["p99"] for each in summaries),
        stages={
            stage: float(np.median([each["stages_us"][stage]["p50"] for each in summaries]))
            for stage in STAGES
            if all(stage in each["stages_us"] for each in summaries)
        },
    )


def gate_time(robots: int) -> float:
    """Median time of half-planes and gate for one omni robot of N that drives at its nearest peer, alone on the processor [us]."""
    spec = load_spec("omni")
    period, peers = spec.loop_period, robots - 1
    barrier = barrier_for(spec, ["omni"] * peers, KEEP_APART, period)
    limits = Limits.of(spec, period, geofence=5.0)
    places = np.random.default_rng(0).uniform(-4.0, 4.0, (peers, 2))
    places[0] = (0.6, 0.0)
    neighbours = Neighbours(places, np.zeros((peers, 2)), np.full(peers, 0.01))
    own, wanted = np.zeros(2), np.array([1.0, 0.0])
    times = []
    for _ in range(GATE_RUNS):
        began = time.perf_counter_ns()
        gated = gate(limits, wanted, wanted, own, True, barrier.half_planes(own, wanted, neighbours))
        times.append((time.perf_counter_ns() - began) / 1e3)
    if "barrier" not in gated.changed:
        raise RuntimeError("the filter had nothing to do")
    return float(np.median(times))


def growth(before: Crowd | None, now: Crowd) -> float:
    """The x of t ~ N^x, from the median tick of two teams; NaN for the first."""
    return math.nan if before is None else math.log(now.p50 / before.p50) / math.log(now.robots / before.robots)


def table(crowds: Sequence[Crowd]) -> str:
    """One line a team."""
    lines = [
        f"{'N':>4} {'CPU %':>6} {'plant %':>8} {'PSS MB':>7} {'RSS MB':>7} {'files':>6} {'threads':>8} {'sent/s':>7} {'lost %':>7}"
        f" {'missed %':>9} {'p50 us':>7} {'p99 us':>7} {'growth':>7}   p50 of each stage [us]"
    ]
    for before, now in zip([None, *crowds], crowds, strict=False):
        stages = ", ".join(f"{stage} {value:.0f}" for stage, value in now.stages.items())
        lines.append(
            f"{now.robots:4} {100 * now.cpu:6.1f} {100 * now.plant_cpu:8.1f} {now.proportional:7.1f} {now.resident:7.1f}"
            f" {now.descriptors:6.0f} {now.threads:8.0f} {now.sent:7.1f} {100 * now.lost:7.3f} {100 * now.missed:9.3f}"
            f" {now.p50:7.0f} {now.p99:7.0f} {growth(before, now):7.2f}   {stages}"
        )
    return "\n".join(lines)


def main() -> None:
    """Run the teams one after the other, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--robots", type=int, nargs="+", default=[3, 10, 30], metavar="N", help="(default: 3 10 30)")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each team (default: %(default)s)")
    arguments = parser.parse_args()
    crowds = []
    for robots in arguments.robots:
        with tempfile.TemporaryDirectory() as folder:
            crowds.append(crowd(robots, arguments.seconds, Path(folder)))
        print(f"{robots} robots: {arguments.seconds:g} s, load {os.getloadavg()[0]:.1f}", flush=True)
    print(table(crowds))
    print("gate with filter, omni, p50:", ", ".join(f"{gate_time(robots):.0f} us (N = {robots})" for robots in arguments.robots))


if __name__ == "__main__":
    main()
