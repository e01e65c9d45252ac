"""A team at full speed under latency: the robust policy, the plain one, and the plain one slowed down.

    python -m tests.benchmarks.full_speed --plain runs/spread --robust runs/robust --out runs/full_speed

Exports both runs for omni robots in the smallest arena that they fit into (+-1.334 m, where a body is as large as one of simple_spread),
at up to 2 m/s per axis and at lower speeds, and runs missions of 10 s in `bullet` at each actuation latency, the same in each cell. An
export that is there is not made again. Beside it the same comparison for simple_spread's own robots, whose motors have no limit but their
force: slowed down k times, they take k times as long for a step, and a latency is 1 / k as many steps.
"""

from __future__ import annotations

import argparse
import math
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from runtime.bundle import read_bundle
from sim3d.in_process import run_missions
from sim3d.metrics import team_metrics
from sim3d.mission_length import mission_periods
from sim3d.profile import Actuation, Profile
from sim3d.world import random_layouts
from sim3d.worlds import check_world, make_world, specs_of

ARENA = 1.334
FULL_SPEED = 2.0
SLOWER = (1.75, 1.5, 1.25, 1.0, 0.8)
LATENCIES = (0.0, 0.1, 0.2, 0.3)
TIMES_SLOWER = (1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0)
SAME = 0.01
"""Successes that differ by less are as frequent: one standard error of 200 missions is as large."""
COMPARED = 0.2
"""Latency at which the plain policy is slowed down [s]."""
SEED = 5


@dataclass(frozen=True)
class Cell:
    """One policy at one speed under one latency.

    Attributes:
        covered: share of the missions in which all landmarks were covered at some step.
        body: share in which a body was on every landmark at the end.
        seconds: mean time to cover, of those that did [s].
        contacts: a mission.
    """

    covered: float
    body: float
    seconds: float
    contacts: float

    def __str__(self) -> str:
        return f"{self.body:.3f} ({self.covered:.3f}, {self.seconds:.2f} s, {self.contacts:.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plain", type=Path, required=True, help="run of configs/train/spread.yaml")
    parser.add_argument("--robust", type=Path, required=True, help="run of configs/train/robust.yaml, or of one that went on from it")
    parser.add_argument("--missions", type=int, default=200)
    parser.add_argument("--out", type=Path, default=Path("runs/full_speed"))
    arguments = parser.parse_args()
    _compare_points(arguments)
    print("body on every landmark at the end (covered at some step, time to that, contacts a mission)")
    print(f"{'latency':18}" + "".join(f"{1000 * latency:>7.0f} ms{'':22}" for latency in LATENCIES))
    robust = _row("robust, 2 m/s", _exported(arguments.robust, FULL_SPEED, arguments.out), arguments.missions)
    _row("plain, 2 m/s", _exported(arguments.plain, FULL_SPEED, arguments.out), arguments.missions)
    aim = robust[LATENCIES.index(COMPARED)]
    as_often = []
    for speed in (FULL_SPEED, *SLOWER):
        cell = missions(_exported(arguments.plain, speed, arguments.out), COMPARED, arguments.missions)
        print(f"{f'plain, {speed:g} m/s':18}{'':64}{cell}", flush=True)
        if cell.body >= aim.body - SAME and cell.covered >= aim.covered - SAME:
            as_often.append(cell.seconds)
    if as_often:
        print(f"the fastest of those that succeed as often takes {min(as_often) / aim.seconds:.2f} times as long as the robust team")


def _compare_points(arguments: argparse.Namespace) -> None:
    robust = missions(_exported(arguments.robust, None, arguments.out), COMPARED, arguments.missions)
    plain = _exported(arguments.plain, None, arguments.out)
    for slower in TIMES_SLOWER:
        cell = missions(plain, COMPARED / slower, arguments.missions)
        if cell.covered >= robust.covered - SAME:
            ratio = slower * cell.seconds / robust.seconds
            print(f"points, {1000 * COMPARED:.0f} ms late: robust {robust.covered:.3f} in {robust.seconds:.2f} s; plain, {slower:g} times")
            print(f"    slower, {cell.covered:.3f} in {slower * cell.seconds:.2f} s: {ratio:.2f} times as long")
            return
    print(f"points: the plain team does not succeed as often ({robust.covered:.3f}) at any of these speeds")


def _row(label: str, bundle: Path, count: int) -> list[Cell]:
    print(f"{label:18}", end="", flush=True)
    cells = []
    for latency in LATENCIES:
        cells.append(missions(bundle, latency, count))
        print(f"{cells[-1]!s:32}", end="", flush=True)
    print()
    return cells


def missions(bundle: Path, latency: float, count: int) -> Cell:
    """Run `count` missions of a bundle's robots in their own world, their commands late by `latency` [s]."""
    actors = read_bundle(bundle).verify()
    contract, specs = actors[0].contract, specs_of(actors, str(bundle))
    layouts = random_layouts(count, contract.team_size, contract.landmarks, contract.arena_half_size, SEED)
    world = make_world(check_world(None, specs[0]), specs, contract.landmarks, contract.arena_half_size)
    profile = Profile(name="late", actuation=Actuation(delay=latency))
    position = run_missions(world, specs, actors, layouts, profile, mission_periods(contract))
    world.close()
    metrics = team_metrics(position, layouts.landmarks, contract, world)
    return Cell(
        float(metrics.success.mean()),
        float(metrics.success_body.mean()),
        float(np.nanmean(metrics.time_to_cover)) if metrics.success.any() else math.nan,
        float(metrics.contacts.mean()),
    )


def _exported(run: Path, speed: float | None, out: Path) -> Path:
    """The bundle of a run for omni robots of this top speed per axis [m/s], or for simple_spread's own."""
    bundle = out / f"{run.name}-{'point' if speed is None else f'{speed:g}'}"
    if not bundle.exists():
        robot = ["--robot", "point"] if speed is None else ["--robot", "omni", "--arena", ARENA, "--speed", speed]
        words = ["export", run, *robot, "--out", bundle]
        done = subprocess.run([sys.executable, "-m", "runtime.cli", *map(str, words)], capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stderr.strip().splitlines()[-1])
    return bundle


if __name__ == "__main__":
    main()
