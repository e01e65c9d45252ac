"""A team at full speed under latency: the robust policy, the plain one, and the plain one slowed down until it succeeds as often.

    python -m tests.benchmarks.full_speed --plain runs/spread --robust runs/robust --out runs/full_speed

Exports both runs for omni robots in the smallest arena that they fit into (+-1.334 m, where a body is as large as one of simple_spread),
at up to 2 m/s per axis and at lower speeds, and runs missions of 10 s in `bullet` at each actuation latency, the same in each cell. An
export that is there is not made again.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from runtime.bundle import read_bundle
from sim3d.in_process import run_missions
from sim3d.metrics import episode_metrics
from sim3d.mission_length import mission_periods
from sim3d.profile import Actuation, Profile
from sim3d.world import random_layouts
from sim3d.worlds import make_world, specs_of

ARENA = 1.334
FULL_SPEED = 2.0
SLOWER = (1.5, 1.25, 1.0, 0.8, 0.65, 0.5)
LATENCIES = (0.0, 0.1, 0.2, 0.3)
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
    print("body on every landmark at the end (covered at some step, time to that, contacts a mission)")
    print(f"{'latency':18}" + "".join(f"{1000 * latency:>7.0f} ms{'':22}" for latency in LATENCIES))
    robust = _row("robust, 2 m/s", _exported(arguments.robust, FULL_SPEED, arguments.out), arguments.missions)
    _row("plain, 2 m/s", _exported(arguments.plain, FULL_SPEED, arguments.out), arguments.missions)
    aim = robust[LATENCIES.index(COMPARED)]
    for speed in SLOWER:
        bundle = _exported(arguments.plain, speed, arguments.out)
        cell = _missions(bundle, COMPARED, arguments.missions)
        print(f"{f'plain, {speed:g} m/s':18}{'':64}{cell}", flush=True)
        if cell.body >= aim.body and cell.covered >= aim.covered:
            print(f"so often it takes {cell.seconds / aim.seconds:.2f} times as long as the robust team")
            return
    print("the plain team does not succeed as often at any of these speeds")


def _row(label: str, bundle: Path, missions: int) -> list[Cell]:
    print(f"{label:18}", end="", flush=True)
    cells = []
    for latency in LATENCIES:
        cells.append(_missions(bundle, latency, missions))
        print(f"{cells[-1]!s:32}", end="", flush=True)
    print()
    return cells


def _missions(bundle: Path, latency: float, missions: int) -> Cell:
    actors = read_bundle(bundle).verify()
    contract, specs = actors[0].contract, specs_of(actors, str(bundle))
    layouts = random_layouts(missions, contract.team_size, contract.landmarks, contract.arena_half_size, SEED)
    world = make_world("bullet", specs, contract.landmarks, contract.arena_half_size)
    profile = Profile(name="late", actuation=Actuation(delay=latency))
    position = run_missions(world, specs, actors, layouts, profile, mission_periods(contract))
    world.close()
    metrics = episode_metrics(
        position,
        layouts.landmarks,
        ticks_per_step=round(contract.period / world.tick_period),
        tick_period=world.tick_period,
        capture_radius=contract.capture_radius,
        robot_radius=world.robot_radius,
        arena_half_size=contract.arena_half_size,
    )
    return Cell(
        float(metrics.success.mean()),
        float(metrics.success_body.mean()),
        float(np.nanmean(metrics.time_to_cover)),
        float(metrics.contacts.mean()),
    )


def _exported(run: Path, speed: float, out: Path) -> Path:
    bundle = out / f"{run.name}-{speed:g}"
    if not bundle.exists():
        words = ["export", run, "--robot", "omni", "--arena", ARENA, "--speed", speed, "--out", bundle]
        done = subprocess.run([sys.executable, "-m", "runtime.cli", *map(str, words)], capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stderr.strip().splitlines()[-1])
    return bundle


if __name__ == "__main__":
    main()
