"""A bundle: one team's actors and a manifest with their hashes, in a directory or its .zip."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from robots.errors import InputError
from robots.yaml_input import convert
from runtime.actor import LARGEST_ACTOR, OnnxActor, read_limited
from runtime.atomic import write_atomically
from runtime.bundle_files import ArchiveFiles, DirectoryFiles
from runtime.contract import Contract
from runtime.signature import LARGEST_SIGNATURE, SIGNATURE, check_signature

BUNDLE_VERSION = 1
MANIFEST = "manifest.json"
LARGEST_MANIFEST = 2**20
LARGEST_TEAM = 256
"""Actors in one bundle; bounds what a hostile archive can make us read."""

_SHA256 = re.compile("[0-9a-f]{64}")

_SHARED = (
    "team_size", "landmarks", "layout", "action", "period", "arena_half_size", "capture_radius", "robot_radius", "entities", "message",
)  # fmt: skip
"""Parts of the contract in which all actors of a team agree."""


class ActorEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One actor of the bundle.

    Attributes:
        agent: which agent of the team, from 0.
        file: its file in the bundle.
        sha256: of that file, 64 hex digits.
        bytes: length of that file.
        difference_rollout: largest |torch - onnxruntime| over observations drawn from rollouts [unit of the action].
        difference_closed_loop: the same over closed-loop episodes [m].
    """

    agent: int
    file: str
    sha256: str
    bytes: int
    difference_rollout: float
    difference_closed_loop: float


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is in a bundle.

    Attributes:
        bundle: version of this document.
        task: name of the task.
        team_size: number of robots, equal to the number of actors.
        robot_kinds: kinds that the actors may drive.
        created_by: software that wrote the bundle.
        success: share of nominal episodes that the team succeeded in when it was exported.
        latency_margin: commands may act this much later than the robot's own latency before success falls below 90 % of that without [s];
            None where nobody measured it.
        provenance: free text: where the policy comes from.
        actors: by ascending agent.
    """

    bundle: int = BUNDLE_VERSION
    task: str
    team_size: int
    robot_kinds: tuple[str, ...]
    created_by: str
    success: float
    latency_margin: float | None = None
    provenance: dict[str, str] = {}
    actors: tuple[ActorEntry, ...]


class Bundle:
    """A bundle whose manifest has been read; each actor's hash is checked when it is loaded."""

    def __init__(self, path: Path, files: DirectoryFiles | ArchiveFiles) -> None:
        self.path = path
        self._files = files
        self._manifest_bytes = _read_manifest(path, files)
        self.manifest = decode_manifest(self._manifest_bytes, f"{path}: {MANIFEST}")
        listed = {MANIFEST, *(entry.file for entry in self.manifest.actors)}
        for name in sorted(listed - set(files.names())):
            raise InputError(f"{path}: {name} is missing; {MANIFEST} lists it")
        for name in sorted(set(files.names()) - listed - {SIGNATURE}):
            raise InputError(f"{path}: {name} is not listed in {MANIFEST}")

    def check_signature(self, key: Path) -> None:
        """Refuse the bundle unless it was signed by the public key in a file. Raises InputError."""
        signature = self._files.read(SIGNATURE, LARGEST_SIGNATURE) if SIGNATURE in self._files.names() else None
        check_signature(self._manifest_bytes, signature, key, str(self.path))

    def actor_bytes(self, agent: int) -> bytes:
        """The ONNX file of one agent, as the manifest describes it. Raises InputError when it is not that."""
        entry = self._entry(agent)
        data = self._files.read(entry.file, LARGEST_ACTOR)
        found = hashlib.sha256(data).hexdigest()
        if found != entry.sha256:
            raise InputError(f"{self.path}: {entry.file}: SHA-256 is {found[:12]}..., {MANIFEST} says {entry.sha256[:12]}...")
        if len(data) != entry.bytes:
            raise InputError(f"{self.path}: {entry.file}: has {len(data)} bytes, {MANIFEST} says {entry.bytes}")
        return data

    def load_actor(self, agent: int) -> OnnxActor:
        """The actor of one agent, checked against the manifest. Raises InputError."""
        place = f"{self.path}: {self._entry(agent).file}"
        actor = OnnxActor(self.actor_bytes(agent), place)
        contract, manifest = actor.contract, self.manifest
        for name, found, expected in (
            ("agent", contract.agent, agent),
            ("team_size", contract.team_size, manifest.team_size),
            ("task", contract.task, manifest.task),
        ):
            if found != expected:
                raise InputError(f"{place}: contract: {name}: is {found}, {MANIFEST} says {expected}")
        if not set(contract.robot_kinds) <= set(manifest.robot_kinds):
            raise InputError(f"{place}: contract: robot_kinds: is {contract.robot_kinds}, {MANIFEST} says {manifest.robot_kinds}")
        return actor

    def verify(self) -> list[OnnxActor]:
        """Check everything: all hashes, all contracts, and that they are one team's. The actors by agent. Raises InputError."""
        actors = [self.load_actor(agent) for agent in range(self.manifest.team_size)]
        _check_one_team([actor.contract for actor in actors], [entry.file for entry in self.manifest.actors], self.path)
        return actors

    def entry_for(self, agent: int, robots: int, place: str) -> ActorEntry:
        """Which actor an agent of a team of `robots` runs.

        Entity actors are all the same, so that there may be more robots than files. `place` names the team in errors.

        Raises:
            InputError: the bundle is for a team of another size.
        """
        size = self.manifest.team_size
        entry = self._entry(agent % size)
        if robots != size and not self.load_actor(entry.agent).contract.reads_entities:
            raise InputError(f"{self.path}: is for a team of {size}, {place} has {robots} robots")
        return entry

    def actors_for(self, robots: int, landmarks: int) -> list[OnnxActor]:
        """The actors of a team of another size, by agent. Raises InputError: they are not for that."""
        actors = self.verify()
        return [actors[agent % len(actors)].for_team(agent, robots, landmarks, str(self.path)) for agent in range(robots)]

    def _entry(self, agent: int) -> ActorEntry:
        if not 0 <= agent < len(self.manifest.actors):
            raise InputError(f"{self.path}: has no actor for agent {agent}; it has agents 0 ... {len(self.manifest.actors) - 1}")
        return self.manifest.actors[agent]


