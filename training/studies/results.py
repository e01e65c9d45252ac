"""Writes what a study found."""

from __future__ import annotations

from robots.errors import InputError
from runtime.atomic import write_atomically
from training.studies.picture import study_picture
from training.studies.run import RunTask
from training.studies.store import StudyStore
from training.studies.summary import summarise_study
from training.studies.table import figures_csv, markdown, results_json, runs_csv, times_markdown


def write_results(store: StudyStore, failed: dict[RunTask, str]) -> tuple[str, str]:
    """Table, picture and figures of a study whose runs are all there but for those that failed; returns table.md and times.md.

    Raises:
        InputError: a result is missing or cannot be written, or no run has one.
    """
    if len(failed) == len(store.tasks):
        raise InputError(f"{store.folder}: no run came to its end; the first: {next(iter(failed.values()))}")
    summary, times, runs = summarise_study(store, failed)
    table, took = markdown(store.manifest, summary), times_markdown(store.manifest, times)
    files = {
        "table.md": table.encode(),
        "times.md": took.encode(),
        "figures.csv": figures_csv(summary),
        "runs.csv": runs_csv(summary),
        "results.json": results_json(store.manifest, summary),
        "study.png": study_picture(store.manifest, summary, runs),
    }
    for name, data in files.items():
        write_atomically(store.folder / name, data)
    return table, took
