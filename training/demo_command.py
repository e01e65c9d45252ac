"""`fieldswarm demo`: from nothing to three robots in three processes, by the commands that a user would run one by one."""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec

from robots.errors import InputError
from runtime.atomic import write_atomically
from runtime.version import version
from training.checkpoint import source_commit


@dataclass(frozen=True)
class Step:
    """One command of the demo.

    Attributes:
        name: key of its time in the summary.
        words: of the command, without `fieldswarm`.
        output: what it makes; a step whose output is there is not run again.
    """

    name: str
    words: list[str]
    output: Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("--out", default="runs/demo", metavar="DIR", help="where everything goes (default: runs/demo)")
    parser.add_argument("--config", default="configs/train/spread.yaml", metavar="CONFIG.yaml", help="what is trained")
    parser.add_argument("--missions", type=int, default=20, help="missions of each profile (default: 20)")


def run(arguments: argparse.Namespace) -> None:
    """Run all steps, then print one table and write summary.json."""
    if arguments.missions < 1:
        raise InputError(f"--missions: is {arguments.missions}, must be at least 1")
    out = Path(arguments.out)
    out.mkdir(parents=True, exist_ok=True)
    times = out / "times.json"
    seconds: dict[str, float] = json.loads(times.read_text()) if times.exists() else {}
    for step in _steps(out, arguments.config, arguments.missions):
        words = _resumed(step.words, out / "train") if step.name == "train" else step.words
        print(f"\n$ fieldswarm {shlex.join(words)}", flush=True)
        if step.output.exists():
            print(f"kept {step.output}: it is there already; remove it to run this step again", flush=True)
            continue
        began = time.monotonic()
        status = subprocess.run([sys.executable, "-m", "runtime.cli", *words]).returncode
        if status:
            raise InputError(f"demo stopped: 'fieldswarm {shlex.join(words)}' ended with exit status {status}")
        seconds[step.name] = time.monotonic() - began
        write_atomically(times, json.dumps(seconds).encode())
    summary = _summary(out, seconds)
    write_atomically(out / "summary.json", msgspec.json.format(msgspec.json.encode(summary), indent=2))
    print(_table(summary))
    print(f"\n{out}/summary.json has every figure; {out}/missions.png, {out}/mission.gif show what happened")


def _steps(out: Path, config: str, missions: int) -> list[Step]:
    def simulate(name: str, profile: str, count: int, clock: str) -> Step:
        folder = out / name
        words = ["simulate", f"{out}/omni", "--missions", str(count), "--profile", profile, "--clock", clock, "--out", str(folder)]
        return Step(name, words, folder / "summary.json")

    return [
        Step("train", ["train", config, "--out", f"{out}/train"], out / "train" / "result.json"),
        Step("export_point", ["export", f"{out}/train", "--robot", "point", "--out", f"{out}/point"], out / "point"),
        Step("export_omni", ["export", f"{out}/train", "--robot", "omni", "--out", f"{out}/omni"], out / "omni"),
        Step("mpe2", ["evaluate", f"{out}/point", "--world", "mpe2", "--json", f"{out}/mpe2.json"], out / "mpe2.json"),
        simulate("clean", "clean", missions, "lockstep"),
        simulate("field", "field", missions, "lockstep"),
        simulate("realtime", "clean", 1, "realtime"),
        Step(
            "picture",
            ["picture", f"{out}/clean/record.npz", "--missions", _first(min(missions, 6)), "--png", f"{out}/missions.png",
             "--gif", f"{out}/mission.gif"],
            out / "mission.gif",
        ),
    ]  # fmt: skip


def _first(count: int) -> str:
    return ",".join(map(str, range(count)))


def _resumed(words: list[str], run: Path) -> list[str]:
    return ["train", "--resume", str(run)] if (run / "config.yaml").exists() else words


def _summary(out: Path, seconds: dict[str, float]) -> dict:
    def read(name: str) -> dict:
        return json.loads((out / name).read_text())

    return {
        "version": version(),
        "commit": source_commit(),
        "train": read("train/result.json"),
        "manifest": read("omni/manifest.json"),
        "mpe2": read("mpe2.json"),
        "clean": read("clean/summary.json"),
        "field": read("field/summary.json"),
        "realtime": read("realtime/summary.json"),
        "seconds": {**seconds, "total": sum(seconds.values())},
    }


def _table(summary: dict) -> str:
    """The figures of the demo, one line each, with what they were measured on."""
    train, mpe2, seconds = summary["train"], summary["mpe2"], summary["seconds"]
    lines = [
        ("trained in spread", _rate(train, "success"), f"success, most likely actions; {train['config']['steps'] / 1e6:.2g} M steps"),
        (
            "exported, in mpe2",
            _rate(mpe2, "success"),
            f"success by mpe2's own test, {mpe2['episodes']} episodes, return {mpe2['episode_return']:.1f}",
        ),
    ]
    for name, what in (
        ("clean", "three processes, lockstep"),
        ("field", "three processes, lockstep"),
        ("realtime", "three processes, real time"),
    ):
        team = summary[name]["team"]
        lines.append(
            (
                f"bullet, {name}",
                _rate(team, "success_body"),
                f"a robot's body on every landmark at the end; {what}, {summary[name]['missions']} missions",
            )
        )
    robots = [robot for name in ("clean", "field", "realtime") for robot in summary[name]["robots"].values()]
    missed = sum(robot["missed_ticks"] for robot in summary["realtime"]["robots"].values())
    lines += [
        ("torch - onnxruntime", f"{_largest_difference(summary):.1e}", "largest difference over whole episodes"),
        ("one robot's process", f"{max(robot['process']['max_resident_mb'] for robot in robots):.0f} MB", "resident, largest of all"),
        ("", f"{max(robot['start_up_s'] for robot in robots):.2f} s", "from process start to ready, slowest of all"),
        ("", f"{missed}", "ticks missed in real time, all robots"),
        ("time", f"{seconds['total']:.0f} s", ", ".join(f"{name} {value:.0f}" for name, value in seconds.items() if name != "total")),
    ]  # fmt: skip
    first, second = (max(len(line[column]) for line in lines) for column in (0, 1))
    return "\n" + "\n".join(f"{name:{first}}  {value:>{second}}  {meaning}" for name, value, meaning in lines)


def _rate(figures: dict, name: str) -> str:
    low, high = figures.get(f"{name}_low"), figures.get(f"{name}_high")
    return f"{figures[name]:.3f}" + (f" [{low:.2f}, {high:.2f}]" if low is not None else "")


def _largest_difference(summary: dict) -> float:
    return max(max(actor["difference_rollout"], actor["difference_closed_loop"]) for actor in summary["manifest"]["actors"])
