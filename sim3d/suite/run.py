"""Runs what is still missing of an evaluation: every bundle in every cell, over an executor, each cell stored when it is done."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version as version_of

from robots.errors import InputError
from runtime.link import check_link
from runtime.version import onboard_versions
from sim3d.executor.interface import Executor, WorkerLost
from sim3d.mission_length import mission_periods
from sim3d.suite.cells import Cell, differences
from sim3d.suite.definition import Suite
from sim3d.suite.entrants import Entrants
from sim3d.suite.runner import CellRunner, CellTask, Entrant, Missions, Settings, aftermath_periods
from sim3d.suite.store import CellEntry, CellStore, Manifest

_SIMULATORS = {"spread": (), "planar": (), "bullet": ("pybullet",)}


def manifest_of(
    entrants: Entrants,
    suite: Suite,
    cells: tuple[Cell, ...],
    episodes: int | None,
    seed: int,
    settings: Settings,
    command: tuple[str, ...],
) -> Manifest:
    """What an evaluation will be of.

    Args:
        entrants: who takes part.
        suite: in which suite.
        cells: of it, in the entrants' world.
        episodes: of each cell; None for what the suite says.
        seed: of the layouts and all chance.
        settings: of the robots.
        command: that makes it.

    Raises:
        InputError: the suite does not say how many episodes this world takes, or a fault is of a robot that the team does not have.
    """
    if episodes is None and entrants.world not in suite.episodes:
        raise InputError(f"suite '{suite.name}': episodes: has no world '{entrants.world}'; give --episodes")
    for cell in cells:
        check_link(cell.profile.between_robots, entrants.contract.team_size, f"suite '{suite.name}': cell {cell.id}")
    packages = ("scipy", *_SIMULATORS[entrants.world])
    return Manifest(
        command=command,
        versions={**onboard_versions(), **{package: version_of(package) for package in packages}},
        suite=suite,
        suite_sha256=suite.sha256,
        world=entrants.world,
        kinds=tuple(spec.kind for spec in entrants.specs),
        landmarks=entrants.contract.landmarks,
        arena_half_size=entrants.contract.arena_half_size,
        capture_radius=entrants.contract.capture_radius,
        episodes=suite.episodes[entrants.world] if episodes is None else episodes,
        seed=seed,
        settings=settings,
        periods=mission_periods(entrants.contract),
        periods_after=aftermath_periods(entrants.contract, suite.aftermath),
        bundles=entrants.entries,
        cells=tuple(
            CellEntry(
                id=cell.id,
                group=cell.group,
                severities=cell.severities,
                axis=cell.axis,
                ends=cell.ends,
                profile=differences(cell.profile),
            )
            for cell in cells
        ),
    )


def run_missing(
    store: CellStore, entrants: Entrants, cells: tuple[Cell, ...], executor: Executor, progress: Callable[[int, int], None]
) -> None:
    """Run the cells that the store does not have.

    Args:
        store: for this evaluation.
        entrants: its bundles.
        cells: its cells.
        executor: runs them.
        progress: told how many are done and how many there are, at first and after each.

    Raises:
        InputError: a worker was lost, or a cell cannot be written; what is done is stored.
    """
    tasks = [CellTask(bundle, cell) for bundle in entrants.files for cell in cells]
    missing = [task for task in tasks if not store.has(task.bundle, task.cell.id)]
    done = len(tasks) - len(missing)
    progress(done, len(tasks))
    manifest = store.manifest
    missions = Missions(entrants.world, manifest.episodes, manifest.seed, manifest.suite.aftermath, manifest.settings)
    results = executor.run(prepare_runner, (missions, entrants.files), missing)
    try:
        for task, data in results:
            store.put(task.bundle, task.cell.id, data)
            done += 1
            progress(done, len(tasks))
    except WorkerLost as error:
        raise InputError(f"{store.folder}: {error}; {done} of {len(tasks)} cells are stored, --resume goes on with them") from None
    finally:
        results.close()


def prepare_runner(shared: tuple[Missions, dict[str, Entrant]]) -> CellRunner:
    """What an executor's worker does."""
    return CellRunner(*shared)
