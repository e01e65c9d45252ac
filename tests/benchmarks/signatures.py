"""Failure signatures: each provoked by a configuration that is bad on purpose, and none in healthy runs.

    python -m tests.benchmarks.signatures --seeds 10 --out runs/signatures
    python -m tests.benchmarks.signatures --seeds 10 --healthy configs/train/spread_discrete.yaml --out runs/signatures

A run whose result is there is not made again, so an interrupted series goes on where it stopped. Exits with 1 when a provoked run was not
accused of its failure, or a healthy one of anything.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec

from robots.yaml_input import dump_yaml
from runtime.atomic import write_atomically
from training.config import resolved_yaml
from training.config_checks import read_train_config
from training.signatures.findings import Finding, read_findings

SPREAD = Path("configs/train/spread.yaml")
LATE = {"name": "late", "actuation": {"delay": 0.2}}
"""Commands act 200 ms late, which are two steps of simple_spread."""


def provoking(out: Path) -> dict[str, dict]:
    """What is to be named (up to a comma), and the configuration that provokes it.

    Args:
        out: with the run `spread-0`, whose team knows nothing of latency, and the profile `late.yaml`.
    """
    return {
        "symmetry collapse": {
            "network": {"share": "all", "critics_see": "local"},
            "ppo": {"episodes": 64, "entropy": 0.05, "final_entropy": 0.05},
            "steps": 300_000,
        },
        "oscillation near a landmark": {"start": f"{out}/spread-0", "world": {"profile": f"{out}/late.yaml"}, "steps": 320_000},
        "flat reward": {"ppo": {"episodes": 64, "learning_rate": 1e-8, "final_learning_rate": 1e-8}, "steps": 160_000},
        "entropy collapse": {
            "world": {"actions": "discrete"},
            "ppo": {"episodes": 64, "entropy": 0.0, "learning_rate": 0.1, "final_learning_rate": 0.1},
            "steps": 160_000,
        },
        "value explosion": {
            "ppo": {"episodes": 64, "learning_rate": 3.0, "final_learning_rate": 3.0, "huber_delta": 1e6, "max_grad_norm": 1e6},
            "steps": 160_000,
        },
        "value explosion, q_learning": {
            "learner": "q_learning",
            "world": {"actions": "discrete"},
            "q": {"learning_rate": 3.0, "final_learning_rate": 3.0, "target_rate": 1.0, "huber_delta": 1e6, "max_grad_norm": 1e6},
            "steps": 80_000,
        },
        "value explosion, maddpg": {
            "learner": "maddpg",
            "maddpg": {"critic_learning_rate": 10.0, "target_rate": 1.0, "huber_delta": 1e6, "max_grad_norm": 1e6},
            "steps": 80_000,
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10, help="healthy runs")
    parser.add_argument("--healthy", type=Path, default=SPREAD, help="configuration of the healthy runs")
    parser.add_argument("--out", type=Path, default=Path("runs/signatures"))
    arguments = parser.parse_args()
    out = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    write_atomically(out / "late.yaml", dump_yaml(LATE).encode())
    _findings(_on_one_thread(SPREAD, out), 0, out / "spread-0")
    wrong = 0
    print("| run | named | from | remedy |\n|---|---|---|---|")
    for label, bad in provoking(out).items():
        place = out / label.replace(", ", "-").replace(" ", "_")
        write_atomically(place.with_suffix(".yaml"), dump_yaml({**bad, "threads": 1}).encode())
        findings = _findings(place.with_suffix(".yaml"), 0, place)
        wrong += label.split(",")[0] not in {finding.signature for finding in findings}
        _show(f"provoked: {label}", findings)
    healthy = _on_one_thread(arguments.healthy, out)
    for seed in range(arguments.seeds):
        name = f"{healthy.stem}-{seed}"
        findings = _findings(healthy, seed, out / name)
        wrong += bool(findings)
        _show(f"healthy: {name}", findings)
    print(f"\n{wrong} of {len(provoking(out)) + arguments.seeds} runs were not judged as they should be")
    sys.exit(bool(wrong))


def _on_one_thread(config: Path, out: Path) -> Path:
    """The same configuration for one thread: networks this small gain nothing from a second one."""
    path = out / config.name
    write_atomically(path, resolved_yaml(msgspec.structs.replace(read_train_config(config), threads=1)).encode())
    return path


def _findings(config: Path, seed: int, run: Path) -> list[Finding]:
    """What a run was accused of; a run that is not over, or was stopped by numbers that are not finite, leaves a mark when it is."""
    mark = run / "over"
    if not mark.exists():
        shutil.rmtree(run, ignore_errors=True)
        words = ["train", str(config), "--seed", str(seed), "--out", str(run)]
        finished = subprocess.run([sys.executable, "-m", "runtime.cli", *words], capture_output=True, text=True)
        stopped = "no training comes back from that" in finished.stderr
        if finished.returncode and not stopped:
            sys.exit(finished.stderr.strip().splitlines()[-1])
        mark.touch()
    return read_findings(run)


def _show(label: str, findings: list[Finding]) -> None:
    for finding in findings:
        print(f"| {label} | {finding.signature} | {finding.first_step / 1e6:.3g} M | {finding.remedy} |", flush=True)
    if not findings:
        print(f"| {label} | nothing | | |", flush=True)


if __name__ == "__main__":
    main()
