"""What a transfer table is made of: bundles, the worlds in which their robots live, and profiles; one cell for each that go together.

Layouts are drawn from one seed, `random_layouts(E, N, L, arena_half_size, seed)`, for each bundle in its own arena: mission e of two
bundles with as many robots and landmarks is the same layout, up to scale, in all cells of both.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

import msgspec

from robots.errors import InputError
from runtime.bundle import read_bundle
from runtime.link import check_link
from runtime.version import onboard_versions
from sim3d.mission_length import mission_periods
from sim3d.profile import Profile, load_profile
from sim3d.suite.cells import CLEAN, differences
from sim3d.suite.runner import Entrant
from sim3d.team_name import team_name
from sim3d.worlds import specs_of

MPE2 = "mpe2"
HOMES = {"force": ("spread", MPE2), "velocity_setpoint": ("planar", "bullet")}
"""What robots take as a command -> worlds that they live in; the first of them that is asked for is where a bundle is at home."""
WORLDS = tuple(world for worlds in HOMES.values() for world in worlds)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


class TransferBundle(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One bundle.

    Attributes:
        name: in the table.
        path: as it was given.
        sha256: of the actors' hashes, one after the other.
        actors: SHA-256 of each actor's file.
        kinds: of the robots, by agent.
        landmarks: L.
        period: control period [s], in `spread` and mpe2 of their own seconds.
        periods: control periods of a mission.
        arena_half_size: [m].
        capture_radius: [m].
        nominal_success: share of nominal episodes that it succeeded in when it was exported.
    """

    name: str
    path: str
    sha256: str
    actors: tuple[str, ...]
    kinds: tuple[str, ...]
    landmarks: int
    period: float
    periods: int
    arena_half_size: float
    capture_radius: float
    nominal_success: float


