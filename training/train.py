"""A training run from a configuration to a checkpoint, interruptible at any moment."""

from __future__ import annotations

import math
import time
from pathlib import Path

import torch

from robots.errors import InputError
from runtime.atomic import write_atomically
from sim3d.profile import Profile
from training.checkpoint import CHECKPOINT, CONFIG, load_run, save_checkpoint
from training.config import TrainConfig, resolved_yaml
from training.config_checks import read_train_config
from training.learner import Learner
from training.learners import make_learner
from training.run_log import RunLog
from training.signatures.findings import summary, write_findings
from training.signatures.watch import Watch
from training.warm_start import begin_from


def start_run(config: TrainConfig, directory: Path) -> Learner:
    """Make the run directory of a new run. Raises InputError when it already holds one, or cannot begin as its configuration says."""
    if (directory / CONFIG).exists():
        raise InputError(f"{directory}: holds a run already; continue it with --resume {directory}, or choose another --out")
    learner = _new_learner(config)
    directory.mkdir(parents=True, exist_ok=True)
    write_atomically(directory / CONFIG, resolved_yaml(config).encode())
    return learner


def resume_run(directory: Path) -> Learner:
    """The learner of an interrupted run; from the start when it was interrupted before its first checkpoint. Raises InputError."""
    if (directory / CONFIG).exists() and not (directory / CHECKPOINT).exists():
        return _new_learner(read_train_config(directory / CONFIG))
    return load_run(directory)


def _new_learner(config: TrainConfig) -> Learner:
    learner = make_learner(config)
    if config.start:
        begin_from(learner, load_run(config.start), config.start)
    return learner


def train(learner: Learner, directory: Path) -> dict[str, float]:
    """Train until the budget is spent; returns the last evaluation.

    The result depends on the configuration alone: a run that was interrupted and resumed ends with the same numbers, bit for bit. Failure
    signatures are said when they begin and when they pass, and kept in the run directory.

    Raises:
        InputError: the networks hold numbers that are not finite.
    """
    config = learner.config
    torch.set_num_threads(1)  # arrays this small gain nothing from a second one; what learns side by side does
    log = RunLog(directory, learner.batches_done, config.batches, config.batch_steps)
    watch = Watch(config)
    for row in log.rows():
        watch.look(row)
    write_findings(directory, watch.findings)
    evaluation: dict[str, float] = {}
    try:
        while learner.batches_done < config.batches:
            began = time.perf_counter()
            figures = learner.train_batch()
            batch = learner.batches_done
            figures["steps_per_second"] = config.batch_steps / (time.perf_counter() - began)
            figures["largest_weight"] = _largest_weight(learner)
            broken = [name for name, value in figures.items() if not math.isfinite(value)]
            last = batch == config.batches
            due = not broken and (batch == 1 or batch % config.evaluate_every == 0 or last)
            if due:
                evaluation = evaluate_learner(learner, config.evaluation_episodes, learner.profile)
            lines = watch.look(log.write(batch, figures, evaluation if due else {}))
            if lines:
                write_findings(directory, watch.findings)
                log.say(batch, lines)
            if broken:
                what = f"{broken[0]} is {figures[broken[0]]}, and no training comes back from that"
                raise InputError(f"{directory}: batch {batch}: {what}; {summary(watch.findings)}")
            if batch % config.checkpoint_every == 0 or last:
                save_checkpoint(directory, learner)
    finally:
        log.close()
    return evaluation or evaluate_learner(learner, config.evaluation_episodes, learner.profile)


def evaluate_learner(learner: Learner, episodes: int, profile: Profile) -> dict[str, float]:
    """Means over episodes of the metrics of the most likely actions where the team learns, disturbed by `profile`."""
    metrics = learner.ground.evaluate(learner.policy, episodes, profile)
    names = ("success", "success_end", "success_body", "coverage", "episode_return", "contacts_per_100m", "overlap", "oscillation")
    return {name: float(getattr(metrics, name).mean()) for name in names}


def _largest_weight(learner: Learner) -> float:
    """The largest weight of the policy; not finite where one is not."""
    return max(float(parameter.detach().abs().max()) for parameter in learner.policy.parameters())
