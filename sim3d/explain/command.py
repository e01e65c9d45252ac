"""Say why the teams of an evaluation fail: which robot failed first, and what each robot contributes.

Runs the evaluation's bundles again: with each coalition of robots at work, for exact Shapley values; and in the cells whose culprit is
known and those of the lowest score, for the robot whose actions first leave what its actor would do with the truth. Adds explanation.json
to OUT.
"""

from __future__ import annotations

import argparse

from tqdm import tqdm

from runtime.atomic import write_atomically
from sim3d.explain.explanation import explain
from sim3d.explain.results import EXPLANATION, encode
from sim3d.explain.table import lines_of
from sim3d.suite.store import CellStore


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("out", metavar="OUT", help="folder of `fieldswarm evaluate --suite`")


def run(arguments: argparse.Namespace) -> None:
    """Explain, write, print. Raises InputError."""
    store = CellStore.open(arguments.out)
    with tqdm(desc="explain", unit="cell", leave=False, disable=None) as bar:

        def progress(doing: str, done: int, of: int) -> None:
            bar.total, bar.n = of, done
            bar.set_postfix_str(doing)

        explanation = explain(store, progress)
    write_atomically(store.folder / EXPLANATION, encode(explanation))
    print("\n".join(lines_of(explanation)))
    print(f"\nwrote {store.folder / EXPLANATION}; fieldswarm report {store.folder} shows it")
