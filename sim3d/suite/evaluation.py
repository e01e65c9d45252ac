"""`fieldswarm evaluate --suite`: from bundles to a folder of results, a table, a report, and a verdict."""

from __future__ import annotations

import argparse
import os

from tqdm import tqdm

from robots.errors import InputError
from runtime.atomic import write_atomically
from sim3d.executor.choice import make_executor
from sim3d.report.write import FILE as REPORT
from sim3d.report.write import write_report
from sim3d.suite.cells import cells_of
from sim3d.suite.definition import load_suite
from sim3d.suite.deployed import deployed_results, run_deployed
from sim3d.suite.entrants import read_entrants
from sim3d.suite.results import encode, encode_rows, figure_names, named_figures
from sim3d.suite.rules import broken, read_rules
from sim3d.suite.run import manifest_of, run_missing
from sim3d.suite.runner import Settings
from sim3d.suite.store import CellStore
from sim3d.suite.summary import results_of
from sim3d.suite.table import deployed_lines, lines_of


def evaluate_suite(arguments: argparse.Namespace) -> list[str]:
    """Evaluate, write, print.

    Args:
        arguments: of the command line.

    Returns:
        One line for each rule that is broken.

    Raises:
        InputError: something that was given cannot be used, or a worker or a robot's process was lost.
    """
    settings = Settings(
        separation=arguments.separation == "on", localisation=arguments.localisation == "on", known_latency=arguments.known_latency
    )
    if arguments.deployed and not (settings.separation and settings.localisation):
        raise InputError("--deployed: runs teams as they are deployed, with --separation on and --localisation on")
    suite = load_suite(arguments.suite)
    entrants = read_entrants(arguments.bundle, arguments.world)
    cells = cells_of(suite, entrants.world, arguments.suite)
    manifest = manifest_of(entrants, suite, cells, arguments.episodes, arguments.seed, settings, _command(arguments))
    rules = None if arguments.require is None else read_rules(arguments.require, figure_names(manifest))
    workers = len(os.sched_getaffinity(0)) if arguments.workers is None and arguments.executor != "ray" else arguments.workers or 0
    executor = make_executor(arguments.executor, workers)
    store = CellStore.begin(arguments.out, manifest, arguments.resume)
    with _Bar("cell", suite.name) as bar:
        run_missing(store, entrants, cells, executor, bar.at)
    results = results_of(store)
    write_atomically(store.folder / "figures.csv", encode_rows(results))
    write_atomically(store.folder / "results.json", encode(results))
    print("\n".join(lines_of(manifest, results)))
    if arguments.deployed:
        with _Bar("cell", "deployed") as bar:
            run_deployed(store, entrants, cells, lambda doing, done, of: bar.at(done, of, doing))
        print("\n".join(["", *deployed_lines(deployed_results(store))]))
    with _Bar("run", "replays") as bar:
        size = write_report(store, store.folder / REPORT, entrants.files, bar.at)
    beside = "manifest.json, figures.csv, results.json, and each cell's episodes"
    print(f"\nwrote {store.folder / REPORT}, {size / 1e3:.0f} kB; beside it {beside}")
    if rules is None:
        return []
    return [f"{name}: {line}" for name, policy in results.policies.items() for line in broken(rules, named_figures(policy))]


def _command(arguments: argparse.Namespace) -> tuple[str, ...]:
    """What makes the same results again; where they go and how the work is shared out is left aside."""
    words = ["fieldswarm", "evaluate", *arguments.bundle, "--suite", arguments.suite, "--seed", str(arguments.seed)]
    for option in ("world", "episodes", "known_latency"):
        if getattr(arguments, option) is not None:
            words += [f"--{option.replace('_', '-')}", str(getattr(arguments, option))]
    for option in ("separation", "localisation"):
        if getattr(arguments, option) != "on":
            words += [f"--{option}", getattr(arguments, option)]
    return tuple(words)


class _Bar:
    """Progress with the time that is left, where somebody looks at it."""

    def __init__(self, unit: str, title: str) -> None:
        self._bar = tqdm(desc=title, unit=unit, leave=False, disable=None, smoothing=0.1)

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def at(self, done: int, of: int, doing: str = "") -> None:
        """So many are done; what was done before the first call does not count as work of now."""
        if self._bar.total is None:
            self._bar.total, self._bar.initial, self._bar.n = of, done, done
        self._bar.set_postfix_str(doing, refresh=False)
        self._bar.update(done - self._bar.n)
        self._bar.refresh()
