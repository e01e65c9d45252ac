"""Cells of a suite against a plain loop over mpe2: the same exported actors, three robots, 25 steps an episode.

`python -m tests.benchmarks.suite BUNDLE` times the whole default suite of `fieldswarm evaluate`, with its aftermaths, intervals and files.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from runtime.bundle import read_bundle
from sim3d.executor.choice import make_executor
from sim3d.mpe2_missions import run_mpe2
from sim3d.suite.cells import Cell, cells_of
from sim3d.suite.definition import load_suite
from sim3d.suite.entrants import Entrants, read_entrants
from sim3d.suite.run import prepare_runner
from sim3d.suite.runner import CellTask, Missions, Settings
from tests.benchmarks.row import Row
from tests.conftest import write_point_bundle

EPISODES = 1000
"""Of a cell."""
ROUNDS = 3
"""Everything is measured in turn, this often, and the median counts: other load on the machine then hits all alike."""
PLAIN_EPISODES = 60
"""Of a measurement of mpe2; a thousand would take half a minute."""
WORKERS = (0, 2)


def measure() -> list[Row]:
    """Cells a second, under every disturbance of the default suite by turns."""
    with tempfile.TemporaryDirectory() as folder:
        bundle = write_point_bundle(Path(folder), robots=3)
        entrants = read_entrants([f"team={bundle}"], None)
        cells = cells_of(load_suite("field"), "spread", "field")
        actors = read_bundle(bundle).verify()
        rates: dict[object, list[float]] = {key: [] for key in ("mpe2", *WORKERS)}
        for _ in range(ROUNDS):
            begin = time.perf_counter()
            run_mpe2(actors, PLAIN_EPISODES, seed=0)
            rates["mpe2"].append(PLAIN_EPISODES / EPISODES / (time.perf_counter() - begin))
            for workers in WORKERS:
                rates[workers].append(_cells_per_second(entrants, cells, workers))
    rows = [Row("plain loop over mpe2, 3 exported actors, 1 000 episodes", median(rates["mpe2"]), "cells/s")]
    for workers in WORKERS:
        ratio = median(ours / theirs for ours, theirs in zip(rates[workers], rates["mpe2"], strict=True))
        where = f"{workers} processes" if workers else "in process"
        rows.append(Row(f"cells of suite field, 1 000 episodes, {where}", median(rates[workers]), "cells/s", ratio, "mpe2"))
    return rows


def _cells_per_second(entrants: Entrants, cells: tuple[Cell, ...], workers: int) -> float:
    """Of every fourth cell, from the first one that is done on: what starting a process takes does not count."""
    executor = make_executor("processes" if workers else "in-process", workers)
    shared = (Missions("spread", EPISODES, 0, aftermath=0.0, settings=Settings()), entrants.files)
    results = executor.run(prepare_runner, shared, [CellTask("team", cell) for cell in cells[::4]])
    next(results)
    begin = time.perf_counter()
    return sum(1 for _ in results) / (time.perf_counter() - begin)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle")
    parser.add_argument("--suite", default="field")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        words = [
            "evaluate",
            arguments.bundle,
            "--suite",
            arguments.suite,
            "--out",
            str(Path(folder) / "out"),
            "--workers",
            str(arguments.workers),
        ]
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-m", "runtime.cli", *words], check=True, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - begin
        cells = len(list(Path(folder).glob("out/cells/*/*.npz")))
    print(f"suite {arguments.suite}: {cells} cells in {seconds:.1f} s with {arguments.workers} processes, from command to results")


if __name__ == "__main__":
    main()
