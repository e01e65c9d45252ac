"""Trains the runs of a study that are still missing, over an executor; each is stored when it is done."""

from __future__ import annotations

from sim3d.executor.interface import Executor
from training.studies.definition import Plan
from training.studies.progress import Progress
from training.studies.run import RunFailed, RunSettings, RunTask, prepare_runs
from training.studies.store import RUNS, StudyStore


def run_missing(store: StudyStore, plan: Plan, executor: Executor) -> dict[RunTask, str]:
    """Train and measure the runs that the store does not have; returns those that failed, and why.

    A run that failed is tried again when the study is resumed.

    Raises:
        InputError: a result cannot be written; what is done is stored.
        WorkerLost: a worker ended in the middle of a run.
    """
    tasks = store.tasks
    missing = [task for task in tasks if not store.has(task)]
    if not missing:
        return {}
    failed: dict[RunTask, str] = {}
    folder = (store.folder / RUNS).absolute()
    progress = Progress(folder, missing, {name: config.batches * config.batch_steps for name, config in plan.configs.items()}, len(tasks))
    results = executor.run(prepare_runs, RunSettings(plan.configs, folder, plan.study.episodes), missing)
    try:
        for task, result in results:
            if isinstance(result, RunFailed):
                failed[task] = result.why
            else:
                store.put(task, result)
            progress.finished(task)
    finally:
        results.close()
        progress.close()
    return failed
