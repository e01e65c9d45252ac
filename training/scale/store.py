"""The results of a scale study: one folder, in which everything that is there is whole.

    OUT/scale.json          what was studied: see `Manifest`. Written first
    OUT/bundles/K           what run K exports for `point`
    OUT/teams/N.npz         every metric [S, E] of the missions of teams of N: S runs, E missions, the same layouts for all runs
    OUT/costs/N.json        what a team of N costs on this machine (`training.scale.costs.Cost`)
    OUT/table.md, figures.csv, scale.png    the same in words, in rows, as a picture

What a killed study has is kept; gone on with, it ends with the same figures. Costs are of the machine and the moment.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from robots.errors import InputError
from runtime.atomic import write_atomically
from runtime.version import onboard_versions
from sim3d.result_folder import begin_results, load_arrays
from training.checkpoint import CHECKPOINT
from training.scale.costs import Cost

FORMAT = 1
MANIFEST = "scale.json"


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What is studied, and with what.

    Attributes:
        format: of the folder.
        command: that makes these results, `--out` left aside.
        versions: of everything that the figures depend on.
        runs: SHA-256 of each run's checkpoint, in the order in which they were given.
        robots: sizes of the teams; others may be asked for when the study goes on.
        episodes: E of each run in each size.
        seconds: that each size flies as processes, in real time.
        seed: of the layouts.
    """

    format: int = FORMAT
    command: tuple[str, ...]
    versions: dict[str, str]
    runs: tuple[str, ...]
    robots: tuple[int, ...]
    episodes: int
    seconds: float
    seed: int


def manifest_of(command: Sequence[str], runs: Sequence[Path], robots: Sequence[int], episodes: int, seconds: float, seed: int) -> Manifest:
    """Of a study that is about to begin. Raises InputError for a run without a checkpoint."""
    shas = []
    for run in runs:
        try:
            shas.append(hashlib.sha256((run / CHECKPOINT).read_bytes()).hexdigest())
        except OSError as error:
            raise InputError(f"{run / CHECKPOINT}: cannot be read: {error.strerror}") from None
    versions = {name: each for name, each in onboard_versions().items() if name in ("python", "fieldswarm", "numpy", "onnxruntime")}
    return Manifest(
        command=tuple(command),
        versions=versions,
        runs=tuple(shas),
        robots=tuple(robots),
        episodes=episodes,
        seconds=seconds,
        seed=seed,
    )


class ScaleStore:
    """The folder of one study."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder, self.manifest = folder, manifest

    @classmethod
    def begin(cls, folder: Path, manifest: Manifest, resume: bool) -> ScaleStore:
        """Start a folder, or go on with one of the same runs. Raises InputError: see begin_results."""
        begin_results(folder, MANIFEST, manifest, resume, ("bundles", "teams", "costs"), _decides)
        return cls(folder, manifest)

    def bundle(self, run: int) -> Path:
        """Of run K."""
        return self.folder / "bundles" / str(run)

    def teams(self, robots: int) -> dict[str, np.ndarray] | None:
        """Every metric [S, E] of teams of that size; None where they have not flown."""
        with contextlib.suppress(InputError):
            return load_arrays(self._teams(robots), "figures of a team")
        return None

    def put_teams(self, robots: int, figures: dict[str, np.ndarray]) -> None:
        """Store them. Raises InputError when they cannot be written."""
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **figures)
        write_atomically(self._teams(robots), buffer.getvalue())

    def cost(self, robots: int) -> Cost | None:
        """Of teams of that size; None where it has not been measured."""
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            return msgspec.json.decode(self._cost(robots).read_bytes(), type=Cost)
        return None

    def put_cost(self, robots: int, cost: Cost) -> None:
        """Store it. Raises InputError when it cannot be written."""
        write_atomically(self._cost(robots), msgspec.json.format(msgspec.json.encode(cost), indent=2) + b"\n")

    def _teams(self, robots: int) -> Path:
        return self.folder / "teams" / f"{robots}.npz"

    def _cost(self, robots: int) -> Path:
        return self.folder / "costs" / f"{robots}.json"


def _decides(manifest: dict[str, Any]) -> dict[str, Any]:
    return {name: manifest[name] for name in ("format", "versions", "runs", "episodes", "seconds", "seed")}
