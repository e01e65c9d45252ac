"""`python -m tests.benchmarks.chaos`: robots that are killed, frozen and restarted while the others drive, in real time, in bullet.

Every period one robot of three is drawn, and is killed (SIGKILL), frozen (SIGSTOP) or told to end (SIGTERM); a while later it is started
again, or goes on. Exit status 1 unless

- nothing ended that nobody had ended;
- a robot that does not run moves no longer than its watchdog and its stopping time allow;
- the others go on in ACTIVE, and each of their states and commands is what runtime/README.md says;
- each robot that was struck is ACTIVE again before the end.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from robots.spec import load_spec
from runtime.team import Mission, Missions
from tests.benchmarks import conduct
from tests.benchmarks.deployment import Deployment, Life, Setting, on_loopback
from tests.runtime.factory import make_bundle

ROBOTS = 3
ARENA = 2.0
STOPPING = 0.8
"""Longest that a robot takes to stand once its platform has stopped it: latency, 1.41 m/s at 2 m/s^2, and a lag [s]."""
PLANT_LOST = 2
"""Exit status of a robot that was frozen for longer than its plant waits for it; it is started again, as its service would do it."""
STILL = 0.02
"""Below this a robot stands [m/s]."""
SILENCE = 0.5
"""A robot whose log leaves out so much did not run [s]."""
SETTLED = 0.5
"""A robot that has run for so long before another one was struck is one of those that must go on [s]."""
BLOWS = {"killed": signal.SIGKILL, "frozen": signal.SIGSTOP, "restarted": signal.SIGTERM}
MISSION = Mission(landmarks=((1.0, 1.0), (-1.0, 0.5), (0.5, -1.0)), starts=((0.0, 1.0), (-1.0, 0.0), (1.0, -0.5)), seed=1)


@dataclass(frozen=True)
class Report:
    """What came of it.

    Attributes:
        blows: robots that were struck, by how.
        silences: times in which a robot did not run, as the plant's ticks and the robot's log show them [s].
        moved: longest that a robot moved in one of them, from its last tick on [s].
        returned: silences after which the robot was ACTIVE again.
        back: longest from a robot's first tick after a silence until it was ACTIVE [s].
        kept: smallest share of the plant's ticks that another robot had during a silence through which it ran itself.
        idle: ticks in which another robot was not ACTIVE then.
        failed: what ended that nobody had ended, and what robots did that they must not do.
    """

    blows: dict[str, int]
    silences: list[float]
    moved: float
    returned: int
    back: float
    kept: float
    idle: int
    failed: list[str]


def setting(bundle: Path, seconds: float) -> Setting:
    """Robots that drive on without a peer, for so long."""
    ticks = round(seconds / load_spec("omni").loop_period)
    team = {"require_peers": False, "geofence": ARENA}
    return Setting(bundle, "omni", "bullet", Missions(missions=(MISSION,)), ticks, ARENA, team=team)


def bundle_in(folder: Path) -> Path:
    """Actors whose set-points grow from period to period: these robots are always on their way."""
    return make_bundle(folder / "bundle", ROBOTS)


def wreak(deployment: Deployment, seconds: float, period: float, seed: int) -> Report:
    """Strike a robot every `period` [s] until the plant ends, and see what came of it."""
    deployment.wait_until_driving()
    draw, blows, failed = random.Random(seed), dict.fromkeys(BLOWS, 0), []
    end = time.monotonic() + seconds - 2 * period
    time.sleep(period)
    while time.monotonic() < end and deployment.plant.poll() is None:
        _revive(deployment, failed)
        robot, kind = draw.choice(sorted(deployment.robots)), draw.choice(sorted(blows))
        process = deployment.robots[robot]
        blows[kind] += 1
        process.send_signal(BLOWS[kind])
        time.sleep(0.6 * period)
        if kind == "frozen":
            process.send_signal(signal.SIGCONT)
        else:
            # One that has hardly been started is ended by the signal itself.
            if process.wait() not in ((-signal.SIGKILL,) if kind == "killed" else (0, -signal.SIGTERM)):
                failed.append(f"{robot}, {kind}, with status {process.returncode}")
            deployment.robots[robot] = deployment.start(robot)
        time.sleep(0.4 * period)
    _revive(deployment, failed)
    failed += [each for each in deployment.wait(seconds) if not each.endswith(f"status {PLANT_LOST}")]
    return examine(deployment, blows, failed)


def _revive(deployment: Deployment, failed: list[str]) -> None:
    """Start again what gave up its plant after a freeze; anything else that has ended is a failure."""
    for robot, process in deployment.robots.items():
        if process.poll() is not None and deployment.plant.poll() is None:
            if process.returncode != PLANT_LOST:
                failed.append(f"{robot} with status {process.returncode}")
            deployment.robots[robot] = deployment.start(robot)


def examine(deployment: Deployment, blows: dict[str, int], failed: list[str]) -> Report:
    """Compare what the robots logged with how they truly moved."""
    loop = load_spec("omni").loop_period
    speed = np.linalg.norm(deployment.record().velocity[0], axis=-1)
    lives = {robot: deployment.lives(robot) for robot in sorted(deployment.robots)}
    failed += [f"{robot}: {breach}" for robot, each in lives.items() for life in each for breach in _misconduct(life)]
    ticks = {robot: [tick for life in each for tick in life.ticks] for robot, each in lives.items()}
    numbers = {robot: np.array([tick.tick for tick in each]) for robot, each in ticks.items()}
    # In the last tick of a life the robot may have been told to end.
    active = {
        robot: np.array([tick.mode == "ACTIVE" or tick is life.ticks[-1] for life in each for tick in life.ticks])
        for robot, each in lives.items()
    }
    silences, moved, returned, back, kept, idle = [], 0.0, 0, 0.0, 1.0, 0
    for agent, robot in enumerate(ticks):
        for index in np.flatnonzero(np.diff(numbers[robot]) * loop > SILENCE):
            last, first = numbers[robot][index], numbers[robot][index + 1]
            silences.append(float(first - last) * loop)
            moving = np.flatnonzero(speed[last:first, agent] > STILL)
            moved = max(moved, float(moving[-1] + 1) * loop if len(moving) else 0.0)
            again = np.flatnonzero(active[robot][index + 1 :])
            returned += len(again) > 0
            back = max(back, float(numbers[robot][index + 1 + again[0]] - first) * loop if len(again) else 0.0)
            for other in ticks.keys() - {robot}:
                inside = (numbers[other] > last) & (numbers[other] < first)
                if _ran(numbers[other], last - round(SETTLED / loop), first, SILENCE / loop):
                    kept = min(kept, len(np.unique(numbers[other][inside])) / float(first - last - 1))
                    idle += int((inside & ~active[other]).sum())
    return Report(blows, silences, moved, returned, back, kept, idle, failed)


def _ran(numbers: np.ndarray, begin: int, end: int, longest: float) -> bool:
    """Whether a robot's ticks go from `begin` to `end` with no gap of more than `longest`, all in ticks."""
    inside = numbers[(numbers >= begin) & (numbers < end)]
    return bool(np.diff([begin, *inside, end]).max() <= longest)


