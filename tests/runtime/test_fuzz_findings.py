"""What fuzzing has found, once each: inputs that crashed a decoder, held it, or were accepted and should not have been."""

from __future__ import annotations

import io
import json
import math
import os
import struct
import zipfile
from pathlib import Path

import msgspec
import pytest

from robots.errors import InputError
from robots.plant_driver import SHORTEST_PERIOD
from robots.plant_protocol import PROTOCOL, Command, Welcome, encode
from runtime.bundle import read_bundle
from tests.runtime.factory import make_bundle
from tests.runtime.fuzz_targets import TARGETS


def welcome(loop_period: float = 0.02, watchdog: float = 0.5) -> bytes:
    return encode(Welcome(PROTOCOL, "r0", "omni", "velocity_setpoint", loop_period, "realtime", watchdog))


def changed(name: str, **changes: object) -> bytes:
    """A sound JSON or YAML input with other values."""
    decode = msgspec.yaml.decode if name == "robot_spec" else json.loads
    return json.dumps({**decode(TARGETS[name].seeds[0]), **changes}).encode()


def contract_action(**changes: object) -> bytes:
    return changed("contract", action={**json.loads(TARGETS["contract"].seeds[0])["action"], **changes})


def manifest_actor(**changes: object) -> bytes:
    first, *others = json.loads(TARGETS["manifest"].seeds[0])["actors"]
    return changed("manifest", actors=[{**first, **changes}, *others])


def packed(method: int = zipfile.ZIP_STORED, extra_name: str | None = None) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(TARGETS["archive"].seeds[0])) as sound, zipfile.ZipFile(data, "w", method) as archive:
        for name in sound.namelist():
            archive.writestr(name, sound.read(name))
        if extra_name is not None:
            archive.writestr(zipfile.ZipInfo("12345678"), b"")
    return data.getvalue().replace(b"12345678", (extra_name or "").encode().ljust(8, b"\0"))


FINDINGS: dict[str, tuple[str, bytes]] = {
    "a plant whose loop has no period": ("from_plant", welcome(loop_period=0.0)),
    "... one that is no number": ("from_plant", welcome(loop_period=math.nan)),
    "... one so short that there are more ticks than floats": ("from_plant", welcome(loop_period=5e-324)),
    "... one that is endless": ("from_plant", welcome(loop_period=math.inf)),
    "... one just too short": ("from_plant", welcome(loop_period=math.nextafter(SHORTEST_PERIOD, 0.0))),
    "a plant that stops a robot at once": ("from_plant", welcome(watchdog=0.0)),
    "... or never": ("from_plant", welcome(watchdog=math.inf)),
    "a YAML key that is a list": ("missions", b"? [a, b]\n: 1\n"),
    "a YAML key of two lines": ("team", b'{"robots": [], "a\\nb": 1}'),
    "a value that speaks to the terminal": ("team", b'robots: [{id: r0, kind: omni, agent: 0, endpoint: "\\e[2J"}]'),
    "a robot that answers before it is asked": ("robot_spec", changed("robot_spec", velocity_time_constant=-0.1)),
    "... after a time that is no number": (
        "robot_spec",
        TARGETS["robot_spec"].seeds[0].replace(b"command_latency: ", b"command_latency: .nan #"),
    ),
    "... so seldom that there is no period": ("robot_spec", changed("robot_spec", loop_rate=5e-324)),
    "a link that keeps messages for ever": ("link", b"link: {delay: 1e300}"),
    "a count that no float holds": ("contract", changed("contract", landmarks=10**400)),
    "an observation larger than the memory": ("contract", changed("contract", landmarks=10**12)),
    "a period of more ticks than can be counted": ("contract", changed("contract", period=1e308, period_tolerance=1e300)),
    "an effect after longer than can be counted": ("contract", contract_action(effect_delay=1e308)),
    "a success of more than everything": ("manifest", changed("manifest", success=1.5)),
    "a margin below nothing": ("manifest", changed("manifest", latency_margin=-0.1)),
    "a hash that is none": ("manifest", manifest_actor(sha256="xyz")),
    "a file of no bytes": ("manifest", manifest_actor(bytes=0)),
    "a file name that speaks to the terminal": ("manifest", manifest_actor(file="\x1b[2J")),
    "a difference below nothing": ("manifest", manifest_actor(difference_rollout=-1.0)),
    "an archive with a member without name": ("archive", packed(extra_name="")),
    "an archive packed in another way": ("archive", packed(zipfile.ZIP_LZMA)),
    "a graph whose inputs have names that are no text": ("actor", TARGETS["actor"].seeds[0].replace(b"batch", b"\xff\xfe\xfd\xfc\xfb")),
    "a log with a name that is no text": ("log", TARGETS["log"].seeds[1].replace(b"fieldswarm", b"\xff" * 10)),
    "a log with a chunk longer than any file": ("log", b"\x89MCAP0\r\n\x06" + struct.pack("<QQQQIIQ", 40, 0, 0, 0, 0, 0, 2**62)),
}


@pytest.mark.parametrize("what", FINDINGS)
def test_what_fuzzing_found_is_refused(what: str) -> None:
    name, data = FINDINGS[what]
    assert TARGETS[name].takes(data) is False


def test_a_name_that_looks_like_a_number_is_written_so_that_it_is_read_as_a_name() -> None:
    assert TARGETS["team"].takes(b"robots: [{id: '1e3', kind: omni, agent: 0, endpoint: 'tcp://h:1'}]")


def test_a_command_that_overflows_moves_nothing_instead_of_commanding_what_is_no_number() -> None:
    assert TARGETS["from_driver"].takes(encode(Command(5, (1e308, 1e308))))


PLACES: dict[str, str] = {"manifest": "manifest.json", "actor": "actor_0.onnx"}


@pytest.mark.parametrize("place", PLACES)
def test_a_pipe_in_a_bundle_does_not_hold_the_start(tmp_path: Path, place: str) -> None:
    bundle = make_bundle(tmp_path / "bundle", team_size=1)
    path = bundle / PLACES[place]
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(InputError, match="is no regular file"):
        read_bundle(bundle).verify()


def test_a_link_in_a_bundle_leads_to_what_the_manifest_says_or_nowhere(tmp_path: Path) -> None:
    """Some tools keep files by their hash, and link to them."""
    bundle = make_bundle(tmp_path / "bundle", team_size=1)
    (bundle / "actor_0.onnx").rename(tmp_path / "elsewhere")
    (bundle / "actor_0.onnx").symlink_to(tmp_path / "elsewhere")
    assert len(read_bundle(bundle).verify()) == 1
    (bundle / "actor_0.onnx").unlink()
    (bundle / "actor_0.onnx").symlink_to("/dev/zero")
    with pytest.raises(InputError, match="is no regular file"):
        read_bundle(bundle).verify()


def test_an_archive_of_very_many_members_is_refused_before_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "many.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("manifest.json", b"{}")
    data = path.read_bytes()
    start = data.index(b"PK\x01\x02")
    entry, end = data[start : data.index(b"PK\x05\x06")], data[data.index(b"PK\x05\x06") :]
    count = 2**20 // len(entry) + 1
    path.write_bytes(data[:start] + entry * count + end[:8] + struct.pack("<HHII", count, count, count * len(entry), start) + b"\0\0")
    with pytest.raises(InputError, match=r"its directory has 10[0-9]* bytes, at most 1048576 are allowed"):
        read_bundle(path)
