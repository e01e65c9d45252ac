"""What a training configuration reaches over several seeds, each trained, exported and scored by the commands a user would run.

    python -m tests.benchmarks.seeds configs/train/spread.yaml --seeds 5 --out runs/seeds

A seed whose results are there is not run again, so an interrupted series goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

from runtime.atomic import write_atomically


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("runs/seeds"))
    arguments = parser.parse_args()
    rows = []
    for seed in range(arguments.seeds):
        rows.append(_one_seed(arguments.config, seed, arguments.out / f"{arguments.config.stem}-{seed}"))
        print(_line(rows[-1]), flush=True)
    print(
        f"mean of {len(rows)}: " + ", ".join(f"{key} {sum(row[key] for row in rows) / len(rows):.3f}" for key in rows[0] if key != "seed")
    )
    print("worst: " + ", ".join(f"{key} {min(row[key] for row in rows):.3f}" for key in rows[0] if key.startswith("success")))


def _one_seed(config: Path, seed: int, out: Path) -> dict[str, float]:
    result = out / "result.json"
    if not result.exists():
        seconds = _fieldswarm("train", config, "--seed", seed, "--out", out / "train")
        _fieldswarm("export", out / "train", "--robot", "point", "--out", out / "point")
        for world in ("mpe2", "spread"):
            _fieldswarm("evaluate", out / "point", "--world", world, "--json", out / f"{world}.json")
        mpe2, spread = (json.loads((out / f"{world}.json").read_text()) for world in ("mpe2", "spread"))
        row = {
            "seed": seed,
            "train_seconds": seconds,
            "success_mpe2": mpe2["success"],
            "return_mpe2": mpe2["episode_return"],
            "success_end": spread["success_end"],
            "success_body": spread["success_body"],
        }
        write_atomically(result, json.dumps(row).encode())
    return json.loads(result.read_text())


def _fieldswarm(*words: object) -> float:
    """Run one command, its output kept out of the table; returns its wall time from process start to end [s]."""
    began = time.monotonic()
    finished = subprocess.run([sys.executable, "-m", "runtime.cli", *map(str, words)], capture_output=True, text=True)
    if finished.returncode:
        sys.exit(finished.stderr.strip().splitlines()[-1])
    return time.monotonic() - began


def _line(row: dict[str, float]) -> str:
    return f"seed {row['seed']}: " + ", ".join(f"{key} {value:.3f}" for key, value in row.items() if key != "seed")


if __name__ == "__main__":
    main()
