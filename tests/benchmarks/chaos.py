"""`python -m tests.benchmarks.chaos`: robots that are killed, frozen and started again while the others drive, in real time, in bullet.

Every period one robot of three is drawn, and is killed (SIGKILL) or frozen (SIGSTOP); a while later it is started again, or goes on.
While it does not run it must not move for longer than its watchdog and its stopping time; the others go on ticking; and it comes back.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from robots.spec import load_spec
from robots.yaml_input import dump_yaml
from runtime.bundle import write_manifest
from runtime.log_file import read_log
from runtime.log_lines import Tick
from runtime.team import Member, Mission, Missions, Team
from sim3d.record import Record
from sim3d.simulate import free_endpoints
from tests.benchmarks.realtime import ARENA, HIDDEN, ROBOTS, omni_contract
from tests.conftest import random_actor

CONTROL_PERIOD = 0.4
STOPPING = 0.8
"""Longest that a robot takes to stand once its platform has stopped it: latency, 1.41 m/s at 2 m/s^2, and a lag [s]."""
PLANT_LOST = 2
"""Exit status of a robot that was frozen for longer than its plant waits for it; it is started again, as its service would do it."""
STILL = 0.02
"""Below this a robot stands [m/s]."""


@dataclass(frozen=True)
class Report:
    """What came of it.

    Attributes:
        blows: robots that were killed, and that were frozen.
        silences: times in which a robot did not run, as the plant's ticks and the robot's log show them [s].
        moved: longest that a robot moved in one of them, from its last tick on [s].
        returned: silences after which the robot was ACTIVE again.
        kept: smallest share of the plant's ticks that another robot had during a silence in which it was alive itself.
        failed: what ended that nobody had ended.
    """

    blows: dict[str, int]
    silences: list[float]
    moved: float
    returned: int
    kept: float
    failed: list[str]


class Deployment:
    """A plant and three robots whose files lie in a folder."""

    def __init__(self, folder: Path, seconds: float) -> None:
        self.folder = folder
        bundle = folder / "bundle"
        bundle.mkdir()
        for agent in range(ROBOTS):
            (bundle / f"actor_{agent}.onnx").write_bytes(random_actor(omni_contract(agent, CONTROL_PERIOD), seed=agent, hidden=HIDDEN))
        write_manifest(bundle, success=0.0, differences=[(0.0, 0.0)] * ROBOTS, created_by="chaos", provenance={})
        places = free_endpoints(2 * ROBOTS)
        members = tuple(Member(id=f"r{n}", kind="omni", agent=n, endpoint=places[n], plant=places[ROBOTS + n]) for n in range(ROBOTS))
        mission = Mission(landmarks=((1.0, 1.0), (-1.0, 0.5), (0.5, -1.0)), starts=((0.0, 1.0), (-1.0, 0.0), (1.0, -0.5)), seed=1)
        (folder / "team.yaml").write_text(dump_yaml(Team(robots=members, require_peers=False, geofence=ARENA)))
        (folder / "missions.yaml").write_text(dump_yaml(Missions(missions=(mission,))))
        ticks = str(round(seconds / load_spec("omni").loop_period))
        self._files = ["--team", str(folder / "team.yaml"), "--missions", str(folder / "missions.yaml")]
        self._lives = dict.fromkeys((member.id for member in members), 0)
        self.plant = self._start(
            "plant",
            "--world",
            "bullet",
            "--ticks",
            ticks,
            "--arena",
            str(ARENA),
            "--clock",
            "realtime",
            "--record",
            str(folder / "record.npz"),
        )
        self.robots = {robot: self.start(robot) for robot in self._lives}

    def start(self, robot: str) -> subprocess.Popen:
        """A new life of a robot."""
        self._lives[robot] += 1
        log = self.folder / f"{robot}-{self._lives[robot]}.jsonl"
        return self._start("run", "--robot", robot, "--bundle", str(self.folder / "bundle"), "--log", str(log))

    def ticks(self, robot: str) -> list[Tick]:
        """All of a robot's ticks, over all its lives."""
        logs = (self.folder / f"{robot}-{life}.jsonl" for life in range(1, self._lives[robot] + 1))
        return [line for log in logs if log.exists() for line in read_log(log) if isinstance(line, Tick)]

    def _start(self, name: str, *words: str) -> subprocess.Popen:
        command = [sys.executable, "-m", "runtime.cli", name, *self._files, *words]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        with (self.folder / "stderr").open("ab") as said:
            return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said, env=environment)


