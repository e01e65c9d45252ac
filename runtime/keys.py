"""The keys of a team: who its robots are, who may stop them, and whom a bundle of theirs may come from.

A folder with `team.pub` (the public keys of all robots and of their operator), `<robot>.key` for each robot, `operator.key`, and
`signing.key` and `signing.pub` for bundles. A robot needs `team.pub`, its own `.key`, and `signing.pub`; the operator needs `team.pub` and
`operator.key`. Keys are 64 hexadecimal digits.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import zmq
from zmq.utils import z85

from robots.errors import InputError
from robots.yaml_input import dump_yaml, read_yaml
from runtime.ed25519 import new_signing_key

TEAM_FILE = "team.pub"
OPERATOR_SECRET = "operator.key"
SIGNING_SECRET = "signing.key"
SIGNING_PUBLIC = "signing.pub"
KEY_BYTES = 32


class TeamKeys(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`team.pub`: robot id -> its public CURVE key, and the operator's, which folders made by earlier versions do not have."""

    robots: dict[str, str]
    operator: str = ""


class SecretKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`<robot>.key`: the secret CURVE key of one robot."""

    robot: str
    curve_secret: str


class OperatorSecret(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`operator.key`: the secret CURVE key of whoever may stop the robots."""

    operator_secret: str


class SigningSecret(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`signing.key`: an Ed25519 seed."""

    ed25519_secret: str


class SigningPublic(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`signing.pub`: an Ed25519 public key."""

    ed25519_public: str


@dataclass(frozen=True)
class RobotKeys:
    """What one robot needs to talk to its team.

    Attributes:
        secret: its own secret key, 32 bytes.
        public: robot id -> public key of each robot of the team, its own included, 32 bytes each.
        operator: public key of the team's operator; None where the folder has none.
    """

    secret: bytes
    public: dict[str, bytes]
    operator: bytes | None = None


@dataclass(frozen=True)
class OperatorKeys:
    """What the operator needs to stop robots.

    Attributes:
        secret: the operator's secret key, 32 bytes.
        public: robot id -> public key of each robot, 32 bytes each.
    """

    secret: bytes
    public: dict[str, bytes]


def make_keys(robots: Sequence[str], folder: Path) -> None:
    """Draw all keys of a team. The folder appears whole or not at all; secrets are readable by their owner alone.

    Raises:
        InputError: the folder exists already (keys are never overwritten), or cannot be written.
    """

    if folder.exists():
        raise InputError(f"{folder}: exists already; keys are never overwritten, choose another --out")
    pairs = {robot: _pair() for robot in robots}
    operator, operator_secret = _pair()
    seed, public = new_signing_key()
    files = {
        TEAM_FILE: (TeamKeys(robots={robot: pair[0] for robot, pair in pairs.items()}, operator=operator), 0o644),
        OPERATOR_SECRET: (OperatorSecret(operator_secret=operator_secret), 0o600),
        SIGNING_SECRET: (SigningSecret(ed25519_secret=seed.hex()), 0o600),
        SIGNING_PUBLIC: (SigningPublic(ed25519_public=public.hex()), 0o644),
    }
    for robot, (_, secret) in pairs.items():
        files[f"{robot}.key"] = (SecretKey(robot=robot, curve_secret=secret), 0o600)
    try:
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as temporary:
            partial = Path(temporary) / "keys"
            partial.mkdir(mode=0o700)
            for name, (content, mode) in files.items():
                handle = os.open(partial / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    file.write(dump_yaml(content))
            partial.rename(folder)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written: {error.strerror}") from None


def load_robot_keys(folder: Path, robot: str, team: Sequence[str]) -> RobotKeys:
    """The keys of one robot, from a folder with `team.pub` and its own `.key`.

    Args:
        folder: of the keys.
        robot: its id.
        team: ids of all robots.

    Raises:
        InputError: a key is missing, malformed, or not the robot's, or others may read the secret one.
    """
    public, operator = _read_team_file(folder / TEAM_FILE, team)
    own_file = folder / f"{robot}.key"
    own = read_secret(own_file, SecretKey)
    if own.robot != robot:
        raise InputError(f"{own_file}: robot: is '{own.robot}', this is '{robot}'")
    secret = _secret_of(public[robot], own.curve_secret, f"{own_file}: curve_secret", folder / TEAM_FILE)
    return RobotKeys(secret, public, operator)


def load_operator_keys(folder: Path, team: Sequence[str]) -> OperatorKeys:
    """The keys with which to stop the robots of a team, from a folder with `team.pub` and `operator.key`.

    Raises:
        InputError: a key is missing, malformed, or not the one in `team.pub`, or others may read the secret one.
    """
    public, operator = _read_team_file(folder / TEAM_FILE, team)
    if operator is None:
        raise InputError(f"{folder / TEAM_FILE}: has no operator's key, which `fieldswarm keys` now makes: make new keys for the team")
    own_file = folder / OPERATOR_SECRET
    secret = read_secret(own_file, OperatorSecret).operator_secret
    return OperatorKeys(_secret_of(operator, secret, f"{own_file}: operator_secret", folder / TEAM_FILE), public)


def _read_team_file(path: Path, team: Sequence[str]) -> tuple[dict[str, bytes], bytes | None]:
    """Public keys: of the robots, and of the operator if there is one. Raises InputError."""
    read = read_yaml(path, TeamKeys)
    for member in team:
        if member not in read.robots:
            raise InputError(f"{path}: has no key of robot '{member}'; it has: {', '.join(read.robots)}")
    public = {member: key_bytes(read.robots[member], f"{path}: robots.{member}") for member in team}
    twice = next((member for member in team if list(public.values()).count(public[member]) > 1), None)
    if twice is not None:
        raise InputError(f"{path}: robots.{twice}: has the key of another robot")
    operator = key_bytes(read.operator, f"{path}: operator") if read.operator else None
    if operator in public.values():
        raise InputError(f"{path}: operator: has the key of a robot")
    return public, operator


def _secret_of(public: bytes, text: str, place: str, team_file: Path) -> bytes:
    """The secret key in a file, which must be that of a public one. Raises InputError."""
    secret = key_bytes(text, place)
    found = z85.decode(zmq.curve_public(z85.encode(secret)))
    if found != public:
        raise InputError(f"{place}: belongs to public key {found.hex()[:12]}..., {team_file} has {public.hex()[:12]}...")
    return secret


def _pair() -> tuple[str, str]:
    """A new public key, and its secret one."""
    public, secret = zmq.curve_keypair()
    return z85.decode(public).hex(), z85.decode(secret).hex()


def read_secret(path: Path, into: type) -> msgspec.Struct:
    """A file with a secret, which nobody but its owner may read. Raises InputError."""
    try:
        mode = path.stat().st_mode & 0o777
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    if mode & 0o077:
        raise InputError(f"{path}: has mode {mode:04o}, a secret must not be readable by others: chmod 600 {path}")
    return read_yaml(path, into)


def key_bytes(text: str, place: str) -> bytes:
    """A key from its hexadecimal digits. Raises InputError."""
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES or len(text) != 2 * KEY_BYTES:
        raise InputError(f"{place}: is not a key ({2 * KEY_BYTES} hexadecimal digits)")
    return key