def read_bundle(path: str | Path) -> Bundle:
    """Open a bundle, a directory or its .zip. Raises InputError for one that is missing, incomplete or has files it does not list."""
    path = Path(path)
    if path.is_dir():
        return Bundle(path, DirectoryFiles(path))
    if path.is_file():
        return Bundle(path, ArchiveFiles(path))
    raise InputError(f"{path}: no such bundle (a directory with {MANIFEST}, or its .zip)")


def write_manifest(
    directory: str | Path,
    *,
    success: float,
    latency_margin: float | None = None,
    differences: Sequence[tuple[float, float]],
    created_by: str,
    provenance: Mapping[str, str],
) -> Manifest:
    """Describe the actors `actor_0.onnx` ... in a directory, which becomes a bundle.

    Team size, task and kinds are read from the actors' contracts, so the manifest cannot contradict them.

    Args:
        directory: has the actors and nothing else.
        success: see Manifest.
        latency_margin: see Manifest.
        differences: for each agent (rollout, closed loop), see ActorEntry.
        created_by: see Manifest.
        provenance: see Manifest.

    Raises:
        InputError: a file is missing or no actor, or the actors are not one team's.
    """
    directory = Path(directory)
    names = [f"actor_{agent}.onnx" for agent in range(len(differences))]
    files = [read_limited(directory / name, LARGEST_ACTOR) for name in names]
    contracts = [OnnxActor(data, str(directory / name)).contract for name, data in zip(names, files, strict=True)]
    _check_one_team(contracts, names, directory)
    manifest = Manifest(
        task=contracts[0].task,
        team_size=contracts[0].team_size,
        robot_kinds=tuple(dict.fromkeys(kind for contract in contracts for kind in contract.robot_kinds)),
        created_by=created_by,
        success=success,
        latency_margin=latency_margin,
        provenance=dict(provenance),
        actors=tuple(
            ActorEntry(
                agent=agent,
                file=names[agent],
                sha256=hashlib.sha256(data).hexdigest(),
                bytes=len(data),
                difference_rollout=rollout,
                difference_closed_loop=closed_loop,
            )
            for agent, (data, (rollout, closed_loop)) in enumerate(zip(files, differences, strict=True))
        ),
    )
    write_atomically(directory / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=2))
    return manifest


