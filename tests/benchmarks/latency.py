"""What survives latency: every way to train for it, over several seeds, beside compensating for it and beside the oracle's ceiling.

    python -m tests.benchmarks.latency --seeds 3 --out runs/latency

Trains each variant of configs/train/latency_study with each seed, exports it for `point`, and scores the exported actors in world `spread`:
1 000 episodes at each actuation delay with noise of 0.02 on positions and velocities, and as many clean ones. Prints one table, and writes
latency.json and latency.png. What is there is not made again, so an interrupted series goes on where it stopped.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import mean

import msgspec

from robots.spec import load_spec
from robots.yaml_input import dump_yaml
from runtime.actor import OnnxActor
from runtime.atomic import write_atomically
from runtime.bundle import read_bundle
from sim3d.in_process import run_missions
from sim3d.profile import Actuation, Profile, Sensing
from sim3d.spread import CAPTURE_RADIUS, HORIZON, SpreadWorld
from sim3d.spread_task import all_covered
from sim3d.world import Layouts, random_layouts
from tests.benchmarks.oracle import oracle_missions
from training.config import ActorConfig
from training.config_checks import read_train_config

STUDY = Path("configs/train/latency_study")
SIGMA = 0.02
"""Of the noise on positions and velocities, in simple_spread's units."""
DELAYS = (0, 50, 100, 150, 200, 250, 300, 350, 400)
"""Actuation delays of the picture [ms]."""
IN_TABLE = (0, 100, 200, 300)
ROBOTS = 3


@dataclass(frozen=True)
class Variant:
    """One way to survive latency.

    Attributes:
        name: of its folders, and of its configuration in STUDY.
        label: in table and picture.
        begins_from: variant whose run of the same seed it begins with; empty for none.
    """

    name: str
    label: str
    begins_from: str = ""


PLAIN = Variant("plain", "plain")
LEARNED = (
    Variant("randomised", "randomised only"),
    Variant("past_forces", "+ past forces"),
    Variant("asymmetric_critic", "+ asymmetric critic"),
    Variant("curriculum", "+ warm start, curriculum", PLAIN.name),
    Variant("known_latency", "+ known latency", PLAIN.name),
    Variant("recurrent", "recurrent instead of told", PLAIN.name),
)
COMPENSATED = Variant("compensated", "latency compensation")
"""The plain run's weights behind a compensator: nothing is trained."""
VARIANTS = (PLAIN, *LEARNED, COMPENSATED)


@dataclass
class Result:
    """What one variant reached.

    Attributes:
        label: of the variant.
        seeds: that were trained and scored; none for the oracle.
        success: by condition (delay in ms as text, or `clean`), one figure for each seed.
        seconds: of training, one figure for each seed, the run that it began with included; none for what is not trained.
    """

    label: str
    seeds: list[int] = field(default_factory=list)
    success: dict[str, list[float]] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--episodes", type=int, default=1000, help="in each condition")
    parser.add_argument("--only", metavar="VARIANT[,...]", help=f"of: {', '.join(variant.name for variant in VARIANTS)}")
    parser.add_argument("--out", type=Path, default=Path("runs/latency"))
    arguments = parser.parse_args()
    wanted = arguments.only.split(",") if arguments.only else [variant.name for variant in VARIANTS]
    if unknown := set(wanted) - {variant.name for variant in VARIANTS}:
        parser.error(f"--only: there is no {', '.join(sorted(unknown))}")
    results, failed = run(arguments.out, [variant for variant in VARIANTS if variant.name in wanted], arguments.seeds, arguments.episodes)
    layouts = random_layouts(arguments.episodes, ROBOTS, ROBOTS, SpreadWorld.arena_half_size, seed=0)
    ceiling = {str(delay): [_success(oracle_missions(layouts, delay / 1000, HORIZON), layouts)] for delay in DELAYS}
    results["oracle"] = Result("oracle that knows the delay", success={**ceiling, "clean": ceiling["0"]})
    print(table(list(results.values())))
    write_atomically(arguments.out / "latency.json", msgspec.json.format(msgspec.json.encode(results), indent=2))
    # Imported here: a series of hours should not end for want of matplotlib before its figures are written.
    from tests.benchmarks.latency_picture import latency_picture

    latency_picture(_of_the_picture(results), DELAYS, arguments.out / "latency.png")
    print(f"{arguments.out}/latency.json and latency.png have the same")
    if failed:
        sys.exit("failed: " + "; ".join(failed))


def run(out: Path, variants: Sequence[Variant], seeds: int, episodes: int) -> tuple[dict[str, Result], list[str]]:
    """Train, export and score, seed by seed; a run that fails leaves the others alone. Results by variant, and what failed."""
    results = {variant.name: Result(variant.label) for variant in variants}
    failed = []
    for seed in range(seeds):
        for variant in variants:
            try:
                scores = _scores(out, variant, seed, episodes)
            except RuntimeError as error:
                failed.append(f"{variant.name}-{seed}: {error}")
                continue
            result = results[variant.name]
            result.seeds.append(seed)
            for condition, success in scores.items():
                result.success.setdefault(condition, []).append(success)
            if variant is not COMPENSATED:
                begun = [_seconds(out / f"{variant.begins_from}-{seed}")] if variant.begins_from else []
                result.seconds.append(sum([_seconds(out / f"{variant.name}-{seed}"), *begun]))
            print(f"{variant.name}-{seed}: " + ", ".join(f"{name} {value:.3f}" for name, value in scores.items()), flush=True)
    return results, failed