class TransferCell(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One bundle in one world under one profile, by their names."""

    bundle: str
    world: str
    profile: str

    @property
    def id(self) -> str:
        """Of the cell's file, among those of its bundle."""
        return f"{self.world}-{self.profile}"


class TransferManifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a table is of, and with what it is made.

    Attributes:
        versions: of everything that the figures depend on.
        missions: E of each cell.
        seed: of the layouts and all chance.
        deployed: whether each robot and the plant were processes of their own, in lockstep.
        profiles: name -> what differs from `clean`.
        bundles: in the order in which they were given.
        cells: all, by bundle, world and profile.
        command: that makes it; `--out` and how the work was shared out are left aside.
    """

    versions: dict[str, str]
    missions: int
    seed: int
    deployed: bool
    profiles: dict[str, dict[str, Any]]
    bundles: tuple[TransferBundle, ...]
    cells: tuple[TransferCell, ...]
    command: tuple[str, ...]


@dataclass(frozen=True)
class Transfer:
    """A table that is to be made.

    Attributes:
        manifest: what it is of.
        actors: bundle -> its actors.
        profiles: by name.
        profile_words: name -> as it was given: a name, or a file.
    """

    manifest: TransferManifest
    actors: dict[str, Entrant]
    profiles: dict[str, Profile]
    profile_words: dict[str, str]


def plan_transfer(
    bundles: Sequence[str],
    profiles: Sequence[str],
    worlds: Sequence[str] | None,
    missions: int,
    seed: int,
    deployed: bool,
    command: tuple[str, ...],
) -> Transfer:
    """Read and check everything that a table needs.

    Args:
        bundles: `NAME=BUNDLE`, or `BUNDLE`, which is then called as its file.
        profiles: names or files.
        worlds: to run in, in this order; None for all in which a bundle's robots live.
        missions: E of each cell.
        seed: of the layouts and all chance.
        deployed: run each robot and the plant as processes of their own; mpe2's environment has none.
        command: that makes the table.

    Raises:
        InputError: a bundle or profile cannot be used, two have the same name, or a bundle's robots live in none of the worlds.
    """
    known = tuple(world for world in WORLDS if not (deployed and world == MPE2))
    for world in worlds or ():
        if world not in known:
            processes = "; mpe2's environment has no processes to deploy" if world == MPE2 else ""
            raise InputError(f"--worlds: '{world}' is not among {', '.join(known)}{processes}")
    _check_once(worlds or (), "--worlds")
    loaded = _profiles(profiles)
    entries: list[TransferBundle] = []
    actors: dict[str, Entrant] = {}
    cells: list[TransferCell] = []
    for word in bundles:
        entry, files, homes = _read(word)
        if entry.name in actors:
            raise InputError(f"{entry.path}: a bundle is called '{entry.name}' already; NAME=BUNDLE gives this one another name")
        for profile_word, profile in loaded.values():
            check_link(profile.between_robots, len(entry.kinds), profile_word)
        lived_in = [world for world in (known if worlds is None else worlds) if world in homes]
        if not lived_in:
            raise InputError(
                f"--worlds: is {','.join(worlds)}; the robots of {entry.path} ({team_name(entry.kinds)}) live in {', '.join(homes)}"
            )
        entries.append(entry)
        actors[entry.name] = files
        # mpe2's environment has no disturbances.
        cells += [
            TransferCell(bundle=entry.name, world=world, profile=name)
            for world in lived_in
            for name in loaded
            if world != MPE2 or name == CLEAN
        ]
    if not cells:
        raise InputError("--profiles: mpe2's environment has no disturbances; it needs profile 'clean'")
    manifest = TransferManifest(
        versions=_versions({cell.world for cell in cells}),
        missions=missions,
        seed=seed,
        deployed=deployed,
        profiles={name: differences(profile) for name, (_, profile) in loaded.items()},
        bundles=tuple(entries),
        cells=tuple(cells),
        command=command,
    )
    by_name = {name: profile for name, (_, profile) in loaded.items()}
    return Transfer(manifest, actors, by_name, {name: word for name, (word, _) in loaded.items()})


def _profiles(words: Sequence[str]) -> dict[str, tuple[str, Profile]]:
    """Name -> the word that it was given by, and the profile."""
    loaded: dict[str, tuple[str, Profile]] = {}
    for word in words:
        profile = load_profile(word)
        if not _NAME.fullmatch(profile.name):
            raise InputError(f"{word}: name: is '{profile.name}'; in a table it can have letters, digits, _ and -")
        if profile.until is not None:
            raise InputError(f"{word}: until: is {profile.until:g}; in a table disturbances last as long as a mission")
        if profile.name in loaded:
            raise InputError(f"{word}: a profile is called '{profile.name}' already")
        loaded[profile.name] = (word, profile)
    return loaded


def _read(word: str) -> tuple[TransferBundle, Entrant, tuple[str, ...]]:
    """A bundle, its actors, and the worlds that its robots live in."""
    name, path = _name_and_path(word)
    bundle = read_bundle(path)
    actors = bundle.verify()
    contract, specs = actors[0].contract, specs_of(actors, path)
    hashes = tuple(entry.sha256 for entry in bundle.manifest.actors)
    entry = TransferBundle(
        name=name,
        path=path,
        sha256=hashlib.sha256("".join(hashes).encode()).hexdigest(),
        actors=hashes,
        kinds=tuple(spec.kind for spec in specs),
        landmarks=contract.landmarks,
        period=contract.period,
        periods=mission_periods(contract),
        arena_half_size=contract.arena_half_size,
        capture_radius=contract.capture_radius,
        nominal_success=bundle.manifest.success,
    )
    files = Entrant(tuple((bundle.actor_bytes(actor.agent), f"{path}: {actor.file}") for actor in bundle.manifest.actors))
    return entry, files, HOMES[specs[0].action]


def _name_and_path(word: str) -> tuple[str, str]:
    name, equals, path = word.partition("=")
    if not equals or Path(word).exists():
        return re.sub(r"[^A-Za-z0-9_-]", "_", Path(word).resolve().stem).lstrip("_-") or "bundle", word
    if not _NAME.fullmatch(name):
        raise InputError(f"'{word}': '{name}' cannot be the name of a bundle; letters, digits, _ and - can")
    return name, path


def _check_once(words: Sequence[str], place: str) -> None:
    for index, word in enumerate(words):
        if word in words[:index]:
            raise InputError(f"{place}: '{word}' is there twice")


def _versions(worlds: set[str]) -> dict[str, str]:
    packages = ["scipy", *(["pybullet"] if "bullet" in worlds else []), *(["mpe2"] if MPE2 in worlds else [])]
    return {**onboard_versions(), **{package: version_of(package) for package in packages}}
