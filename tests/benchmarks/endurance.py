"""`python -m tests.benchmarks.endurance`: does a robot's process grow? Three robots and the plant, as many ticks as an hour at 50 Hz has.

In lockstep, as fast as it goes, in bullet, with logs on (two in JSON lines, one in MCAP). At the end of each mission of 10 s memory, open
files and threads of each process are looked at. The verdict is of the second half, when caches are full: a robot is flat when

- its resident memory grows by less than 1 MB an hour: the upper end of the 95 % interval of the slope, by least squares on the means of ten
  equal parts, since what follows closely on one another is no independent evidence;
- it has no more open files and threads at the end than it had at the beginning of that half.

Exit status 1 when one is not, the simulated plant included, which writes each mission down as it ends.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import stats

from sim3d.mission_layouts import missions_of
from sim3d.world import random_layouts
from tests.benchmarks.deployment import Deployment, Setting, on_loopback
from tests.benchmarks.process_figures import ProcessFigures, figures_of
from tests.runtime.factory import make_bundle

ROBOTS = 3
ARENA = 2.0
TICK = 0.02
MISSION = 500
"""Ticks."""
HOUR = 3600.0
PARTS = 10
FLAT = 1.0
"""[MB/h]"""
POLL = 0.2
"""[s]"""


@dataclass(frozen=True)
class Growth:
    """Of one process, in the second half.

    Attributes:
        first: resident memory at the first look [MB].
        last: at the last.
        slope: [MB/h].
        low: 95 % interval of it.
        high: ...
        descriptors: at the half, and at the end.
        threads: at the half, and at the end.
    """

    first: float
    last: float
    slope: float
    low: float
    high: float
    descriptors: tuple[int, int]
    threads: tuple[int, int]

    @property
    def is_flat(self) -> bool:
        """By the test of this file."""
        return self.high < FLAT and self.descriptors[1] <= self.descriptors[0] and self.threads[1] <= self.threads[0]


def growth_of(hours: Sequence[float], looks: Sequence[ProcessFigures]) -> Growth:
    """Judge what was seen of one process, at so many hours of its own time."""
    half = len(looks) // 2
    ends = [slice(*ends) for ends in _parts(len(looks) - half)]
    when = np.array([np.mean(hours[half:][part]) for part in ends])
    resident = np.array([np.mean([look.resident for look in looks[half:][part]]) for part in ends])
    when, resident = when - when.mean(), resident - resident.mean()
    slope = float(when @ resident / (when @ when))
    error = math.sqrt(np.square(resident - slope * when).sum() / (PARTS - 2) / (when @ when))
    wide = float(stats.t.ppf(0.975, PARTS - 2)) * error
    descriptors, threads = (tuple(getattr(looks[at], name) for at in (half, -1)) for name in ("descriptors", "threads"))
    return Growth(looks[0].resident, looks[-1].resident, slope, slope - wide, slope + wide, descriptors, threads)


def _parts(count: int) -> list[tuple[int, int]]:
    edges = np.linspace(0, count, PARTS + 1).round().astype(int)
    return list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))


def watch(missions: int, folder: Path, progress: bool) -> tuple[dict[str, Growth], float, float]:
    """Run so many missions; what became of each process, how long it took [s], and the size of the logs [MB]."""
    bundle = make_bundle(folder / "bundle", ROBOTS, state_initial=())
    layouts = random_layouts(missions, ROBOTS, ROBOTS, ARENA, seed=0)
    setting = Setting(
        bundle,
        "omni",
        "bullet",
        missions_of(layouts),
        MISSION,
        ARENA,
        clock="lockstep",
        team={"geofence": ARENA, "lockstep_timeout": 60.0},
        logs=("jsonl", "mcap"),
    )
    hours: list[float] = []
    with Deployment(folder, setting, on_loopback(ROBOTS)) as deployment:
        deployment.wait_until_driving()
        processes = {"plant": deployment.plant, **deployment.robots}
        looks: dict[str, list[ProcessFigures]] = {name: [] for name in processes}
        began, done = time.monotonic(), 0
        while done < missions - 1 and all(process.poll() is None for process in processes.values()):
            time.sleep(POLL)
            now = deployment.missions_done()
            figures = {name: figures_of(process.pid) for name, process in processes.items()}
            if now > done and all(figures.values()):
                done = now
                hours.append(done * MISSION * TICK / HOUR)
                for name, look in figures.items():
                    looks[name].append(look)
                if progress and done % 20 == 0:
                    print(f"{done} of {missions} missions, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
        failed = deployment.wait(600.0)
        if failed:
            raise RuntimeError(f"{failed}\n{deployment.said()}")
        size = sum(log.stat().st_size for log in folder.glob("r?-1.*")) / 1e6
    return {name: growth_of(hours, each) for name, each in looks.items()}, time.monotonic() - began, size


def main() -> int:
    """Run, and print a line a process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=1.0, help="of the robots' time, at 50 Hz; 0.2 at least (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="where the logs go, half a GB an hour (default: the system's temporary folder)")
    arguments = parser.parse_args()
    if arguments.hours < 0.2:
        parser.error(f"--hours: is {arguments.hours:g}, must be at least 0.2")
    missions = math.ceil(arguments.hours * HOUR / (MISSION * TICK))
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        growths, seconds, size = watch(missions, Path(folder), progress=sys.stderr.isatty())
    print(f"{missions * MISSION} ticks of {ROBOTS} robots in {seconds:.0f} s; {size:.0f} MB of logs")
    for name, each in growths.items():
        verdict = "flat" if each.is_flat else "GROWS"
        memory = f"{each.first:6.1f} MB at first, {each.last:6.1f} MB at last"
        slope = f"second half {each.slope:+.2f} [{each.low:+.2f}, {each.high:+.2f}] MB/h"
        counts = f"files {each.descriptors[0]} -> {each.descriptors[1]}, threads {each.threads[0]} -> {each.threads[1]}"
        print(f"{name:6} {memory}; {slope}; {counts}  {verdict}".rstrip())
    return 0 if all(each.is_flat for each in growths.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
