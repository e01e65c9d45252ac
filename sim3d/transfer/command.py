"""Bundles through the worlds that their robots live in, under one profile after the other: what of a policy survives.

One row a bundle, world and profile: the share of missions that succeed, what that retains of the bundle's own clean cell in the first
world, the time to cover, and contacts; printed, and written as CSV, as JSON with everything that it was made of, and as a picture.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tqdm import tqdm

from robots.errors import InputError
from runtime.atomic import write_atomically
from sim3d.executor.choice import make_executor
from sim3d.suite.store import CellStore
from sim3d.transfer.figures import transfer_rows
from sim3d.transfer.picture import transfer_picture
from sim3d.transfer.plan import HOMES, plan_transfer
from sim3d.transfer.report import table_csv, table_json, table_text
from sim3d.transfer.run import run_transfer

PROFILES = "clean,lab,field,harsh"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    homes = "; ".join(", ".join(worlds) for worlds in HOMES.values())
    parser.add_argument("bundles", nargs="+", metavar="[NAME=]BUNDLE", help="directory or .zip of an exported team")
    parser.add_argument("--profiles", default=PROFILES, metavar="P[,P...]", help="shipped profiles or YAML files (default: %(default)s)")
    parser.add_argument("--worlds", metavar="W[,W...]", help=f"default: all in which a bundle's robots live ({homes})")
    parser.add_argument("--missions", type=int, default=100, metavar="E", help="of each cell (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the layouts and all chance (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="cells at once, one process each (default: %(default)s)")
    parser.add_argument("--deployed", action="store_true", help="each robot and the plant as processes of their own, in lockstep")
    parser.add_argument("--out", required=True, metavar="DIR", help="for the table, and the cells that it is made of")
    parser.add_argument("--resume", action="store_true", help="go on with what DIR has")


def run(arguments: argparse.Namespace) -> None:
    """Run what is missing, and print and write the table. Raises InputError."""
    for name in ("missions", "workers"):
        if getattr(arguments, name) < 1:
            raise InputError(f"--{name}: is {getattr(arguments, name)}, must be at least 1")
    if not 0 <= arguments.seed < 2**63:
        raise InputError(f"--seed: is {arguments.seed}, must be in 0 ... 2^63 - 1")
    transfer = plan_transfer(
        arguments.bundles,
        _words(arguments.profiles, "--profiles"),
        None if arguments.worlds is None else _words(arguments.worlds, "--worlds"),
        arguments.missions,
        arguments.seed,
        arguments.deployed,
        _command(arguments),
    )
    store = CellStore.begin(arguments.out, transfer.manifest, arguments.resume)
    with tqdm(desc="cells", unit="cell", leave=False, disable=None) as bar:

        def progress(done: int, of: int) -> None:
            bar.total, bar.n = of, done
            bar.refresh()

        run_transfer(store, transfer, make_executor("in-process" if arguments.workers == 1 else "processes", arguments.workers), progress)
    rows = transfer_rows(store, transfer.manifest)
    way = "each robot in a process of its own, in lockstep" if arguments.deployed else "in one process"
    title = f"{arguments.missions} missions a cell, {way}; 95 % intervals"
    folder = Path(arguments.out)
    write_atomically(folder / "transfer.csv", table_csv(rows))
    write_atomically(folder / "transfer.json", table_json(transfer.manifest, rows))
    write_atomically(folder / "transfer.png", transfer_picture(transfer.manifest, rows, title))
    print(title)
    print(table_text(rows))
    print("retention: of success_body in the bundle's own clean cell in the first of its worlds")
    print(f"wrote {folder}: transfer.csv, transfer.json, transfer.png, and the cells")


def _words(text: str, place: str) -> list[str]:
    words = [word.strip() for word in text.split(",")]
    if not all(words):
        raise InputError(f"{place}: is '{text}'; has an empty part, one comma stands between two")
    return words


def _command(arguments: argparse.Namespace) -> tuple[str, ...]:
    worlds = () if arguments.worlds is None else ("--worlds", arguments.worlds)
    deployed = ("--deployed",) if arguments.deployed else ()
    numbers = ("--missions", str(arguments.missions), "--seed", str(arguments.seed))
    return ("fieldswarm", "transfer", *arguments.bundles, "--profiles", arguments.profiles, *worlds, *numbers, *deployed)
