"""Cells once more as they will be deployed: one process a robot and one for the plant, over ZeroMQ, in lockstep, beside one process.

Both run the same layouts with the same chance, so each mission has a twin: what differs is the code between the robots, not luck.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np

from robots.errors import InputError
from robots.yaml_input import dump_yaml
from runtime.atomic import write_atomically
from sim3d.simulate import simulate
from sim3d.statistics.interval import Estimate, Resampled, difference, interval, layout_weights, shares
from sim3d.suite.cells import Cell, differences
from sim3d.suite.entrants import Entrants
from sim3d.suite.runner import CellRunner, CellTask, Missions
from sim3d.suite.scores import wilson
from sim3d.suite.store import BundleEntry, CellStore
from sim3d.world import random_layouts


class DeployedResult(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One bundle in one cell, both ways; all of `deployed/BUNDLE/CELL.json`.

    Attributes:
        missions: of both.
        in_process: score over all episodes of the cell.
        deployed: score of the missions as processes.
        difference: deployed minus one process, on the missions that both ran.
        others: missions whose score is not the same.
        largest_distance: between a robot of one and of the other, at any tick of any mission [m].
    """

    missions: int
    in_process: Estimate
    deployed: Estimate
    difference: Estimate
    others: int
    largest_distance: float


def run_deployed(store: CellStore, entrants: Entrants, cells: tuple[Cell, ...], progress: Callable[[str, int, int], None]) -> None:
    """Run the suite's `deployed` cells that the store does not have yet, one after the other.

    Args:
        store: with the cells of one process.
        entrants: its bundles.
        cells: its cells.
        progress: told which cell comes next, how many are done and how many there are.

    Raises:
        InputError: a process failed; the text is its own line. What is done is stored.
    """
    chosen = [cell for cell in cells if cell.id in store.manifest.suite.deployed.cells]
    tasks = [(bundle, cell) for bundle in entrants.entries for cell in chosen]
    for done, (bundle, cell) in enumerate(tasks):
        path = _path(store, bundle.name, cell.id)
        progress(f"{bundle.name} {cell.id}", done, len(tasks))
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            result = _both_ways(store, entrants, bundle, cell)
            write_atomically(path, msgspec.json.format(msgspec.json.encode(result), indent=2) + b"\n")
    progress("", len(tasks), len(tasks))


def deployed_results(store: CellStore) -> dict[str, dict[str, DeployedResult]]:
    """Bundle -> cell -> result, of what is there. Raises InputError."""
    found: dict[str, dict[str, DeployedResult]] = {}
    for bundle in store.manifest.bundles:
        for cell in store.manifest.suite.deployed.cells:
            path = _path(store, bundle.name, cell)
            if path.exists():
                try:
                    found.setdefault(bundle.name, {})[cell] = msgspec.json.decode(path.read_bytes(), type=DeployedResult)
                except (OSError, msgspec.DecodeError) as error:
                    raise InputError(f"{path}: cannot be read: {error}") from None
    return found


def _path(store: CellStore, bundle: str, cell: str) -> Path:
    return store.folder / "deployed" / bundle / f"{cell}.json"


def _both_ways(store: CellStore, entrants: Entrants, bundle: BundleEntry, cell: Cell) -> DeployedResult:
    manifest, contract = store.manifest, entrants.contract
    count = min(manifest.suite.deployed.missions, manifest.episodes)
    layouts = random_layouts(count, contract.team_size, contract.landmarks, contract.arena_half_size, manifest.seed)
    folder = _path(store, bundle.name, f"{cell.id}.processes").with_suffix("")
    profile = folder / "profile.yaml"
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(profile, dump_yaml(differences(cell.profile)).encode())
    result = simulate(bundle.path, layouts, folder, entrants.world, str(profile), known_latency=manifest.settings.known_latency)
    runner = CellRunner(
        Missions(entrants.world, count, manifest.seed, aftermath=0.0, settings=manifest.settings),
        {bundle.name: entrants.files[bundle.name]},
    )
    try:
        figures, position = runner.episodes(CellTask(bundle.name, cell), 0, count)
    finally:
        runner.close()
    score = manifest.suite.score
    ours, theirs = figures[f"during.{score}"], getattr(result.metrics, score)
    distance = np.linalg.norm(result.record.position - position, axis=-1)
    # Logs and records hold times; they stay where something went wrong, and only there.
    shutil.rmtree(folder)
    return DeployedResult(
        missions=count,
        in_process=_share(store.load(bundle.name, cell.id)[f"during.{score}"]),
        deployed=_share(theirs),
        difference=_difference(ours, theirs),
        others=int((ours != theirs).sum()),
        largest_distance=float(distance.max()),
    )


def _share(values: np.ndarray) -> Estimate:
    return wilson(values) if values.dtype == bool else interval(_resampled(values), (0.0, 1.0))


def _difference(ours: np.ndarray, theirs: np.ndarray) -> Estimate:
    """Of twins. Missions that only one of both does well bound it from either side, so that none of a few does not mean none at all."""
    found = difference(_resampled(ours), _resampled(theirs), (-1.0, 1.0))
    if ours.dtype != bool:
        return found
    return Estimate(value=found.value, low=-wilson(ours & ~theirs).high, high=wilson(theirs & ~ours).high)


def _resampled(values: np.ndarray) -> Resampled:
    return shares(values[None, :, None], layout_weights(len(values))).map(lambda each: each[..., 0])
