"""Trains the runs of a study that are still missing, over an executor; each is stored when it is done."""

from __future__ import annotations

from sim3d.executor.interface import Executor
from training.studies.definition import Plan
from training.studies.progress import Progress
from training.studies.run import RunSettings, prepare_runs
from training.studies.store import RUNS, StudyStore


def run_missing(store: StudyStore, plan: Plan, executor: Executor) -> None:
    """Train and measure the runs that the store does not have.

    Raises:
        InputError: a run cannot be trained, or its result not written; what is done is stored.
        WorkerLost: a worker ended in the middle of a run.
    """
    tasks = store.tasks
    missing = [task for task in tasks if not store.has(task)]
    if not missing:
        return
    folder = (store.folder / RUNS).absolute()
    progress = Progress(folder, missing, {name: config.batches * config.batch_steps for name, config in plan.configs.items()}, len(tasks))
    results = executor.run(prepare_runs, RunSettings(plan.configs, folder, plan.study.episodes), missing)
    try:
        for task, data in results:
            store.put(task, data)
            progress.finished(task)
    finally:
        results.close()
        progress.close()
