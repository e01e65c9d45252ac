"""Keys: drawn for a team, kept from others, and what a robot accepts of them."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from robots.errors import InputError
from robots.yaml_input import dump_yaml
from runtime.keys import TeamKeys, load_operator_keys, load_robot_keys, make_keys
from tests.runtime.factory import make_bundle

TEAM = ["r0", "r1"]


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    make_keys(TEAM, tmp_path / "keys")
    return tmp_path / "keys"


def refusal(act: Callable[[], object]) -> str:
    with pytest.raises(InputError) as raised:
        act()
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_secrets_are_their_owners_alone_and_no_two_are_the_same(keys: Path) -> None:
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in keys.iterdir()}
    public, secret = dict.fromkeys(("team.pub", "signing.pub"), 0o644), ("signing.key", "operator.key", "r0.key", "r1.key")
    assert modes == {**public, **dict.fromkeys(secret, 0o600)}
    assert stat.S_IMODE(keys.stat().st_mode) == 0o700
    first, second = (load_robot_keys(keys, robot, TEAM) for robot in TEAM)
    operator = load_operator_keys(keys, TEAM)
    assert first.public == second.public == operator.public and first.operator == second.operator
    assert len({first.secret, second.secret, operator.secret, first.operator, *first.public.values()}) == 6


def test_keys_are_never_overwritten(keys: Path) -> None:
    before = {path: path.read_bytes() for path in keys.iterdir()}
    assert "exists already" in refusal(lambda: make_keys(TEAM, keys))
    assert {path: path.read_bytes() for path in keys.iterdir()} == before


def readable_by_others(keys: Path) -> None:
    (keys / "r0.key").chmod(0o640)


def of_another_robot(keys: Path) -> None:
    (keys / "r1.key").rename(keys / "r0.key")


def of_another_team(keys: Path) -> None:
    make_keys(TEAM, keys.parent / "others")
    (keys.parent / "others" / "r0.key").rename(keys / "r0.key")


def not_there(keys: Path) -> None:
    (keys / "r0.key").unlink()


def without_a_peer(keys: Path) -> None:
    listed = dict(load_robot_keys(keys, "r0", TEAM).public)
    (keys / "team.pub").write_text(dump_yaml(TeamKeys(robots={"r0": listed["r0"].hex()})))


def of_one_key_for_two(keys: Path) -> None:
    key = load_robot_keys(keys, "r0", TEAM).public["r0"].hex()
    (keys / "team.pub").write_text(dump_yaml(TeamKeys(robots={"r0": key, "r1": key})))


def cut_short(keys: Path) -> None:
    (keys / "team.pub").write_text(dump_yaml(TeamKeys(robots={"r0": "ab" * 31, "r1": "cd" * 32})))


def with_spaces(keys: Path) -> None:
    (keys / "team.pub").write_text(dump_yaml(TeamKeys(robots={"r0": "ab " * 32, "r1": "cd" * 32})))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (readable_by_others, "r0.key: has mode 0640, a secret must not be readable by others: chmod 600"),
        (of_another_robot, "r0.key: robot: is 'r1', this is 'r0'"),
        (of_another_team, "r0.key: curve_secret: belongs to public key "),
        (not_there, "r0.key: cannot be read: No such file"),
        (without_a_peer, "team.pub: has no key of robot 'r1'; it has: r0"),
        (of_one_key_for_two, "team.pub: robots.r0: has the key of another robot"),
        (cut_short, "team.pub: robots.r0: is not a key (64 hexadecimal digits)"),
        (with_spaces, "team.pub: robots.r0: is not a key (64 hexadecimal digits)"),
    ],
)
def test_keys_that_do_not_fit_are_refused(keys: Path, spoil: Callable[[Path], None], words: str) -> None:
    spoil(keys)
    assert words in refusal(lambda: load_robot_keys(keys, "r0", TEAM))


def test_keys_made_before_there_was_an_operator_still_open_the_team_and_stop_no_one(keys: Path) -> None:
    listed = {robot: key.hex() for robot, key in load_robot_keys(keys, "r0", TEAM).public.items()}
    (keys / "team.pub").write_text(dump_yaml({"robots": listed}))
    assert load_robot_keys(keys, "r0", TEAM).operator is None
    assert "team.pub: has no operator's key" in refusal(lambda: load_operator_keys(keys, TEAM))


def operators_of_another_team(keys: Path) -> None:
    make_keys(TEAM, keys.parent / "others")
    (keys.parent / "others" / "operator.key").rename(keys / "operator.key")


def operators_for_all_to_read(keys: Path) -> None:
    (keys / "operator.key").chmod(0o644)


def operators_not_there(keys: Path) -> None:
    (keys / "operator.key").unlink()


def a_robots_for_the_operator(keys: Path) -> None:
    listed = load_robot_keys(keys, "r0", TEAM).public
    (keys / "team.pub").write_text(
        dump_yaml(TeamKeys(robots={name: key.hex() for name, key in listed.items()}, operator=listed["r1"].hex()))
    )


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (operators_of_another_team, "operator.key: operator_secret: belongs to public key "),
        (operators_for_all_to_read, "operator.key: has mode 0644, a secret must not be readable by others: chmod 600"),
        (operators_not_there, "operator.key: cannot be read: No such file"),
        (a_robots_for_the_operator, "team.pub: operator: has the key of a robot"),
    ],
)
def test_an_operators_key_that_does_not_fit_is_refused(keys: Path, spoil: Callable[[Path], None], words: str) -> None:
    spoil(keys)
    assert words in refusal(lambda: load_operator_keys(keys, TEAM))


def test_the_command_makes_keys_for_the_robots_of_a_team_file(tmp_path: Path, fieldswarm: Callable) -> None:
    (tmp_path / "team.yaml").write_text("robots: [{id: r0, kind: point, agent: 0, endpoint: 'tcp://127.0.0.1:1'}]")
    made = fieldswarm("keys", "--team", tmp_path / "team.yaml", "--out", tmp_path / "keys")
    assert made.returncode == 0 and {path.name for path in (tmp_path / "keys").iterdir()} == {
        "team.pub",
        "r0.key",
        "operator.key",
        "signing.key",
        "signing.pub",
    }
    again = fieldswarm("keys", "--team", tmp_path / "team.yaml", "--out", tmp_path / "keys")
    assert again.returncode == 2 and again.stderr.count("\n") == 1
    for name in ("../r0", "operator"):
        (tmp_path / "team.yaml").write_text(f"robots: [{{id: {name}, kind: point, agent: 0, endpoint: 'tcp://127.0.0.1:1'}}]")
        odd = fieldswarm("keys", "--team", tmp_path / "team.yaml", "--out", tmp_path / "more")
        assert odd.returncode == 2 and f"'{name}' cannot be the name of a key file" in odd.stderr and not (tmp_path / "more").exists()


def test_a_bundle_is_verified_by_its_key_and_refused_by_any_other(tmp_path: Path, keys: Path, fieldswarm: Callable) -> None:
    from runtime.signature import SIGNATURE, sign

    bundle = make_bundle(tmp_path / "bundle", kind="point")

    def verify() -> str:
        done = fieldswarm("verify", bundle, "--key", keys / "signing.pub")
        assert (done.returncode, done.stderr.count("\n")) in ((0, 0), (2, 1))
        return done.stdout.partition("\n")[0] + done.stderr

    assert "is not signed (it has no manifest.sig)" in verify()
    (bundle / SIGNATURE).write_bytes(sign((bundle / "manifest.json").read_bytes(), keys / "signing.key"))
    assert "sound and signed by" in verify()
    manifest = (bundle / "manifest.json").read_bytes()
    (bundle / "manifest.json").write_bytes(manifest.replace(b'"success": 1.0', b'"success": 0.9'))
    assert "does not fit manifest.json, which was changed since it was signed" in verify()
    (bundle / "manifest.json").write_bytes(manifest)
    make_keys(TEAM, tmp_path / "others")
    (bundle / SIGNATURE).write_bytes(sign(manifest, tmp_path / "others" / "signing.key"))
    assert "is signed by" in verify()
    for rubbish in (b"", b"{}", b'{"ed25519_public": "", "signature": "zz"}', b"\xff"):
        (bundle / SIGNATURE).write_bytes(rubbish)
        assert "manifest.sig: is not a signature" in verify()
    # A signature changes nothing for those who ask for none.
    assert fieldswarm("verify", bundle).returncode == 0


def test_a_secret_signing_key_that_others_can_read_signs_nothing(keys: Path) -> None:
    from runtime.signature import sign

    (keys / "signing.key").chmod(0o644)
    assert "must not be readable by others" in refusal(lambda: sign(b"", keys / "signing.key"))
