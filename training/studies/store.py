"""The results of a study: one folder, in which everything that is there is whole.

    OUT/study.json                  what is studied: see `Manifest`. Written first
    OUT/runs/VARIANT/SEED/          run directories, as `fieldswarm train` makes them; each can be exported
    OUT/results/VARIANT/SEED.npz    what a finished run is measured by (`training.studies.run.result_of`). Written once
    OUT/table.md                    what was found, in words
    OUT/figures.csv, results.json   the same, one row a figure, and as one document
    OUT/runs.csv                    every figure of every run
    OUT/times.md                    how long it took here: this alone is not the same the next time
    OUT/study.png                   the picture

A study that was killed at any moment and resumed, or shared out otherwise, has the same table, to the byte.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import msgspec

from robots.errors import InputError
from robots.yaml_input import parse_yaml
from runtime.atomic import write_atomically
from sim3d.result_folder import begin_results, load_arrays
from training.checkpoint import config_sha256
from training.config import resolved_yaml
from training.studies.definition import Plan, Study
from training.studies.measures import Run
from training.studies.run import RunTask

FORMAT = 1
MANIFEST = "study.json"
RUNS = "runs"


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What is studied, and with what.

    Attributes:
        format: of the folder.
        command: that makes these results; `--out` and how the work was shared out are left aside.
        versions: of everything that the figures depend on.
        study: what the file says, with what the command line changed.
        configs: of each variant with seed 0, every default written out.
        config_sha256: of these.
    """

    format: int = FORMAT
    command: tuple[str, ...]
    versions: dict[str, str]
    study: Study
    configs: dict[str, dict[str, Any]]
    config_sha256: dict[str, str]


def manifest_of(plan: Plan, command: tuple[str, ...], versions: dict[str, str]) -> Manifest:
    """Of a study that is about to begin."""
    return Manifest(
        command=command,
        versions=versions,
        study=plan.study,
        configs={name: parse_yaml(resolved_yaml(config), dict[str, Any], name) for name, config in plan.configs.items()},
        config_sha256={name: config_sha256(config) for name, config in plan.configs.items()},
    )


class StudyStore:
    """The folder of one study."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder, self.manifest = folder, manifest

    @classmethod
    def begin(cls, folder: str | Path, manifest: Manifest, resume: bool) -> StudyStore:
        """Start a folder, or go on with one that was made for the same runs; more seeds, and another table, may be asked of it.

        Raises:
            InputError: the folder holds results and is not to be resumed, or results of something else; or it cannot be written.
        """
        folder = Path(folder)
        begin_results(folder, MANIFEST, manifest, resume, [f"results/{variant}" for variant in manifest.study.variants], _decides)
        return cls(folder, manifest)

    @property
    def tasks(self) -> list[RunTask]:
        """All runs; those of the first seed first, so that a study that is stopped early has something of every variant."""
        return [RunTask(variant, seed) for seed in range(self.manifest.study.seeds) for variant in self.manifest.study.variants]

    def path(self, task: RunTask) -> Path:
        """Of a run's result."""
        return self.folder / "results" / task.variant / f"{task.seed}.npz"

    def has(self, task: RunTask) -> bool:
        """Whether a run is done; a file that power failure left empty or cut is not."""
        with contextlib.suppress(InputError):
            return bool(self.load(task))
        return False

    def put(self, task: RunTask, data: bytes) -> None:
        """Store a run that is done. Raises InputError when it cannot be written."""
        write_atomically(self.path(task), data)

    def load(self, task: RunTask) -> Run:
        """What a run is measured by. Raises InputError when the file is missing or cut."""
        return load_arrays(self.path(task), "result of a run")


def _decides(manifest: dict[str, Any]) -> dict[str, Any]:
    """Of a manifest, what decides the figures of one run."""
    return {
        **{name: manifest[name] for name in ("format", "versions", "configs", "config_sha256")},
        "study": {"episodes": manifest["study"]["episodes"]},
    }
