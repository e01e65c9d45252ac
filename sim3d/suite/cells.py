"""The cells of a suite: every rung of every ladder and every crossing of a grid, each with the profile that is run.

A rung is laid over the base profile figure by figure: what it names replaces what the base says, faults are added to the base's.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from robots.errors import InputError
from robots.yaml_input import convert
from runtime.link import Fault, Link
from sim3d.profile import Actuation, Adversary, Dynamics, Profile, Sensing, check_profile, load_profile, refuse_adversary
from sim3d.suite.definition import Suite, check_known
from sim3d.suite.scale import scaled

CLEAN = "clean"


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """One profile of a suite in one world.

    Attributes:
        id: `clean`, `sensing-noise-3` (family, ladder, severity) or `noise_latency-3-2` (grid, severity of rows, of columns).
        group: family or grid; `clean` for the cell of that name.
        severities: `family.ladder` -> severity, of each ladder that disturbs this cell.
        axis: the ladder's figure, in the suite's own units; None without an axis, and in grids.
        profile: what is run, in the units of the world.
        ends: whether all of it can end in mid-mission; what robots weigh and how strong they are cannot.
    """

    id: str
    group: str
    severities: dict[str, int]
    axis: float | None
    profile: Profile
    ends: bool


class _Rung(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a rung may name: a profile without a name and an end."""

    sensing: Sensing = Sensing()
    actuation: Actuation = Actuation()
    dynamics: Dynamics = Dynamics()
    link: Link = Link()
    faults: tuple[Fault, ...] = ()
    adversary: Adversary = Adversary()


def cells_of(suite: Suite, world: str, place: str | Path) -> tuple[Cell, ...]:
    """All cells of a suite in one world: the clean one, then families, then grids, in the order of the file.

    Args:
        suite: read from a file.
        world: its name.
        place: the suite's file, or its name, for errors.

    Raises:
        InputError: the suite does not say what its units are in this world, a rung is no part of a profile or has figures that cannot be,
            two crossed rungs set the same figure, a ladder's axis does not rise or fall from rung to rung, or a cell to be deployed is
            not among the cells, or has an adversary.
    """
    composer = _Composer(suite, world, str(place))
    cells = [composer.cell(CLEAN, CLEAN, {})]
    for name, ladder in suite.ladders.items():
        family = name.partition(".")[0]
        cells += [composer.cell(f"{name.replace('.', '-')}-{severity}", family, {name: severity}) for severity in sorted(ladder.rungs)]
        composer.check_axis(name, [cell.axis for cell in cells[-len(ladder.rungs) :]])
    for name, grid in suite.grids.items():
        for row in sorted(suite.ladders[grid.rows].rungs):
            for column in sorted(suite.ladders[grid.columns].rungs):
                cells.append(composer.cell(f"{name}-{row}-{column}", name, {grid.rows: row, grid.columns: column}))
    by_id = {cell.id: cell for cell in cells}
    for name in suite.deployed.cells:
        check_known(name, by_id, f"{place}: deployed.cells: cell")
        refuse_adversary(by_id[name].profile, f"{place}: deployed.cells: '{name}'")
    return tuple(cells)


def axis_at_zero(suite: Suite, ladder: str) -> float | None:
    """The figure of a ladder's axis where nothing disturbs: that of the base profile."""
    axis = suite.ladders[ladder].axis
    return None if axis is None else _figure(load_profile(suite.base), axis.figure, suite.name)


def _figure(profile: Profile, figure: str, place: str) -> float:
    """A figure of a profile; that of the first fault is 0 where there is none. Raises InputError when it is no number."""
    section, _, name = figure.partition(".")
    check_known(section, _Rung.__struct_fields__, f"{place}: section of a profile")
    part = getattr(profile, section)
    if section == "faults":
        part = part[0] if part else Fault(kind="stop")
    check_known(name, part.__struct_fields__, f"{place}: figure of '{section}'")
    value = getattr(part, name)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InputError(f"{place}: '{figure}' is no number in '{profile.name}'")
    return float(value)


class _Composer:
    """Lays rungs over the base, for one world."""

    def __init__(self, suite: Suite, world: str, place: str) -> None:
        if world not in suite.scale:
            raise InputError(f"{place}: scale: has no world '{world}', which the bundle's robots live in")
        self._suite, self._scale, self._place = suite, suite.scale[world], place
        self._base = load_profile(suite.base)

    def cell(self, name: str, group: str, severities: dict[str, int]) -> Cell:
        """The cell in which ladders have these severities, and all others none."""
        document: dict[str, Any] = msgspec.to_builtins(self._base)
        document["name"] = name
        taken: dict[str, str] = {}
        for ladder, severity in severities.items():
            rung = self._suite.ladders[ladder].rungs[severity]
            place = f"{self._place}: families.{ladder}.rungs.{severity}"
            convert(rung, _Rung, place)
            for figure in _figures(rung):
                if figure in taken:
                    raise InputError(f"{self._place}: grids.{group}: '{taken[figure]}' and '{ladder}' both set {figure}")
                taken[figure] = ladder
            _lay_over(document, rung)
            check_profile(convert(document, Profile, place), place)
        profile = convert(document, Profile, self._place)
        axis = self._suite.ladders[next(iter(severities))].axis if len(severities) == 1 else None
        return Cell(
            id=name,
            group=group,
            severities=severities,
            axis=None if axis is None else _figure(profile, axis.figure, f"{self._place}: families.{next(iter(severities))}.axis"),
            profile=scaled(profile, self._scale),
            ends=profile.dynamics == self._base.dynamics,
        )

    def check_axis(self, ladder: str, values: list[float | None]) -> None:
        """Refuse an axis along which two severities are at the same place, or that turns round; `values` are those of its rungs."""
        axis = self._suite.ladders[ladder].axis
        if axis is None:
            return
        place = f"{self._place}: families.{ladder}.axis"
        along = [_figure(self._base, axis.figure, place), *values]
        steps = np.diff(np.array(along, dtype=float))
        if not ((steps > 0).all() or (steps < 0).all()):
            shown = ", ".join(f"{value:g}" for value in along)
            raise InputError(f"{place}: {axis.figure} is {shown}; it must rise, or fall, from severity to severity")


def _figures(rung: Mapping[str, Any]) -> list[str]:
    return [f"{section}.{name}" for section, figures in rung.items() if section != "faults" for name in figures]


def _lay_over(document: dict[str, Any], rung: Mapping[str, Any]) -> None:
    for section, figures in rung.items():
        if section == "faults":
            document["faults"] = [*document["faults"], *figures]
        else:
            document[section] = {**document[section], **figures}


def differences(profile: Profile) -> dict[str, Any]:
    """A profile as plain data, without the figures that are as in `clean`; `convert(..., Profile)` brings it back."""
    document = msgspec.to_builtins(profile)
    clean = msgspec.to_builtins(Profile(name=""))
    shown: dict[str, Any] = {"name": document.pop("name")}
    for section, value in document.items():
        if value == clean[section]:
            continue
        if isinstance(value, dict):
            value = {name: figure for name, figure in value.items() if figure != clean[section][name]}
        shown[section] = value
    return shown
