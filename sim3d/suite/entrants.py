"""Which bundles are evaluated: `NAME=BUNDLE` words into policies, each of one bundle or of several training seeds, that can be compared."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from robots.errors import InputError
from robots.spec import RobotSpec
from runtime.bundle import read_bundle
from runtime.contract import Contract
from sim3d.suite.runner import Entrant
from sim3d.suite.store import BundleEntry
from sim3d.worlds import check_world, specs_of

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_SHARED = ("team_size", "landmarks", "arena_half_size", "capture_radius", "period")
"""What two bundles need to have in common to be run on the same layouts."""


@dataclass(frozen=True)
class Entrants:
    """Bundles that can be compared.

    Attributes:
        entries: in the order in which they were given, those of a policy together.
        files: bundle -> its actors.
        contract: of one of them; the others' agree with it in all that layouts depend on.
        specs: of the robots, by agent.
        world: in which they are run.
    """

    entries: tuple[BundleEntry, ...]
    files: dict[str, Entrant]
    contract: Contract
    specs: tuple[RobotSpec, ...]
    world: str


def read_entrants(words: Sequence[str], world: str | None) -> Entrants:
    """Read and check all bundles of a command line.

    Args:
        words: `NAME=BUNDLE`, or `BUNDLE`, a policy that is called as its file; bundles of the same NAME are training seeds of one policy.
        world: to run them in; None for the one in which they live.

    Raises:
        InputError: a bundle cannot be used or does not live in that world, two policies have the same name without being told so, or two
            bundles cannot be compared.
    """
    policies: dict[str, list[str]] = {}
    for name, path in map(_name_and_path, words):
        if name is None:
            name = re.sub(r"[^A-Za-z0-9_-]", "_", Path(path).resolve().stem).lstrip("_-") or "policy"
            if name in policies:
                raise InputError(f"{path}: a policy is called '{name}' already; NAME=BUNDLE names it, or makes it a seed of that one")
        policies.setdefault(name, []).append(path)
    entries: list[BundleEntry] = []
    files: dict[str, Entrant] = {}
    first: tuple[str, Contract, tuple[RobotSpec, ...]] | None = None
    for policy, paths in policies.items():
        for number, path in enumerate(paths):
            bundle = read_bundle(path)
            actors = bundle.verify()
            contract, specs = actors[0].contract, tuple(specs_of(actors, path))
            first = first or (path, contract, specs)
            _check_comparable(path, contract, specs, first)
            name = policy if len(paths) == 1 else f"{policy}.{number}"
            hashes = tuple(entry.sha256 for entry in bundle.manifest.actors)
            entries.append(
                BundleEntry(
                    name=name,
                    policy=policy,
                    path=path,
                    sha256=hashlib.sha256("".join(hashes).encode()).hexdigest(),
                    actors=hashes,
                    period=contract.period,
                    nominal_success=bundle.manifest.success,
                )
            )
            files[name] = Entrant(tuple((bundle.actor_bytes(entry.agent), f"{path}: {entry.file}") for entry in bundle.manifest.actors))
    _check_different(entries)
    _, contract, specs = first
    return Entrants(tuple(entries), files, contract, specs, check_world(world, specs[0]))


def _name_and_path(word: str) -> tuple[str | None, str]:
    name, equals, path = word.partition("=")
    if not equals or Path(word).exists():
        return None, word
    if not _NAME.fullmatch(name):
        raise InputError(f"'{word}': '{name}' cannot be the name of a policy; letters, digits, _ and - can")
    return name, path


def _check_comparable(
    path: str, contract: Contract, specs: tuple[RobotSpec, ...], first: tuple[str, Contract, tuple[RobotSpec, ...]]
) -> None:
    other, theirs, their_specs = first
    for part in _SHARED:
        if getattr(contract, part) != getattr(theirs, part):
            raise InputError(f"{path}: {part}: is {getattr(contract, part)}, {other} has {getattr(theirs, part)}; evaluate them apart")
    kinds, their_kinds = ([spec.kind for spec in each] for each in (specs, their_specs))
    if kinds != their_kinds:
        raise InputError(f"{path}: is for robots {', '.join(kinds)}, {other} for {', '.join(their_kinds)}; evaluate them apart")


def _check_different(entries: Sequence[BundleEntry]) -> None:
    """Twice the same bundle in one policy would count as two training seeds."""
    seen: dict[tuple[str, str], str] = {}
    for entry in entries:
        key = (entry.policy, entry.sha256)
        if key in seen:
            raise InputError(f"{entry.path}: has the same actors as {seen[key]}; a policy's bundles are different training seeds")
        seen[key] = entry.path
