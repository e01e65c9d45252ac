"""`python -m tests.benchmarks`, which is `make bench`: run every benchmark, print one table, write the same to bench.json."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from runtime.atomic import write_atomically
from tests.benchmarks import bullet, onboard, spread, suite
from tests.benchmarks.peers import throughput
from tests.benchmarks.row import Row

BENCHMARKS = (onboard, spread, throughput, bullet, suite)
PACKAGES = ("fieldswarm", "numpy", "torch", "onnxruntime", "pybullet", "mpe2")
OUTPUT = Path("bench.json")


def main() -> None:
    """Measure, print, write."""
    rows: list[Row] = []
    for benchmark in BENCHMARKS:
        print(f"{benchmark.__name__.rpartition('.')[2]}: {benchmark.__doc__.splitlines()[0]}", flush=True)
        rows += benchmark.measure()
    print(f"\n{table(rows)}\n")
    conditions = {
        "machine": platform.machine(),
        "cpus": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        **{package: version(package) for package in PACKAGES},
    }
    report = {"conditions": conditions, "rows": [asdict(row) for row in rows]}
    write_atomically(OUTPUT, (json.dumps(report, indent=2) + "\n").encode())
    print(f"{OUTPUT} has the same")


def table(rows: list[Row]) -> str:
    """The rows in columns."""
    cells = [("what", "value", "unit", "ratio")]
    for row in rows:
        ratio = "" if row.ratio is None else f"{_number(row.ratio)} x {row.against}"
        cells.append((row.what, _number(row.value), row.unit, ratio))
    what, value, unit, ratio = (max(len(line[column]) for line in cells) for column in range(4))
    lines = [f"{line[0]:{what}}  {line[1]:>{value}}  {line[2]:{unit}}  {line[3]:{ratio}}".rstrip() for line in cells]
    return "\n".join([lines[0], "-" * (what + value + unit + ratio + 6), *lines[1:]])


def _number(value: float) -> str:
    """Three significant digits; a benchmark does not know more."""
    return f"{float(f'{value:.3g}'):,.10g}"


if __name__ == "__main__":
    main()
