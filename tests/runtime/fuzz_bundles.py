"""Bundles and what is in them, as fuzz targets: contracts, manifests, ONNX files, archives."""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError, Message

from robots.spec import load_spec, robot_kinds
from runtime.actor import OnnxActor
from runtime.bundle import MANIFEST, decode_manifest, read_bundle
from runtime.bundle_files import ArchiveFiles
from runtime.contract import check_robot, decode_contract, encode_contract
from runtime.observation import field_shapes
from runtime.onnx_wire import MOST_NODES, check_model
from runtime.schedule import HeldAction
from runtime.signature import SIGNATURE, sign
from tests.runtime.factory import make_actor, make_bundle, make_contract
from tests.runtime.fuzz_files import FOLDER, SIGNING_PUBLIC, SIGNING_SEED, refused_or

CONTRACTS = (encode_contract(make_contract()).encode(), encode_contract(make_contract(1, 2, 4, "point", state_initial=())).encode())


def contract(data: bytes) -> bool:
    """The metadata of an actor, up to the schedule of a robot that it may drive."""
    try:
        text = data.decode()
    except UnicodeDecodeError:  # as in `runtime.actor`, where the library decodes it
        return False
    found = refused_or(lambda: decode_contract(text, "a.onnx"))
    if found is None:
        return False
    figures = (found.team_size, found.landmarks, found.period, found.arena_half_size, found.capture_radius, found.robot_radius)
    assert all(0 < each < math.inf for each in (*figures, found.action.limit))
    assert 0 <= found.agent < found.team_size and found.period_tolerance >= 0 and all(map(math.isfinite, found.state_initial))
    assert decode_contract(encode_contract(found), "a.onnx") == found
    refused_or(lambda: field_shapes(found.layout, found.team_size, found.landmarks))
    for kind in robot_kinds():
        spec = load_spec(kind)
        if refused_or(lambda spec=spec: check_robot(found, spec, "a.onnx") or True):
            assert HeldAction.for_robot(found, spec, spec.loop_period).every >= 1
    return True


def manifest(data: bytes) -> bool:
    """A manifest by itself."""
    found = refused_or(lambda: decode_manifest(data, MANIFEST))
    if found is None:
        return False
    assert 0 <= found.success <= 1 and 0 <= (found.latency_margin or 0.0) < math.inf
    assert [entry.agent for entry in found.actors] == list(range(found.team_size))
    for entry in found.actors:
        assert len(bytes.fromhex(entry.sha256)) == 32 and entry.bytes > 0 and Path(entry.file).name == entry.file
        assert 0 <= entry.difference_rollout < math.inf and 0 <= entry.difference_closed_loop < math.inf
    return True


ACTORS = (make_actor(make_contract()), make_actor(make_contract(agent=1, state_initial=())))


def onnx_wire(data: bytes) -> bool:
    """The look into an ONNX file, beside that of the onnx package: what it lets through has nothing in other files, and no odd operator."""
    if refused_or(lambda: check_model(data, "a.onnx") or True) is None:
        return False
    try:
        model = onnx.ModelProto.FromString(data)
    except DecodeError:
        return True  # no ONNX: onnxruntime refuses that
    nodes = 0
    for part in _parts(model):
        if isinstance(part, onnx.TensorProto):
            assert not part.external_data and part.data_location == onnx.TensorProto.DEFAULT
        if isinstance(part, onnx.NodeProto):
            nodes += 1
            assert part.domain in ("", "ai.onnx") and part.op_type not in ("", "Loop", "If", "Scan", "RandomNormal")
    assert nodes <= MOST_NODES
    return True


def _parts(message: Message) -> Iterator[Message]:
    yield message
    for field, value in message.ListFields():
        if field.message_type is not None:
            for part in value if field.is_repeated else (value,):
                yield from _parts(part)


def actor(data: bytes) -> bool:
    """A whole actor: one that is let in runs, and gives what its contract says."""
    found = refused_or(lambda: OnnxActor(data, "a.onnx"))
    if found is None:
        return False
    observation = np.linspace(-1.0, 1.0, 3 * found.contract.observation_size).reshape(3, -1)
    action, state = found.act(observation, found.initial_state(3))
    assert action.shape == (3, 2) and state.shape == (3, found.contract.state_size)
    return True


def _signed_bundle() -> tuple[bytes, dict[str, bytes]]:
    folder = make_bundle(FOLDER / "bundle", team_size=2, kind="point")
    key = FOLDER / "signing.key"
    key.write_text(f"ed25519_secret: {SIGNING_SEED.hex()!r}\n")
    key.chmod(0o600)
    (folder / SIGNATURE).write_bytes(sign((folder / MANIFEST).read_bytes(), key))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.iterdir()):
            archive.write(path, path.name)
    return packed.getvalue(), {path.name: path.read_bytes() for path in folder.iterdir()}


_ARCHIVE, _CONTENT = _signed_bundle()
ARCHIVES = (_ARCHIVE,)
MANIFESTS = (_CONTENT[MANIFEST],)


def archive(data: bytes) -> bool:
    """A signed bundle as a .zip: whatever is done to it, what is accepted is what was signed, byte for byte."""
    path = FOLDER / "bundle.zip"
    path.write_bytes(data)

    def load() -> dict[str, bytes]:
        bundle = read_bundle(path)
        bundle.check_signature(SIGNING_PUBLIC)
        files = {f"actor_{agent}.onnx": bundle.actor_bytes(agent) for agent in range(bundle.manifest.team_size)}
        return {MANIFEST: ArchiveFiles(path).read(MANIFEST, 2**20), **files}

    loaded = refused_or(load)
    assert loaded is None or loaded == {name: _CONTENT[name] for name in loaded}, "what was not signed was believed"
    return loaded is not None