def table(results: Sequence[Result]) -> str:
    """A Markdown table: success at each delay as mean [least, most] over seeds, clean success, and seconds of training."""
    lines = [["", *(f"{delay} ms" for delay in IN_TABLE), "clean", "seeds", "training"]]
    for result in results:
        cells = [_interval(result.success.get(condition, [])) for condition in (*map(str, IN_TABLE), "clean")]
        seconds = f"{mean(result.seconds):.0f} s" if result.seconds else ""
        lines.append([result.label, *cells, str(len(result.seeds) or ""), seconds])
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    rows = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines]
    return "\n".join([rows[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *rows[1:]])


def _interval(figures: Sequence[float]) -> str:
    if len(figures) < 2:
        return f"{figures[0]:.3f}" if figures else "-"
    return f"{mean(figures):.3f} [{min(figures):.3f}, {max(figures):.3f}]"


def _of_the_picture(results: dict[str, Result]) -> list[Result]:
    """Plain, compensated, the learned variant that is best on average over the delays of the table, and the oracle."""

    def over_delays(result: Result) -> float:
        return mean(mean(result.success[str(delay)]) for delay in IN_TABLE)

    learned = [results[variant.name] for variant in LEARNED if variant.name in results and results[variant.name].success]
    best = [max(learned, key=over_delays)] if learned else []
    best = [replace(each, label=f"best learned: {each.label.removeprefix('+ ')}") for each in best]
    return [results[name] for name in ("plain", "compensated") if name in results and results[name].success] + best + [results["oracle"]]


def _scores(out: Path, variant: Variant, seed: int, episodes: int) -> dict[str, float]:
    """Success by condition of one variant and seed. Raises RuntimeError when one of its commands fails."""
    folder = out / f"{variant.name}-{seed}"
    path = folder / f"success-{episodes}.json"
    if not path.exists():
        if variant is COMPENSATED:
            _train(out, PLAIN, seed)
            _put_compensator_before(out / f"{PLAIN.name}-{seed}" / "train", folder / "train")
        else:
            _train(out, variant, seed)
        if not (folder / "point").exists():
            _fieldswarm("export", folder / "train", "--robot", "point", "--out", folder / "point")
        actors = read_bundle(folder / "point").verify()
        layouts = random_layouts(episodes, ROBOTS, ROBOTS, SpreadWorld.arena_half_size, seed=0)
        scores = {str(delay): _success(_late_and_noisy(actors, layouts, delay / 1000, SIGMA), layouts) for delay in DELAYS}
        scores["clean"] = _success(_late_and_noisy(actors, layouts, 0.0, 0.0), layouts)
        write_atomically(path, json.dumps(scores).encode())
    return json.loads(path.read_text())


def _train(out: Path, variant: Variant, seed: int) -> None:
    directory = out / f"{variant.name}-{seed}" / "train"
    if (directory / "result.json").exists():
        return
    if (directory / "config.yaml").exists():
        _fieldswarm("train", "--resume", directory)
        return
    start = []
    if variant.begins_from:
        older = next(each for each in VARIANTS if each.name == variant.begins_from)
        _train(out, older, seed)
        start = ["--start", out / f"{older.name}-{seed}" / "train"]
    _fieldswarm("train", STUDY / f"{variant.name}.yaml", "--seed", seed, "--out", directory, *start)


def _put_compensator_before(trained: Path, directory: Path) -> None:
    """A run directory with another's weights, and a configuration that exports them behind a latency compensator."""
    config = msgspec.structs.replace(read_train_config(trained / "config.yaml"), actor=ActorConfig(front_end="latency_compensation"))
    directory.mkdir(parents=True, exist_ok=True)
    shutil.copy(trained / "checkpoint.pt", directory / "checkpoint.pt")
    write_atomically(directory / "config.yaml", dump_yaml(config).encode())


def _seconds(folder: Path) -> float:
    """Time spent in a run's batches, without its evaluations; interruptions do not count."""
    config = read_train_config(folder / "train" / "config.yaml")
    with (folder / "train" / "metrics.csv").open(newline="") as file:
        return sum(config.batch_steps / float(row["steps_per_second"]) for row in csv.DictReader(file))


def _late_and_noisy(actors: Sequence[OnnxActor], layouts: Layouts, delay: float, sigma: float):
    """True positions [B, T + 1, N, 2]; actors that read their latency are told it."""
    sensing, actuation = Sensing(position_sigma=sigma, velocity_sigma=sigma), Actuation(delay=delay)
    profile = Profile(name=f"{1000 * delay:g} ms", sensing=sensing, actuation=actuation)
    return run_missions(SpreadWorld(ROBOTS), [load_spec("point")] * ROBOTS, actors, layouts, profile, HORIZON, known_latency=delay)


def _success(positions, layouts: Layouts) -> float:
    return float(all_covered(positions[:, 1:], layouts.landmarks[:, None], CAPTURE_RADIUS).any(axis=1).mean())


def _fieldswarm(*words: object) -> None:
    """Run one command, its output kept out of the table."""
    finished = subprocess.run([sys.executable, "-m", "runtime.cli", *map(str, words)], capture_output=True, text=True)
    if finished.returncode:
        raise RuntimeError(finished.stderr.strip().splitlines()[-1])


if __name__ == "__main__":
    main()