def decode_manifest(data: bytes, place: str) -> Manifest:
    """Parse and check one manifest; `place` names its file in errors. Raises InputError."""
    try:
        raw = msgspec.json.decode(data, type=dict)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{place}: is not JSON: {error}") from None
    if raw.get("bundle") != BUNDLE_VERSION:
        raise InputError(f"{place}: bundle: is version {raw.get('bundle')}, this runtime reads version {BUNDLE_VERSION}")
    manifest = convert(raw, Manifest, place)
    if not 1 <= manifest.team_size <= LARGEST_TEAM:
        raise InputError(f"{place}: team_size: is {manifest.team_size}, must be 1 ... {LARGEST_TEAM}")
    agents = [entry.agent for entry in manifest.actors]
    if agents != list(range(manifest.team_size)):
        raise InputError(f"{place}: actors: agents are {agents}, must be 0 ... {manifest.team_size - 1} in order (team_size)")
    _check_figures(manifest, place)
    for entry in manifest.actors:
        where = f"{place}: actors[{entry.agent}]"
        odd = any(mark in entry.file for mark in "/\\") or not entry.file.isprintable()
        if odd or entry.file in ("", ".", "..", MANIFEST, SIGNATURE):
            raise InputError(f"{where}.file: is {entry.file!r}, must be the name of a file in the bundle")
        if not _SHA256.fullmatch(entry.sha256):
            raise InputError(f"{where}.sha256: is {entry.sha256[:80]!r}, must be 64 hexadecimal digits")
        if not 0 < entry.bytes <= LARGEST_ACTOR:
            raise InputError(f"{where}.bytes: is {entry.bytes}, must be 1 ... {LARGEST_ACTOR}")
    return manifest


def _check_figures(manifest: Manifest, place: str) -> None:
    if not 0 <= manifest.success <= 1:
        raise InputError(f"{place}: success: is {manifest.success}, must be 0 ... 1")
    figures = [(f"actors[{entry.agent}].difference_rollout", entry.difference_rollout) for entry in manifest.actors]
    figures += [(f"actors[{entry.agent}].difference_closed_loop", entry.difference_closed_loop) for entry in manifest.actors]
    if manifest.latency_margin is not None:
        figures.append(("latency_margin", manifest.latency_margin))
    for name, value in figures:
        if not 0 <= value < math.inf:
            raise InputError(f"{place}: {name}: is {value}, must be finite and not below 0")


def _read_manifest(path: Path, files: DirectoryFiles | ArchiveFiles) -> bytes:
    if MANIFEST not in files.names():
        raise InputError(f"{path}: has no {MANIFEST}")
    return files.read(MANIFEST, LARGEST_MANIFEST)


def _check_one_team(contracts: Sequence[Contract], names: Sequence[str], place: Path) -> None:
    """All of a team see the same world in the same way, at the same rate, whatever kinds they are of."""
    first = contracts[0]
    if first.team_size != len(contracts):
        raise InputError(f"{place}: has {len(contracts)} actors, {names[0]} is for a team of {first.team_size}")
    for agent, (contract, name) in enumerate(zip(contracts, names, strict=True)):
        if contract.agent != agent:
            raise InputError(f"{place}: {name}: contract: agent: is {contract.agent}, its place in the team is {agent}")
        for part in _SHARED:
            if getattr(contract, part) != getattr(first, part):
                raise InputError(f"{place}: {name}: contract: {part}: is {getattr(contract, part)}, {names[0]} has {getattr(first, part)}")
