"""`fieldswarm train`: from a YAML file to a run directory with checkpoint, metrics and resolved configuration."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import msgspec

from robots.errors import InputError
from runtime.atomic import write_atomically
from training.config import TrainConfig
from training.config_checks import check_train_config, read_train_config

RESULT = "result.json"
"""In the run directory: the last evaluation, the failure signatures that were seen, and the configuration, once the budget is spent."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("config", nargs="?", metavar="CONFIG.yaml", help="what to train, for instance configs/train/spread.yaml")
    parser.add_argument("--out", metavar="DIR", help="run directory to make (default: runs/<name of CONFIG>-<seed>)")
    parser.add_argument("--seed", type=int, help="seed of everything, instead of the configuration's")
    parser.add_argument("--steps", type=int, help="budget in env steps, instead of the configuration's")
    parser.add_argument("--start", metavar="RUN", help="run whose actors and critics to begin with, instead of the configuration's")
    parser.add_argument("--resume", metavar="DIR", help="continue the interrupted run in DIR")


def run(arguments: argparse.Namespace) -> None:
    """Train, or continue."""
    directory, config = _checked(arguments)
    # Threads that wait by spinning bring a busy 2-core machine to a tenth of its speed; OpenMP reads this when torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # Imported here for that, and because torch takes seconds: a mistake on the command line should be told at once.
    from training.signatures.findings import read_findings, summary
    from training.train import resume_run, start_run, train

    learner = resume_run(directory) if config is None else start_run(config, directory)
    try:
        evaluation = train(learner, directory)
    except KeyboardInterrupt:
        raise InputError(f"interrupted; continue with: fieldswarm train --resume {directory}") from None
    findings = read_findings(directory)
    result = {**evaluation, "signatures": findings, "config": learner.config}
    write_atomically(directory / RESULT, msgspec.json.format(msgspec.json.encode(result), indent=2))
    figures = ", ".join(f"{name} {value:.3f}" for name, value in evaluation.items())
    print(f"trained {directory}: {figures}")
    print(summary(findings))
    open_robots = learner.config.world.dimensionless and not learner.config.adversary.victims
    robot = " --robot omni" if open_robots else ""
    print(f"next: fieldswarm export {directory}{robot} --out {directory}/bundle")


def _checked(arguments: argparse.Namespace) -> tuple[Path, TrainConfig | None]:
    """The run directory, and the configuration of a new run (None: continue the one that is there). Raises InputError."""
    if arguments.resume:
        others = [name for name in ("config", "out", "seed", "steps", "start") if getattr(arguments, name) is not None]
        if others:
            raise InputError(f"--resume takes everything from {arguments.resume}; leave out {', '.join(others)}")
        return Path(arguments.resume), None
    if arguments.config is None:
        raise InputError("train needs CONFIG.yaml, or --resume DIR")
    config = read_train_config(arguments.config)
    given = {name: getattr(arguments, name) for name in ("seed", "steps", "start") if getattr(arguments, name) is not None}
    config = msgspec.structs.replace(config, **given)
    check_train_config(config, "command line")
    return Path(arguments.out or f"runs/{Path(arguments.config).stem}-{config.seed}"), config