def _misconduct(life: Life) -> list[str]:
    """What a robot did that it must not do; its last tick, in which it may have been told to end, aside."""
    whole = Life(life.header, life.ticks[:-1])
    return [*islice(conduct.wrong_states(whole), 2), *islice(conduct.bad_commands(whole), 2)]


def broken(report: Report) -> list[str]:
    """The promises that were not kept."""
    allowed = load_spec("omni").watchdog + STOPPING
    checks = {
        f"robots that did not run moved for up to {report.moved:.2f} s, {allowed:.2f} s are allowed": report.moved <= allowed,
        f"robots came back from {report.returned} of {len(report.silences)} silences": report.returned == len(report.silences),
        f"others were not ACTIVE in {report.idle} ticks": report.idle == 0,
    }
    return [*report.failed, *(text for text, kept in checks.items() if not kept)]


def main() -> int:
    """Run, and print the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--period", type=float, default=2.0, help="between two blows [s]")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Deployment(folder, setting(bundle_in(folder), arguments.seconds), on_loopback(ROBOTS)) as deployment:
            report = wreak(deployment, arguments.seconds, arguments.period, arguments.seed)
    print(f"blows                        {json.dumps(report.blows)}")
    print(f"silences                     {len(report.silences)}, longest {max(report.silences, default=0.0):.2f} s")
    print(f"longest motion in one        {report.moved:.2f} s (watchdog and stopping: {load_spec('omni').watchdog + STOPPING:.2f} s)")
    print(f"... after which it drove     {report.returned}, at most {report.back:.2f} s after its first tick")
    print(f"ticks the others kept        {100 * report.kept:.2f} % at least; not ACTIVE in {report.idle}")
    print("\n".join(broken(report)) or "all promises were kept")
    return 1 if broken(report) else 0


if __name__ == "__main__":
    sys.exit(main())
