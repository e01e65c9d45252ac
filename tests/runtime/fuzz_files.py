"""The YAML files of a robot and its keys, as fuzz targets: what is read is within its schema, and is written as it was read."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from unittest import mock

import numpy as np
import zmq
from zmq.utils import z85

from robots import spec as robot_spec
from robots.errors import InputError
from robots.spec import load_spec, robot_kinds
from robots.yaml_input import dump_yaml
from runtime.barrier import Neighbours, barrier_for
from runtime.ed25519 import nacl_library
from runtime.keys import TEAM_FILE, RobotKeys, SecretKey, TeamKeys, load_robot_keys
from runtime.link import read_link
from runtime.link_model import LinkModel
from runtime.log_file import open_log, read_log
from runtime.log_lines import Closing, Event, Header, Line, Peer, Tick
from runtime.safety import Limits
from runtime.signature import check_signature
from runtime.states import Inputs, Mode, settle, stale_after
from runtime.team import read_missions, read_team
from sim3d.profile import load_profile, profile_names

CONFIGS = Path(__file__).parents[2] / "configs"
PERIOD = 0.02
_T = TypeVar("_T")

_MEMORY = Path("/dev/shm")
_FOLDER = tempfile.TemporaryDirectory(prefix="fieldswarm-fuzz-", dir=_MEMORY if _MEMORY.is_dir() else None)
FOLDER = Path(_FOLDER.name)
"""Where an input is put that has to be a file."""


def read(reader: Callable[[Path], _T], data: bytes, name: str = "input") -> _T | None:
    """What a file with these bytes is to a reader; None when it was refused, which takes one line."""
    path = FOLDER / name
    path.write_bytes(data)
    return refused_or(lambda: reader(path))


def refused_or(act: Callable[[], _T]) -> _T | None:
    """What comes of it; None when it was refused, which takes one line that a terminal can show."""
    try:
        return act()
    except InputError as error:
        assert str(error).isprintable(), "a refusal is one line"
        return None


TEAMS = (
    (CONFIGS / "teams" / "three_omni.yaml").read_bytes(),
    b"""robots: [{id: r0, kind: point, agent: 0, endpoint: 'ipc://r0'}]
require_peers: false
arm_timeout: 1e1
lockstep_timeout: 0.5
geofence: 2.5
staleness: {stale_periods: 3.5, stale_floor: 0.1, lost: 0.5, own_hold: 0.5, own_stop: 2.0}
separation: {margin: 0.02, command_delay: 0.1, message_delay: 0.01}
""",
    b"""robots:
- {id: r0, kind: &k omni, agent: 0, endpoint: 'tcp://[::1]:1'}
- {id: r1, kind: *k, agent: 1, endpoint: 'tcp://h:2'}
separation: null
""",
)


def team_file(data: bytes) -> bool:
    """A team file, up to the limits and states that follow from it."""
    team = read(read_team, data)
    if team is None:
        return False
    assert sorted(member.agent for member in team.robots) == list(range(len(team.robots)))
    for names in ([each.id for each in team.robots], [each.endpoint for each in team.robots]):
        assert len(set(names)) == len(names)
    _finite_and_positive(team.arm_timeout, team.lockstep_timeout, team.geofence or 1.0, stale_after(team.staleness, PERIOD))
    me = team.robots[0]
    assert team.member(me.id) is me and len(team.peers_of(me.id)) == len(team.robots) - 1
    spec = load_spec(me.kind)
    Limits.of(spec, PERIOD, team.geofence)
    barrier = barrier_for(spec, [peer.kind for peer in team.peers_of(me.id)], team.separation, PERIOD)
    if barrier is not None:
        count = len(barrier.distance)
        planes = barrier.half_planes(np.zeros(2), np.zeros(2), Neighbours(np.ones((count, 2)), np.ones((count, 2)), np.zeros(count)))
        assert np.isfinite(planes.normal).all() and not np.isnan(planes.bound).any()
    settle(Mode.INIT, Inputs(0.0, (0.0, math.inf)), team.staleness, PERIOD)
    _written_as_read(team, read_team)
    return True


MISSIONS = (
    b"missions: [{landmarks: [[0, 1], [0.5, -0.5]], starts: [[1, 1], [1e-3, 0]], seed: 3}, {landmarks: [[0, 1], [2, 2.5]]}]",
    b"missions:\n  - landmarks: [[0.0, 1.0], [-.5, .5]]\n  - {landmarks: [[1, 1], [0, 0]]}\n",
)


def mission_file(data: bytes) -> bool:
    """A mission file for two landmarks."""
    missions = read(lambda path: read_missions(path, 2), data)
    if missions is None:
        return False
    for mission in missions.missions:
        assert np.array(mission.landmarks).shape == (2, 2) and np.isfinite(np.array(mission.landmarks)).all()
        assert all(math.isfinite(each) for point in mission.starts for each in point)
    _written_as_read(missions, lambda path: read_missions(path, 2))
    return True


LINKS = (
    b"link: {delay: 0.08, jitter: 0.02, loss: 0.02, bursts: 0.1, burst_length: 0.2, duplication: 0.1, range: 3, in_order: true}",
    b"""link: {delay: {uniform: [0.0, 0.3]}, loss: {choice: [0, 0.1], shared: true}, bandwidth: 1e4}
