"""One run of a study: trained as `fieldswarm train` does, resumed where it was interrupted, and measured on its final missions."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from robots.errors import InputError
from sim3d.spread import ROBOT_RADIUS
from sim3d.spread_task import separations
from training.config import TrainConfig
from training.learner import Learner
from training.studies.measures import Run
from training.studies.roles import roles_at_end


@dataclass(frozen=True)
class RunTask:
    """One variant with one training seed."""

    variant: str
    seed: int


@dataclass(frozen=True)
class RunSettings:
    """What all runs of a study have in common, as it travels to a worker on this machine or another.

    Attributes:
        configs: by variant.
        folder: of run directories; runs that were interrupted are continued where a worker finds them there.
        episodes: of the final missions.
    """

    configs: dict[str, TrainConfig]
    folder: Path
    episodes: int


@dataclass(frozen=True)
class RunFailed:
    """A run that cannot be trained to its end, such as one whose networks hold no finite numbers any more; one line says why."""

    why: str


def run_directory(folder: Path, task: RunTask) -> Path:
    """Where a run has its checkpoint, metrics.csv and resolved configuration; `fieldswarm export` takes it."""
    return folder / task.variant / str(task.seed)


def prepare_runs(settings: RunSettings) -> Callable[[RunTask], bytes | RunFailed]:
    """What an executor's worker does: the file of a finished run, an .npz (see `result_of`)."""

    def file_of(task: RunTask) -> bytes | RunFailed:
        directory = run_directory(settings.folder, task)
        config = msgspec.structs.replace(settings.configs[task.variant], seed=task.seed)
        try:
            learner = _trained(config, directory)
        except InputError as error:
            return RunFailed(str(error))
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **result_of(learner, directory, settings.episodes))
        return buffer.getvalue()

    return file_of


def _trained(config: TrainConfig, directory: Path) -> Learner:
    # Imported in the worker, which has been told by then how many threads it may have.
    from training.checkpoint import CONFIG
    from training.train import resume_run, start_run, train

    if (directory / CONFIG).exists():
        learner = resume_run(directory)
        if learner.config != config:
            raise InputError(f"{directory / CONFIG}: is not what the study asks for; remove the run, or choose another --out")
    else:
        learner = start_run(config, directory)
    # What it says of itself is kept in its directory, and would be lines among those of other runs.
    with contextlib.redirect_stderr(io.StringIO()):
        train(learner, directory)
    return learner


def result_of(learner: Learner, directory: Path, episodes: int) -> Run:
    """What is known of a finished run.

    Final missions are of the most likely actions, which are what is exported, on layouts that are the same for all runs and that training
    never draws, under the run's own disturbances.

    Args:
        learner: of the run.
        directory: of the run.
        episodes: E.

    Returns:
        `episodes.<metric>` [E] (`sim3d.metrics.EpisodeMetrics`); of learners with probabilities `sampled.<metric>` [E], the same of drawn
        actions; in world `spread` `roles.<name>` [E, N] (`training.studies.roles`) and `end.<name>` [E] (`distances_at_end`);
        `curve.steps`, `.success`, `.episode_return` and `.seconds` [K] at the evaluations in training, the last one the time that its
        batches have taken; `training.entropy` [1], of the last batch, NaN for learners without; `training.commit`, of the code;
        `training.signatures`, of failures that were seen.
    """
    from training.checkpoint import source_commit
    from training.signatures.findings import read_findings
    from training.studies.sampled import Sampled

    players = {"episodes": learner.policy} | ({"sampled": Sampled(learner.policy)} if learner.config.learner == "ppo" else {})
    result: Run = {}
    for name, policy in players.items():
        metrics = learner.ground.evaluate(policy, episodes, learner.profile)
        result |= {f"{name}.{field.name}": getattr(metrics, field.name) for field in dataclasses.fields(metrics)}
    if learner.config.world.name == "spread" and not learner.config.adversary.victims:
        position, landmarks = learner.ground.trajectories(learner.policy, episodes, learner.profile)
        roles = roles_at_end(position, landmarks, ROBOT_RADIUS)
        result |= {f"roles.{name}": each.astype(np.int8) for name, each in roles.items()}
        result |= {f"end.{name}": each for name, each in distances_at_end(position).items()}
    signatures = sorted({finding.signature for finding in read_findings(directory)})
    said = {"training.commit": np.array(source_commit()), "training.signatures": np.array(signatures, dtype=str)}
    return {**result, **_logged(directory), **said}


def distances_at_end(position: np.ndarray) -> dict[str, np.ndarray]:
    """Distances [E] between the robots when missions end, of [E, T + 1, N, 2]: the mean over all pairs, and that of the closest two."""
    first, second = np.triu_indices(position.shape[2], 1)
    pairs = separations(position[:, -1])[:, first, second]
    return {"mean_distance": pairs.mean(axis=-1), "least_distance": pairs.min(axis=-1)}


def _logged(directory: Path) -> Run:
    with (directory / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    steps = np.array([int(row["steps"]) for row in rows])
    seconds = np.cumsum(np.diff(steps, prepend=0) / np.array([float(row["steps_per_second"]) for row in rows]))
    evaluated = np.array([row["success"] != "" for row in rows])
    curve = {name: np.array([float(row[name]) for row in rows if row[name] != ""]) for name in ("success", "episode_return")}
    return {
        "curve.steps": steps[evaluated],
        "curve.seconds": seconds[evaluated],
        **{f"curve.{name}": values for name, values in curve.items()},
        "training.entropy": np.array([float(rows[-1].get("entropy") or "nan")]),
    }
