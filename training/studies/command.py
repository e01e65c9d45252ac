"""Run a study: several training configurations over several seeds, from one YAML file to a table and a picture with intervals.

What is done is stored, so a study that was interrupted, even by kill -9, is continued with --resume, and ends with the same table.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

from robots.errors import InputError
from runtime.cli import EXIT_BAD_INPUT
from runtime.version import onboard_versions
from sim3d.executor.choice import EXECUTORS, make_executor
from sim3d.executor.interface import WorkerLost


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("study", metavar="STUDY.yaml", help="what to study, for instance configs/studies/entropy.yaml")
    parser.add_argument("--out", metavar="DIR", help="for runs and results (default: runs/studies/<name of STUDY>)")
    parser.add_argument("--seeds", type=int, metavar="K", help="training seeds of each variant, instead of the study's")
    parser.add_argument("--steps", type=int, help="budget of each run in env steps, instead of the study's")
    parser.add_argument("--episodes", type=int, help="final missions of each run, instead of the study's")
    parser.add_argument("--executor", choices=EXECUTORS, default="processes", help="where the runs are trained (default: %(default)s)")
    parser.add_argument("--workers", type=int, metavar="W", help="runs at once (default: one a core; of Ray one on each of its CPUs)")
    parser.add_argument("--resume", action="store_true", help="go on with what DIR has; more --seeds than before may be asked for")


def run(arguments: argparse.Namespace) -> int:
    """Run what is missing, then write table and picture; 1 when a run failed, else 0. Raises InputError."""
    # Both are read when torch and tqdm are imported, which is below: threads that wait by spinning bring a busy machine to a tenth of its
    # speed, and the bars of single runs would write over that of the study.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("TQDM_DISABLE", "1")
    from training.studies.definition import read_study

    if arguments.workers is not None and arguments.workers < 0:
        raise InputError(f"--workers: is {arguments.workers}, must be at least 0")
    plan = read_study(arguments.study, arguments.seeds, arguments.steps, arguments.episodes)
    workers = arguments.workers
    if workers is None:
        workers = 0 if arguments.executor == "ray" else len(os.sched_getaffinity(0))
    executor = make_executor(arguments.executor, workers)
    from training.studies.results import write_results
    from training.studies.store import RUNS, StudyStore, manifest_of
    from training.studies.sweep import run_missing

    store = StudyStore.begin(
        arguments.out or Path("runs/studies") / Path(arguments.study).stem,
        manifest_of(plan, _command(arguments), _versions()),
        arguments.resume,
    )
    again = f"continue with: {shlex.join([*_command(arguments), '--out', str(store.folder), '--resume'])}"
    try:
        with _ended_at_once_by_ctrl_c(f"fieldswarm: interrupted; {again}"):
            failed = run_missing(store, plan, executor)
    except WorkerLost as error:
        raise InputError(f"{store.folder}: {error}; {again}") from None
    for text in write_results(store, failed):
        print(text)
    print(
        f"wrote {store.folder}: table.md, figures.csv, runs.csv, results.json, study.png, times.md; the runs are in {store.folder / RUNS}"
    )
    for why in failed.values():
        print(f"fieldswarm: {why}", file=sys.stderr)
    return 1 if failed else 0


@contextlib.contextmanager
def _ended_at_once_by_ctrl_c(line: str) -> Iterator[None]:
    """A pool that is closed waits for the runs that are under way, which takes minutes. They lose nothing by ending like this process."""

    def end(number: int, frame: object) -> None:
        print(f"\n{line}", file=sys.stderr, flush=True)
        os._exit(EXIT_BAD_INPUT)

    before = signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _command(arguments: argparse.Namespace) -> tuple[str, ...]:
    """What makes the same results again; where they go and how the work is shared out is left aside."""
    words = ["fieldswarm", "study", arguments.study]
    for option in ("seeds", "steps", "episodes"):
        if getattr(arguments, option) is not None:
            words += [f"--{option}", str(getattr(arguments, option))]
    return tuple(words)


def _versions() -> dict[str, str]:
    import torch

    return {
        **{name: each for name, each in onboard_versions().items() if name in ("python", "fieldswarm", "numpy")},
        "torch": str(torch.__version__),
    }