faults: [{kind: lie, robot: 1, at: 2.0, offset: 0.5}]
""",
    b"faults:\n- {kind: silent, at: {uniform: [0, 1]}, probability: 0.5}\n- {kind: late, at: 1}\n",
)


def link_file(data: bytes) -> bool:
    """An artificial link, up to the first messages that pass it."""
    profile = read(lambda path: read_link(path, 3), data)
    if profile is None:
        return False
    links = LinkModel(profile, np.array([1]), 3, PERIOD, (0,))
    for tick in range(3):
        heard = links.step(tick, np.zeros((1, 1, 2)), np.ones((1, 3, 2)), np.zeros((1, 3, 2)))
    assert not np.isnan(heard.age).any() and (heard.age >= 0).all()
    _written_as_read(profile, lambda path: read_link(path, 3))
    return True


PROFILES = tuple((CONFIGS / "profiles" / f"{name}.yaml").read_bytes() for name in profile_names())


def profile_file(data: bytes) -> bool:
    """A profile of disturbances."""
    profile = read(load_profile, data)
    if profile is None:
        return False
    _written_as_read(profile, load_profile)
    return True


def _log(path: Path) -> bytes:
    file = open_log(path)
    shared = {"team": {"robots": []}, "contract_sha256": "", "actor_sha256": "", "versions": {"numpy": "2"}, "link": {}, "missions": {}}
    file.write(Header(robot="r0", boot=1, clock="realtime", period=0.02, began=1.7e9, command_latency=0.05, kind="omni", **shared))
    for tick in range(3):
        peers = {"r1": Peer(None if tick == 0 else 0.02, [1.0, 2.0], [0.0, 0.0])}
        own = {"own_age": 0.01, "position": [0.1, 0.2], "velocity": [0.0, -0.5], "heading": 0.0}
        told = {"peers": peers, "wanted": [0.1, 0.0], "sent": [0.1, 0.0], "gate": ["speed"], "compute": 300.0}
        file.write(Tick(t=0.02 * tick, tick=tick, episode=0, elapsed=tick, mode="ACTIVE", **own, **told))
    file.write(Event(0.07, "mode", {"from": "ACTIVE", "to": "HOLD"}))
    file.write(Closing({"ticks": 3}))
    file.close()
    return path.read_bytes()


LOGS = (_log(FOLDER / "a.jsonl"), _log(FOLDER / "a.mcap"))


def log(data: bytes) -> bool:
    """A log, in either form."""
    lines = read(lambda path: list(read_log(path)), data)
    if lines is None:
        return False
    assert all(isinstance(line, Line) for line in lines)
    return True


def _spec(kind: str) -> bytes:
    text = (Path(robot_spec.__file__).parent / kind / "spec.yaml").read_bytes()
    return text.replace(f"kind: {kind}\n".encode(), b"kind: omni\n")


SPECS = tuple(map(_spec, robot_kinds()))


def spec_file(data: bytes) -> bool:
    """The spec of a robot kind, read as that of `omni`."""
    folder = FOLDER / "omni"
    folder.mkdir(exist_ok=True)
    (folder / "spec.yaml").write_bytes(data)
    with mock.patch.object(robot_spec, "robot_folder", lambda kind: folder):
        spec = refused_or(lambda: load_spec.__wrapped__("omni"))
    if spec is None:
        return False
    figures = (spec.radius, spec.mass, spec.speed_limit, spec.acceleration_limit, spec.cruise_speed, spec.loop_rate, spec.watchdog)
    _finite_and_positive(*figures, spec.loop_period)
    assert 0 <= spec.response_time < math.inf and spec.velocity_time_constant >= 0 and spec.command_latency >= 0
    return True


_SECRET = bytes(range(32))
_PUBLIC = z85.decode(zmq.curve_public(z85.encode(_SECRET)))
KEYS = (
    dump_yaml(TeamKeys(robots={"r0": _PUBLIC.hex(), "r1": bytes(range(1, 33)).hex()})).encode()
    + b"\0"
    + dump_yaml(SecretKey(robot="r0", curve_secret=_SECRET.hex())).encode(),
)


def key_files(data: bytes) -> bool:
    """`team.pub` and `r0.key`, with a NUL byte between them."""
    listed, _, own = data.partition(b"\0")
    (FOLDER / TEAM_FILE).write_bytes(listed)
    secret_file = FOLDER / "r0.key"
    secret_file.write_bytes(own)
    secret_file.chmod(0o600)
    keys: RobotKeys | None = refused_or(lambda: load_robot_keys(FOLDER, "r0", ["r0", "r1"]))
    if keys is None:
        return False
    assert z85.decode(zmq.curve_public(z85.encode(keys.secret))) == keys.public["r0"] != keys.public["r1"]
    assert keys.public.keys() == {"r0", "r1"} and all(len(key) == 32 for key in (keys.secret, *keys.public.values()))
    return True


SIGNING_SEED = bytes(32)
_SIGNER = nacl_library().signing.SigningKey(SIGNING_SEED)
SIGNING_PUBLIC = FOLDER / "signing.pub"
SIGNING_PUBLIC.write_text(f"ed25519_public: {bytes(_SIGNER.verify_key).hex()!r}\n")
MANIFEST = b'{"bundle":1,"actors":[]}'
SIGNATURES = (
    b'{"ed25519_public":"%s","signature":"%s"}\n'
    % (bytes(_SIGNER.verify_key).hex().encode(), _SIGNER.sign(b"fieldswarm bundle 1\n" + MANIFEST).signature.hex().encode())
    + b"\0"
    + MANIFEST,
)


def signature(data: bytes) -> bool:
    """A signature and what it is said to sign, with a NUL byte between them."""
    proof, _, manifest = data.partition(b"\0")
    accepted = refused_or(lambda: check_signature(manifest, proof, SIGNING_PUBLIC, "bundle") or True) is not None
    assert not accepted or manifest == MANIFEST, "what was not signed was believed"
    return accepted


def _written_as_read(value: _T, reader: Callable[[Path], _T]) -> None:
    assert read(reader, dump_yaml(value).encode("utf-8", "surrogatepass"), "again") == value


def _finite_and_positive(*figures: float) -> None:
    assert all(0 < each < math.inf for each in figures), figures
