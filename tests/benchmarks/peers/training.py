"""The race to a trained team: wall time to success 0.91 in simple_spread with three robots, from the start of the process.

Everyone as shipped: `fieldswarm train configs/train/spread.yaml`, JaxMARL's IPPO baseline, BenchMARL's IPPO with its tuned configuration.
Success is mpe2's: at some step of an episode every landmark has a robot closer than 0.1. The policies' likeliest actions are tested in
each system's own environment, over the 25 steps of mpe2; in VMAS, which BenchMARL learns in, over the 100 of its task, as its robots are
slower.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.benchmarks.peers.process import INSTALL, PEERS_PYTHON, System, running

TARGET = 0.91
"""What the seed paper of this task reports for IPPO, arXiv 2510.00022."""

CONFIG = "configs/train/spread.yaml"
POLL = 0.1
"""Between two looks at the metrics of a run [s]."""

PEERS = (System("JaxMARL, IPPO baseline", "train_jaxmarl.py"), System("BenchMARL, IPPO tuned for VMAS", "train_benchmarl.py"))


@dataclass(frozen=True)
class Evaluation:
    """One test of a team in training.

    Attributes:
        seconds: since the process started.
        steps: env steps so far.
        success: share of the episodes.
        episode_return: mean, summed over the robots; comparable between fieldswarm and JaxMARL.
    """

    seconds: float
    steps: int
    success: float
    episode_return: float


@dataclass(frozen=True)
class Run:
    """What one system reached with one seed; `seconds_to_target` is None where it did not."""

    name: str
    evaluations: list[Evaluation]

    @property
    def seconds_to_target(self) -> float | None:
        return next((each.seconds for each in self.evaluations if each.success >= TARGET), None)


def race(minutes: float, threads: int, seeds: int, alone: bool) -> str:
    """Let everyone, or fieldswarm alone, train for so long, or until the target; returns the table."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    runs = []
    for seed in range(seeds):
        runs.append(_finish("fieldswarm", _fieldswarm(seed, minutes * 60, threads)))
        if PEERS_PYTHON.exists() and not alone:
            runs += [_finish(peer.name, _peer(peer, seed, minutes * 60, threads)) for peer in PEERS]
    if not PEERS_PYTHON.exists() and not alone:
        print(f"nobody to race with; {INSTALL}")
    return _table(runs, minutes)


def _finish(name: str, evaluations: Generator[Evaluation, None, None]) -> Run:
    seen = []
    with closing(evaluations):
        for each in evaluations:
            seen.append(each)
            print(f"{name}: {each.seconds:.0f} s, {each.steps:,} env steps, success {each.success:.3f}", flush=True)
            if each.success >= TARGET:
                break
    return Run(name, seen)


def _fieldswarm(seed: int, limit: float, threads: int) -> Generator[Evaluation, None, None]:
    with tempfile.TemporaryDirectory() as folder:
        metrics = Path(folder) / "run/metrics.csv"
        command = [str(Path(sys.executable).with_name("fieldswarm")), "train", CONFIG, "--seed", str(seed), "--out", str(metrics.parent)]
        begin, known = time.monotonic(), 0
        with running(command, threads, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
            while time.monotonic() - begin < limit:
                ended = process.poll() is not None
                rows = _evaluated_rows(metrics)
                for row in rows[known:]:
                    yield Evaluation(time.monotonic() - begin, int(row["steps"]), float(row["success"]), float(row["episode_return"]))
                if ended:
                    return
                known = len(rows)
                time.sleep(POLL)


def _evaluated_rows(metrics: Path) -> list[dict[str, str]]:
    if not metrics.exists():
        return []
    *whole, _ = metrics.read_text().split("\n")  # the last line may be half of one
    return [row for row in csv.DictReader(whole) if row["success"]]


def _peer(peer: System, seed: int, limit: float, threads: int) -> Generator[Evaluation, None, None]:
    begin = time.monotonic()
    with running(peer.command(threads, seed, limit), threads, stderr=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        for line in process.stdout:
            said = json.loads(line)
            yield Evaluation(time.monotonic() - begin, said["steps"], said["success"], said["return"])


def _table(runs: list[Run], minutes: float) -> str:
    lines = [f"{'system':32}  time to {TARGET}        best success  return  env steps/s, start included"]
    for name in dict.fromkeys(run.name for run in runs):
        own = [run for run in runs if run.name == name]
        evaluations = [each for run in own for each in run.evaluations]
        if not evaluations:
            lines.append(f"{name:32}  failed")
            continue
        times = [run.seconds_to_target for run in own]
        reached = [each for each in times if each is not None]
        to_target = f"{median(reached):.1f} s" if len(reached) == len(own) else f"{len(reached)} of {len(own)} in {minutes:g} min"
        best = max(evaluations, key=lambda each: each.success)
        speed = median(run.evaluations[-1].steps / run.evaluations[-1].seconds for run in own if run.evaluations)
        lines.append(f"{name:32}  {to_target:18}  {best.success:12.3f}  {best.episode_return:6.1f}  {speed:11,.0f}")
    return "\n".join(lines)
