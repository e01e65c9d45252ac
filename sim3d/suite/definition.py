"""A suite: which disturbances a policy is put through, how strong, alone and crossed, read from YAML.

A *ladder* is one disturbance at rising severities, 1 to 5; a *family* is a group of ladders; a *grid* crosses two ladders. Rungs are parts
of a profile (`sim3d.profile`) and are laid over the suite's base profile. `sim3d.suite.cells` makes cells of all that.
"""

from __future__ import annotations

import difflib
import hashlib
import math
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any, Literal

import msgspec

from robots.errors import InputError
from robots.yaml_input import read_yaml
from sim3d.worlds import WORLDS

SEVERITIES = range(1, 6)
Score = Literal["success", "success_end", "success_body", "matched", "coverage"]
"""Metrics from 0 to 1 of which more is better (`sim3d.metrics`)."""
_NAME = re.compile(r"[a-z][a-z0-9_]*")


class Scale(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a metre and a second of the suite's rungs are in a world: in its own units of length and time."""

    metre: float
    second: float


class Axis(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The figure that stands for a ladder's severity in plots and break points.

    Attributes:
        figure: its place in a profile, such as `actuation.delay`; `faults.at` is that of the first fault.
        unit: of it, in the suite's own metres and seconds.
    """

    figure: str
    unit: str = ""


class Ladder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One disturbance at rising severities.

    Attributes:
        about: what it is, in a few words.
        axis: the figure that grows; None where no single one does.
        rungs: severity (1 to 5, not necessarily all) -> part of a profile.
    """

    about: str
    axis: Axis | None = None
    rungs: dict[int, dict[str, Any]]


class Grid(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Two ladders crossed, each named `family.ladder`; severity 0 of either is the other alone."""

    rows: str
    columns: str


class Deployed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `--deployed` runs once more with one process a robot.

    Attributes:
        missions: of each cell.
        cells: their ids.
    """

    missions: int = 20
    cells: tuple[str, ...] = ()


class Suite(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of a suite file.

    Attributes:
        name: of the suite.
        score: the metric that curves, break points and comparisons are made of.
        episodes: world -> episodes a cell.
        aftermath: how long a mission goes on after its disturbance has ended, in lengths of a mission; 0 for none.
        base: profile under the rungs, and all of cell `clean`.
        scale: world -> what a metre and a second are there.
        families: family -> ladder -> severities.
        grids: name -> which ladders are crossed.
        deployed: cells for `--deployed`.
    """

    name: str
    score: Score = "success"
    episodes: dict[str, int]
    aftermath: float = 0.0
    base: str = "clean"
    scale: dict[str, Scale]
    families: dict[str, dict[str, Ladder]]
    grids: dict[str, Grid] = {}
    deployed: Deployed = Deployed()

    @property
    def ladders(self) -> dict[str, Ladder]:
        """`family.ladder` -> ladder, in the order of the file."""
        return {f"{family}.{name}": ladder for family, ladders in self.families.items() for name, ladder in ladders.items()}

    @property
    def sha256(self) -> str:
        """Of what the file says; comments and layout do not count."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()


def load_suite(name_or_path: str | Path) -> Suite:
    """Read a suite: the file at a path that exists, else the one of that name that comes with fieldswarm.

    Raises:
        InputError: there is no such suite, it cannot be read, or what it says cannot be.
    """
    path = Path(name_or_path)
    if not path.is_file():
        check_known(str(name_or_path), suite_names(), "suite", "is neither a file nor a known suite")
        path = _suite_folder() / f"{name_or_path}.yaml"
    suite = read_yaml(path, Suite)
    _check_numbers(suite, path)
    _check_names(suite, path)
    return suite


def suite_names() -> tuple[str, ...]:
    """The suites that come with fieldswarm, in alphabetical order."""
    return tuple(sorted(path.stem for path in _suite_folder().glob("*.yaml")))


def check_known(name: str, known: Collection[str], what: str, complaint: str = "is unknown") -> None:
    """Refuse a name that is not among the known ones, with the nearest of them. Raises InputError."""
    if name in known:
        return
    nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean '{nearest[0]}'?" if nearest else f"known: {', '.join(known) or 'none'}"
    raise InputError(f"{what} '{name}' {complaint}; {hint}")


def _suite_folder() -> Path:
    package = Path(__file__).parents[1]
    installed = package / "configs" / "suites"
    return installed if installed.is_dir() else package.parent / "configs" / "suites"


def _check_numbers(suite: Suite, path: Path) -> None:
    for place, per_world in (("episodes", suite.episodes), ("scale", suite.scale)):
        for world in per_world:
            check_known(world, WORLDS, f"{path}: {place}: world")
    for world, episodes in suite.episodes.items():
        if episodes < 1:
            raise InputError(f"{path}: episodes.{world}: is {episodes}, must be at least 1")
    for world, scale in suite.scale.items():
        for name in ("metre", "second"):
            if not 0 < getattr(scale, name) < math.inf:
                raise InputError(f"{path}: scale.{world}.{name}: is {getattr(scale, name)}, must be finite and above 0")
    if not 0 <= suite.aftermath < math.inf:
        raise InputError(f"{path}: aftermath: is {suite.aftermath}, must be finite and not below 0")
    if suite.deployed.missions < 1:
        raise InputError(f"{path}: deployed.missions: is {suite.deployed.missions}, must be at least 1")


def _check_names(suite: Suite, path: Path) -> None:
    names = [("families", family) for family in suite.families]
    names += [(f"families.{family}", name) for family, ladders in suite.families.items() for name in ladders]
    names += [("grids", grid) for grid in suite.grids]
    for place, name in names:
        if not _NAME.fullmatch(name) or name in ("clean", "suite"):
            raise InputError(f"{path}: {place}: '{name}' cannot be a name; small letters, digits and _ can, 'clean' and 'suite' are taken")
    for name in suite.grids.keys() & suite.families.keys():
        raise InputError(f"{path}: grids: '{name}' is the name of a family, too")
    for family, ladders in suite.families.items():
        if not ladders:
            raise InputError(f"{path}: families.{family}: is empty")
    if not suite.families:
        raise InputError(f"{path}: families: is empty")
    for name, ladder in suite.ladders.items():
        if not ladder.rungs:
            raise InputError(f"{path}: families.{name}.rungs: is empty")
        for severity in ladder.rungs:
            if severity not in SEVERITIES:
                raise InputError(f"{path}: families.{name}.rungs: severity {severity}, must be 1 ... {max(SEVERITIES)}")
    for name, grid in suite.grids.items():
        for side in ("rows", "columns"):
            check_known(getattr(grid, side), suite.ladders, f"{path}: grids.{name}.{side}: ladder")
        if grid.rows == grid.columns:
            raise InputError(f"{path}: grids.{name}: rows and columns are both '{grid.rows}'")
