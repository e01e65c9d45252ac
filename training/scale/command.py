"""Fly the exported actors of a run in teams of more and more robots: what they are worth, what they cost, as a table and a picture.

Several runs are training seeds of one configuration. What is done is stored; a study that was interrupted goes on with --resume.
"""

from __future__ import annotations

import argparse
import os
import shlex
from pathlib import Path

import numpy as np
from tqdm import tqdm

from robots.errors import InputError
from robots.spec import load_spec
from runtime.atomic import write_atomically


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("run", nargs="+", type=Path, metavar="RUN", help="run directory of entity actors; several are training seeds")
    parser.add_argument("--out", type=Path, default=Path("runs/scale"), metavar="DIR", help="for the results (default: %(default)s)")
    parser.add_argument("--robots", type=int, nargs="+", default=[3, 5, 8, 10, 20, 30], metavar="N", help="(default: 3 5 8 10 20 30)")
    parser.add_argument("--episodes", type=int, default=500, help="missions of each run in each size (default: %(default)s)")
    parser.add_argument(
        "--seconds", type=float, default=20.0, help="that each size flies as processes, in real time (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the layouts (default: %(default)s)")
    parser.add_argument("--resume", action="store_true", help="go on with what DIR has; other sizes may be asked for")


def run(arguments: argparse.Namespace) -> None:
    """Do what is missing, then write table and picture. Raises InputError."""
    sizes = sorted(set(arguments.robots))
    for name, value in (("robots", sizes[0]), ("episodes", arguments.episodes), ("seconds", arguments.seconds)):
        if not value >= 1:
            raise InputError(f"--{name}: is {value}, must be at least 1")
    if arguments.seed < 0:
        raise InputError(f"--seed: is {arguments.seed}, must be at least 0")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # Imported here for that, and because torch takes seconds: a mistake on the command line should be told at once.
    from runtime.bundle import read_bundle
    from training.checkpoint import load_run
    from training.export import export_team, write_bundle
    from training.scale.costs import cost_of
    from training.scale.picture import scale_picture
    from training.scale.store import ScaleStore, manifest_of
    from training.scale.table import figures_csv, markdown, row_of
    from training.scale.teams import fly
    from training.similarity import similarity_for

    command = _command(arguments, sizes)
    manifest = manifest_of(command, arguments.run, sizes, arguments.episodes, arguments.seconds, arguments.seed)
    learners = [load_run(directory) for directory in arguments.run]
    for directory, learner in zip(arguments.run, learners, strict=True):
        if learner.config.network.kind != "entities":
            raise InputError(f"{directory}: network.kind: is {learner.config.network.kind}; only actors with 'entities' are for any number")
        if sizes[-1] > learner.config.entities.most:
            raise InputError(f"--robots: is {sizes[-1]}, the actors of {directory} are for at most {learner.config.entities.most}")
    store = ScaleStore.begin(arguments.out, manifest, arguments.resume)
    point = load_spec("point")
    try:
        with tqdm(total=len(learners) + 2 * len(sizes), unit="step", disable=None) as bar:
            for number, learner in enumerate(learners):
                bar.set_description(f"exporting {arguments.run[number]}")
                if not store.bundle(number).exists():
                    team = export_team(learner, [point] * learner.config.team_size, similarity_for(point), lambda text: None)
                    write_bundle(team, store.bundle(number))
                bar.update()
            bundles = [read_bundle(store.bundle(number)) for number in range(len(learners))]
            for robots in sizes:
                bar.set_description(f"flying {robots} robots")
                if store.teams(robots) is None:
                    flown = [fly(bundle.actors_for(robots, robots), arguments.episodes, arguments.seed) for bundle in bundles]
                    store.put_teams(robots, {name: np.stack([each[name] for each in flown]) for name in flown[0]})
                bar.update()
                bar.set_description(f"{robots} robots as processes")
                if store.cost(robots) is None:
                    folder = arguments.out / f"processes-{robots}"
                    store.put_cost(robots, cost_of(learners[0].config, bundles[0], robots, arguments.seconds, folder))
                bar.update()
    except KeyboardInterrupt:
        again = shlex.join([*command, "--out", str(arguments.out), "--resume"])
        raise InputError(f"interrupted; continue with: {again}") from None
    rows = [row_of(robots, store.teams(robots), store.cost(robots)) for robots in sizes]
    text = markdown(manifest, rows)
    write_atomically(arguments.out / "table.md", text.encode())
    write_atomically(arguments.out / "figures.csv", figures_csv(rows))
    write_atomically(arguments.out / "scale.png", scale_picture(rows))
    print(text)
    print(f"wrote {arguments.out}: table.md, figures.csv, scale.png; the exported actors are in {arguments.out / 'bundles'}")


def _command(arguments: argparse.Namespace, sizes: list[int]) -> list[str]:
    """What makes the same results again."""
    words = ["fieldswarm", "scale", *map(str, arguments.run), "--robots", *map(str, sizes), "--episodes", str(arguments.episodes)]
    return [*words, "--seconds", f"{arguments.seconds:g}", "--seed", str(arguments.seed)]
