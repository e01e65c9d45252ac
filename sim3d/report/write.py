"""From the folder of an evaluation to its report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from robots.errors import InputError
from runtime.atomic import write_atomically
from sim3d.explain.results import read_explanation
from sim3d.report.page import Contents, page
from sim3d.report.replays import Replay, entrants_of, run_replays, stored_replays
from sim3d.report.selection import choose
from sim3d.suite.deployed import deployed_results
from sim3d.suite.results import Results
from sim3d.suite.runner import Entrant
from sim3d.suite.store import CellStore

FILE = "report.html"


def write_report(store: CellStore, path: Path, files: Mapping[str, Entrant] | None, progress: Callable[[int, int], None]) -> int:
    """Write the report of an evaluation whose results are there.

    Args:
        store: its folder.
        path: of the HTML file.
        files: bundle -> its actors, to run missions once more; None to read them from where they were evaluated.
        progress: told how many runs are done and how many there are.

    Returns:
        Its length in bytes.

    Raises:
        InputError: results are missing or cannot be read, or the report cannot be written.
    """
    results = _results(store)
    contents = Contents(
        manifest=store.manifest,
        results=results,
        deployed=deployed_results(store),
        explanation=read_explanation(store.folder),
        replays=_replays(store, results, files, progress),
    )
    document = page(contents)
    write_atomically(path, document)
    return len(document)


def _results(store: CellStore) -> Results:
    path = store.folder / "results.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=Results)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}; `fieldswarm evaluate --resume` makes it") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: is no document of results: {error}") from None


def _replays(
    store: CellStore, results: Results, files: Mapping[str, Entrant] | None, progress: Callable[[int, int], None]
) -> list[Replay] | str:
    """Missions to show; or why there are none: a report is worth having when a bundle is gone."""
    choices = choose(store, results)
    stored = stored_replays(store, choices)
    if stored is not None:
        return stored
    if files is None:
        try:
            files = entrants_of(store.manifest)
        except InputError as error:
            return f"{error}; a bundle that is gone runs no missions."
    return run_replays(store, choices, files, progress)
