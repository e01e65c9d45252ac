"""Make the report of an evaluation again, from the folder that `fieldswarm evaluate --suite` left."""

from __future__ import annotations

import argparse
from pathlib import Path

from tqdm import tqdm

from sim3d.report.write import FILE, write_report
from sim3d.suite.store import CellStore


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("results", metavar="DIR", help="that `fieldswarm evaluate --suite ... --out DIR` made")
    parser.add_argument("--out", metavar="FILE", help=f"default: DIR/{FILE}")


def run(arguments: argparse.Namespace) -> None:
    """Write it. Raises InputError."""
    store = CellStore.open(arguments.results)
    path = Path(arguments.out) if arguments.out else store.folder / FILE
    with tqdm(desc="replays", unit="run", leave=False, disable=None) as bar:

        def progress(done: int, of: int) -> None:
            bar.total = of
            bar.update(done - bar.n)

        size = write_report(store, path, None, progress)
    print(f"wrote {path}, {size / 1e3:.0f} kB")
