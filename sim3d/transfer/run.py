"""Runs the cells of a transfer table that are still missing, over an executor; each is stored when it is done."""

from __future__ import annotations

import dataclasses
import io
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from robots.errors import InputError
from runtime.actor import OnnxActor
from sim3d.executor.interface import Executor, WorkerLost
from sim3d.metrics import EpisodeMetrics, episode_metrics
from sim3d.simulate import simulate
from sim3d.spread import SpreadWorld
from sim3d.suite.cells import Cell
from sim3d.suite.runner import CellRunner, CellTask, Missions, Settings
from sim3d.suite.store import CellStore
from sim3d.transfer.mpe2 import mpe2_positions
from sim3d.transfer.plan import MPE2, Transfer, TransferBundle, TransferCell
from sim3d.world import Layouts, random_layouts

PROCESSES = "processes"
"""Folder, within that of the table, of what deployed robots write; a cell that is done leaves nothing there."""


@dataclass(frozen=True)
class _Shared:
    """What a worker needs for all its cells: what is to be made, and the folder for what deployed robots write."""

    transfer: Transfer
    folder: Path


def run_transfer(store: CellStore, transfer: Transfer, executor: Executor, progress: Callable[[int, int], None]) -> None:
    """Run the cells that the store does not have.

    Args:
        store: begun with the transfer's manifest.
        transfer: to be made.
        executor: runs its cells.
        progress: told how many are done and how many there are, at first and after each.

    Raises:
        InputError: a worker was lost, a deployed process failed, or a cell cannot be written; what is done is stored.
    """
    cells = transfer.manifest.cells
    missing = [cell for cell in cells if not store.has(cell.bundle, cell.id)]
    done = len(cells) - len(missing)
    progress(done, len(cells))
    results = executor.run(prepare_cells, _Shared(transfer, store.folder / PROCESSES), missing)
    try:
        for cell, data in results:
            store.put(cell.bundle, cell.id, data)
            done += 1
            progress(done, len(cells))
    except WorkerLost as error:
        raise InputError(f"{store.folder}: {error}; {done} of {len(cells)} cells are stored, --resume goes on with them") from None
    finally:
        results.close()
    shutil.rmtree(store.folder / PROCESSES, ignore_errors=True)


def prepare_cells(shared: _Shared) -> Callable[[TransferCell], bytes]:
    """What an executor's worker does: the file of a cell, an .npz of arrays [E], one value a mission (`sim3d.metrics.EpisodeMetrics`)."""
    work = _Deployed(shared) if shared.transfer.manifest.deployed else _InOneProcess(shared.transfer)

    def file_of(cell: TransferCell) -> bytes:
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **work(cell))
        return buffer.getvalue()

    return file_of


class _InOneProcess:
    """Cells in this process; the world of one cell serves the next, if that has the same."""

    def __init__(self, transfer: Transfer) -> None:
        self._transfer = transfer
        self._world = ""
        self._runner: CellRunner | None = None

    def __call__(self, cell: TransferCell) -> dict[str, np.ndarray]:
        if cell.world == MPE2:
            return self._in_mpe2(cell)
        if cell.world != self._world:
            if self._runner is not None:
                self._runner.close()
            manifest = self._transfer.manifest
            missions = Missions(cell.world, manifest.missions, manifest.seed, aftermath=0.0, settings=Settings())
            self._world, self._runner = cell.world, CellRunner(missions, self._transfer.actors)
        profile = self._transfer.profiles[cell.profile]
        figures = self._runner.figures(
            CellTask(cell.bundle, Cell(id=cell.id, group=cell.world, severities={}, axis=None, profile=profile, ends=False))
        )
        return {name.removeprefix("during."): values for name, values in figures.items()}

    def _in_mpe2(self, cell: TransferCell) -> dict[str, np.ndarray]:
        manifest = self._transfer.manifest
        bundle = _entry(self._transfer, cell)
        layouts = _layouts(bundle, manifest.missions, manifest.seed)
        actors = [OnnxActor(model, place) for model, place in self._transfer.actors[cell.bundle].actors]
        metrics = episode_metrics(
            mpe2_positions(actors, layouts, bundle.periods),
            layouts.landmarks,
            ticks_per_step=1,
            tick_period=SpreadWorld.tick_period,
            capture_radius=bundle.capture_radius,
            robot_radius=SpreadWorld.robot_radius,
            arena_half_size=bundle.arena_half_size,
        )
        return _arrays(metrics)


class _Deployed:
    """Cells as robots are deployed: one process each, and one for the plant, over ZeroMQ, in lockstep."""

    def __init__(self, shared: _Shared) -> None:
        self._transfer, self._folder = shared.transfer, shared.folder

    def __call__(self, cell: TransferCell) -> dict[str, np.ndarray]:
        manifest = self._transfer.manifest
        bundle = _entry(self._transfer, cell)
        folder = self._folder / cell.bundle / cell.id
        layouts = _layouts(bundle, manifest.missions, manifest.seed)
        result = simulate(bundle.path, layouts, folder, cell.world, self._transfer.profile_words[cell.profile])
        # Where a process failed its log stays, and only there.
        shutil.rmtree(folder)
        return _arrays(result.metrics)


def _entry(transfer: Transfer, cell: TransferCell) -> TransferBundle:
    return next(bundle for bundle in transfer.manifest.bundles if bundle.name == cell.bundle)


def _layouts(bundle: TransferBundle, missions: int, seed: int) -> Layouts:
    return random_layouts(missions, len(bundle.kinds), bundle.landmarks, bundle.arena_half_size, seed)


def _arrays(metrics: EpisodeMetrics) -> dict[str, np.ndarray]:
    return {field.name: getattr(metrics, field.name) for field in dataclasses.fields(metrics)}