def wreak(deployment: Deployment, seconds: float, period: float, seed: int) -> Report:
    """Strike a robot every `period` [s] until the plant ends, and see what came of it."""
    draw, blows, failed = random.Random(seed), {"killed": 0, "frozen": 0}, []
    end = time.monotonic() + seconds - 2 * period
    time.sleep(2 * period)
    while time.monotonic() < end and deployment.plant.poll() is None:
        for robot, process in deployment.robots.items():
            if process.poll() is not None:
                if process.returncode != PLANT_LOST:
                    failed.append(f"{robot} with status {process.returncode}")
                deployment.robots[robot] = deployment.start(robot)
        robot = draw.choice(sorted(deployment.robots))
        process = deployment.robots[robot]
        kind = draw.choice(sorted(blows))
        blows[kind] += 1
        process.send_signal(signal.SIGKILL if kind == "killed" else signal.SIGSTOP)
        time.sleep(0.6 * period)
        if kind == "killed":
            process.wait()
            deployment.robots[robot] = deployment.start(robot)
        else:
            process.send_signal(signal.SIGCONT)
        time.sleep(0.4 * period)
    deployment.plant.wait(seconds)
    for robot, process in [("plant", deployment.plant), *deployment.robots.items()]:
        if process.wait(10) not in (0, PLANT_LOST):
            failed.append(f"{robot} with status {process.returncode}")
    if not (deployment.folder / "record.npz").exists():
        raise RuntimeError((deployment.folder / "stderr").read_text())
    return examine(deployment, blows, failed)


def examine(deployment: Deployment, blows: dict[str, int], failed: list[str]) -> Report:
    """Compare what the robots logged with how they truly moved."""
    loop = load_spec("omni").loop_period
    speed = np.linalg.norm(Record.load(deployment.folder / "record.npz").velocity[0], axis=-1)
    ticks = {robot: deployment.ticks(robot) for robot in sorted(deployment.robots)}
    numbers = {robot: np.array([tick.tick for tick in each]) for robot, each in ticks.items()}
    silences, moved, returned, kept = [], 0.0, 0, 1.0
    for agent, robot in enumerate(ticks):
        for index in np.flatnonzero(np.diff(numbers[robot]) * loop > 0.5):
            last, first = numbers[robot][index], numbers[robot][index + 1]
            silences.append(float(first - last) * loop)
            moving = np.flatnonzero(speed[last:first, agent] > STILL)
            moved = max(moved, float(moving[-1] + 1) * loop if len(moving) else 0.0)
            returned += any(tick.mode == "ACTIVE" for tick in ticks[robot][index + 1 :])
            for other in ticks.keys() - {robot}:
                during = np.unique(numbers[other][(numbers[other] > last) & (numbers[other] < first)])
                if len(during) > 1 and np.diff(during).max() * loop < 0.5:
                    kept = min(kept, float(len(during) / (during[-1] - during[0] + 1)))
    return Report(blows, silences, moved, returned, kept, failed)


def main() -> None:
    """Run, and print the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--period", type=float, default=2.0, help="between two blows [s]")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = wreak(Deployment(Path(folder), arguments.seconds), arguments.seconds, arguments.period, arguments.seed)
    allowed = load_spec("omni").watchdog + STOPPING
    print(f"blows                     {json.dumps(report.blows)}")
    print(f"silences                  {len(report.silences)}, longest {max(report.silences, default=0.0):.2f} s")
    print(f"longest motion in one     {report.moved:.2f} s (watchdog and stopping: {allowed:.2f} s)")
    print(f"... after which it drove  {report.returned}")
    print(f"ticks the others kept     {100 * report.kept:.2f} % at least")
    print(f"ended by itself           {report.failed or 'none'}")


if __name__ == "__main__":
    main()
