"""What training in PyBullet adds to what simple_spread taught, and what it reaches from nothing in the same time.

    python -m tests.benchmarks.fine_tuning --seeds 2 --out runs/fine_tuning

For each seed: the recipe configs/train/robust.yaml in simple_spread, exported for omni robots at full speed; the same team after
configs/train/fine_tune_bullet.yaml; and a team that had only the latter. Exported actors, the same missions for all in `bullet`: clean, and
200 ms late. Mean [least, most] over seeds. What is there is not made again.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from tests.benchmarks.full_speed import ARENA, FULL_SPEED, Cell, missions

START = "configs/train/robust.yaml"
FINE_TUNE = "configs/train/fine_tune_bullet.yaml"
LATENCIES = (0.0, 0.2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--missions", type=int, default=200)
    parser.add_argument("--out", type=Path, default=Path("runs/fine_tuning"))
    arguments = parser.parse_args()
    cells: dict[str, list[list[Cell]]] = {"warm start": [], "+ bullet": [], "bullet from nothing": []}
    for seed in range(arguments.seeds):
        start = _trained(arguments.out / f"start-{seed}", START, seed)
        tuned = _trained(arguments.out / f"tuned-{seed}", FINE_TUNE, seed, "--start", start)
        scratch = _trained(arguments.out / f"scratch-{seed}", FINE_TUNE, seed)
        for label, run in zip(cells, (start, tuned, scratch), strict=True):
            bundle = _exported(run, ["--robot", "omni", "--arena", ARENA, "--speed", FULL_SPEED] if run is start else [])
            cells[label].append([missions(bundle, latency, arguments.missions) for latency in LATENCIES])
            print(f"seed {seed}, {label}: {'; '.join(map(str, cells[label][-1]))}", flush=True)
    print("success_body and mean time to cover: " + ", ".join(f"{1000 * latency:.0f} ms late" for latency in LATENCIES))
    for label, seeds in cells.items():
        parts = [_range([row[column].body for row in seeds], [row[column].seconds for row in seeds]) for column in range(len(LATENCIES))]
        print(f"{label:20}" + "".join(f"{part:40}" for part in parts))


def _range(body: list[float], seconds: list[float]) -> str:
    return f"{sum(body) / len(body):.3f} [{min(body):.3f}, {max(body):.3f}], {sum(seconds) / len(seconds):.2f} s"


def _trained(directory: Path, config: str, seed: int, *start: object) -> Path:
    if not (directory / "result.json").exists():
        resume = (directory / "config.yaml").exists()
        _fieldswarm("train", "--resume", directory) if resume else _fieldswarm("train", config, "--seed", seed, "--out", directory, *start)
    return directory


def _exported(run: Path, robots: list[object]) -> Path:
    bundle = run.with_name(f"{run.name}-omni")
    if not bundle.exists():
        _fieldswarm("export", run, *robots, "--out", bundle)
    return bundle


def _fieldswarm(*words: object) -> None:
    done = subprocess.run([sys.executable, "-m", "runtime.cli", *map(str, words)], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr.strip().splitlines()[-1])


if __name__ == "__main__":
    main()
