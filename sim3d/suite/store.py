"""The results of an evaluation: one folder, in which everything that is there is whole.

    OUT/manifest.json               what was evaluated: see `Manifest`. Written first
    OUT/cells/BUNDLE/CELL.npz       the figures of every episode of one bundle in one cell. Written when the cell is done, and never again
    OUT/deployed/BUNDLE/CELL.json   of `--deployed`: the same cell with one process a robot, beside the figures of one process
    OUT/figures.csv                 one row a figure of a policy, with its interval (`sim3d.suite.figures`)
    OUT/results.json                the same as one document: cells, curves, families, profile, comparisons (`sim3d.suite.figures`)

A *policy* is one or several bundles: training seeds of the same configuration. BUNDLE is `<policy>` for a policy of one bundle, else
`<policy>.<number>`; CELL is the id of a cell (`sim3d.suite.cells.Cell`).

A cell's .npz has arrays [E], one value an episode; episode e is the same layout and the same chance in every cell and for every bundle:
`random_layouts(1, N, L, arena_half_size, seed, first=e)`. Names are `<phase>.<metric>`. Phases are `during` (the first `periods` control
periods, under the cell's disturbance) and `after` (the `periods_after` after its end; absent for cells whose disturbance does not end).
Metrics are those of `sim3d.metrics.EpisodeMetrics` (bool, int or float; NaN where there is none), each computed on its phase alone, and
`interventions_<reason>`: robots and ticks in which the safety gate changed the command for that reason.

The clean cell and those with faults also have what recovery is measured by, which is made of the two (`sim3d.recovery`):

    recovery.covered [E, K]      landmarks that are covered at each control step of both phases, the start included
    recovery.path_length [E, N]  of each robot in phase `during` [m]; recovery.path_length_after in phase `after`
    recovery.begins [E]          control step at which the first fault strikes, or a robot that is late joins; -1 where none does
    recovery.stopped [E, N]      robots that do not move any more at the end of phase `during`
    recovery.attainable [E]      the most landmarks that the team could hold then, with those robots where they stand

The last three only cells with faults have.

Nothing in the folder depends on when, where, in which order or by how many processes it was computed: an evaluation that was killed and
resumed leaves the bytes of one that was not.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from robots.errors import InputError
from runtime.atomic import write_atomically
from sim3d.result_folder import begin_results, load_arrays
from sim3d.suite.definition import Suite
from sim3d.suite.runner import Settings

FORMAT = 2
"""1 had nothing of recovery."""
MANIFEST = "manifest.json"


class BundleEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One bundle.

    Attributes:
        name: in the folder.
        policy: that it belongs to.
        path: as it was given.
        sha256: of the actors' hashes, one after the other.
        actors: SHA-256 of each actor's file.
        period: control period [s], in `spread` of its own seconds.
        nominal_success: share of nominal episodes that it succeeded in when it was exported.
    """

    name: str
    policy: str
    path: str
    sha256: str
    actors: tuple[str, ...]
    period: float
    nominal_success: float


class CellEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One cell: see `sim3d.suite.cells.Cell`; of its profile what differs from `clean`."""

    id: str
    group: str
    severities: dict[str, int]
    axis: float | None
    ends: bool
    profile: dict[str, Any]


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was evaluated, and with what.

    Attributes:
        format: of the folder.
        command: that makes these results; `--out` and how the work was shared out are left aside.
        versions: of everything that the figures depend on.
        suite: all of it.
        suite_sha256: of it.
        world: in which the robots live.
        kinds: of the robots, by agent.
        landmarks: L.
        arena_half_size: [m].
        capture_radius: [m].
        episodes: E of each cell.
        seed: of the layouts and all chance.
        settings: of the robots.
        periods, periods_after: control periods of the phases `during` and `after`.
        bundles: all, by policy, in the order in which they were given.
        cells: all, in the order of the suite.
    """

    format: int = FORMAT
    command: tuple[str, ...]
    versions: dict[str, str]
    suite: Suite
    suite_sha256: str
    world: str
    kinds: tuple[str, ...]
    landmarks: int
    arena_half_size: float
    capture_radius: float
    episodes: int
    seed: int
    settings: Settings
    periods: int
    periods_after: int
    bundles: tuple[BundleEntry, ...]
    cells: tuple[CellEntry, ...]

    @property
    def policies(self) -> dict[str, list[BundleEntry]]:
        """Policy -> its bundles."""
        policies: dict[str, list[BundleEntry]] = {}
        for bundle in self.bundles:
            policies.setdefault(bundle.policy, []).append(bundle)
        return policies

    @property
    def faulty(self) -> tuple[str, ...]:
        """Ids of the cells that have other faults than the clean one, which comes first."""
        faults = self.cells[0].profile.get("faults")
        return tuple(cell.id for cell in self.cells if cell.profile.get("faults") != faults)

    @property
    def repaired(self) -> tuple[str, ...]:
        """Those of them with something that fails to the end of a mission, and an aftermath in which it does not."""
        goes_on = {cell.id: cell for cell in self.cells if cell.ends and self.periods_after}
        return tuple(
            each for each in self.faulty if each in goes_on and any(fault["kind"] != "late" for fault in goes_on[each].profile["faults"])
        )


class CellStore:
    """The folder of one evaluation."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder, self.manifest = folder, manifest

    @classmethod
    def begin(cls, folder: str | Path, manifest: Manifest, resume: bool) -> CellStore:
        """Start a folder, or go on with one that was made for exactly this.

        Raises:
            InputError: the folder holds results and is not to be resumed, or results of something else; or it cannot be written.
        """
        folder = Path(folder)
        begin_results(folder, MANIFEST, manifest, resume, [f"cells/{bundle.name}" for bundle in manifest.bundles])
        return cls(folder, manifest)

    @classmethod
    def open(cls, folder: str | Path) -> CellStore:
        """Results that are there. Raises InputError."""
        path = Path(folder) / MANIFEST
        try:
            manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror}") from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: is no manifest of results: {error}") from None
        if manifest.format != FORMAT:
            raise InputError(f"{path}: format: is {manifest.format}, must be {FORMAT}; evaluate again")
        return cls(Path(folder), manifest)

    def path(self, bundle: str, cell: str) -> Path:
        """The file of one bundle in one cell."""
        return self.folder / "cells" / bundle / f"{cell}.npz"

    def has(self, bundle: str, cell: str) -> bool:
        """Whether a cell is done; a file that power failure left empty or cut is not."""
        with contextlib.suppress(InputError):
            return bool(self.load(bundle, cell))
        return False

    def put(self, bundle: str, cell: str, data: bytes) -> None:
        """Store a cell that is done. Raises InputError when it cannot be written."""
        write_atomically(self.path(bundle, cell), data)

    def load(self, bundle: str, cell: str) -> dict[str, np.ndarray]:
        """Phase and metric -> [E], `recovery.*` -> [E, ...]. Raises InputError when the file is missing or cut."""
        return load_arrays(self.path(bundle, cell), "figures of a cell")
