"""A bundle is exactly what its manifest says, as a directory and as a .zip, or it is refused."""

from __future__ import annotations

import hashlib
import json
import shutil
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robots.errors import InputError
from runtime.bundle import MANIFEST, decode_manifest, read_bundle, write_manifest
from tests.runtime.factory import make_actor, make_bundle, make_contract


def zipped(directory: Path) -> Path:
    return Path(shutil.make_archive(str(directory), "zip", directory))


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_bundle(path).verify()
    text = str(caught.value)
    assert str(path) in text and "\n" not in text
    return text


def edit_manifest(directory: Path, change: Callable[[dict[str, Any]], None]) -> None:
    raw = json.loads((directory / MANIFEST).read_text())
    change(raw)
    (directory / MANIFEST).write_text(json.dumps(raw))


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return make_bundle(tmp_path / "bundle")


@pytest.mark.parametrize("pack", [lambda path: path, zipped], ids=["directory", "zip"])
def test_what_was_written_is_read(bundle: Path, pack: Callable[[Path], Path]) -> None:
    actors = read_bundle(pack(bundle)).verify()
    assert [actor.contract.agent for actor in actors] == [0, 1, 2]
    action, _ = actors[2].act(np.arange(18.0), actors[2].initial_state())
    np.testing.assert_allclose(action, [4.0, 4.5])


def test_zip_with_one_folder_around_it_is_read(bundle: Path) -> None:
    archive = Path(shutil.make_archive(str(bundle), "zip", bundle.parent, bundle.name))
    assert len(read_bundle(archive).verify()) == 3


@pytest.mark.parametrize("pack", [lambda path: path, zipped], ids=["directory", "zip"])
def test_one_changed_bit_is_found(bundle: Path, pack: Callable[[Path], Path]) -> None:
    file = bundle / "actor_1.onnx"
    data = bytearray(file.read_bytes())
    before = hashlib.sha256(data).hexdigest()
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    text = refusal(pack(bundle))
    assert "actor_1.onnx" in text and before[:12] in text and hashlib.sha256(data).hexdigest()[:12] in text


@pytest.mark.parametrize("pack", [lambda path: path, zipped], ids=["directory", "zip"])
def test_missing_and_unlisted_files_are_named(bundle: Path, pack: Callable[[Path], Path]) -> None:
    (bundle / "actor_1.onnx").rename(bundle / "actor_9.onnx")
    assert "actor_1.onnx is missing" in refusal(pack(bundle))
    (bundle / "actor_9.onnx").rename(bundle / "actor_1.onnx")
    (bundle / "extra.py").write_text("print('hello')")
    assert "extra.py is not listed" in refusal(pack(bundle))


def test_bundle_that_is_not_there_or_is_no_bundle(tmp_path: Path) -> None:
    assert "no such bundle" in refusal(tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    assert MANIFEST in refusal(tmp_path / "empty")
    (tmp_path / "text.zip").write_text("not a zip")
    assert "not a readable .zip" in refusal(tmp_path / "text.zip")


def test_every_cut_of_a_zip_is_refused(bundle: Path, tmp_path: Path) -> None:
    whole = zipped(bundle).read_bytes()
    cut = tmp_path / "cut.zip"
    for length in range(0, len(whole), 211):
        cut.write_bytes(whole[:length])
        refusal(cut)


@pytest.mark.parametrize("name", ["../actor_0.onnx", "/etc/passwd", "a/b.onnx", "..", "", "manifest.json", "a\\b.onnx", "a\0b"])
def test_a_manifest_cannot_point_out_of_the_bundle(bundle: Path, name: str) -> None:
    edit_manifest(bundle, lambda raw: raw["actors"][0].update(file=name))
    assert "actors[0].file" in refusal(bundle)


def test_zip_members_cannot_point_out_of_it_or_share_a_name(bundle: Path) -> None:
    archive = zipped(bundle)
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr("../outside", "x")
    assert "../outside is not listed" in refusal(archive)
    archive = zipped(bundle)
    with zipfile.ZipFile(archive, "a") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        file.writestr("actor_0.onnx", "x")
    assert "two members" in refusal(archive)


def test_zip_bomb_is_cut_off(bundle: Path) -> None:
    (bundle / "actor_0.onnx").write_bytes(b"\0" * (40 * 2**20))
    archive = bundle.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for path in bundle.iterdir():
            file.write(path, path.name)
    assert archive.stat().st_size < 100_000
    assert "more than" in refusal(archive)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda raw: raw.update(bundle=2), ["version 2", "version 1"]),
        (lambda raw: raw.update(bundel=1), ["bundel", "did you mean 'bundle'"]),
        (lambda raw: raw["actors"][0].update(sha25="x"), ["sha25", "did you mean 'sha256'"]),
        (lambda raw: raw.pop("success"), ["success"]),
        (lambda raw: raw.update(team_size=4), ["[0, 1, 2]", "0 ... 3"]),
        (lambda raw: raw["actors"].reverse(), ["[2, 1, 0]"]),
        (lambda raw: raw.update(team_size=10**9), ["1000000000"]),
        (lambda raw: raw["actors"][1].update(bytes=7), ["actor_1.onnx", "7"]),
        (lambda raw: raw.update(robot_kinds=["point"]), ["robot_kinds", "omni", "point"]),
    ],
)
def test_manifest_errors_name_both_values(bundle: Path, change: Callable[[dict[str, Any]], None], words: list[str]) -> None:
    edit_manifest(bundle, change)
    text = refusal(bundle)
    assert all(word in text for word in words), text


def test_swapped_actors_are_found_even_with_right_hashes(bundle: Path) -> None:
    def swap(raw: dict[str, Any]) -> None:
        first, second = raw["actors"][:2]
        for key in ("file", "sha256", "bytes"):
            first[key], second[key] = second[key], first[key]

    edit_manifest(bundle, swap)
    with pytest.raises(InputError, match=r"actor_1\.onnx: contract: agent: is 1, manifest\.json says 0"):
        read_bundle(bundle).load_actor(0)


def test_actors_of_two_teams_are_not_one_bundle(tmp_path: Path) -> None:
    for agent, period in enumerate((0.4, 0.4, 0.5)):
        (tmp_path / f"actor_{agent}.onnx").write_bytes(make_actor(make_contract(agent, period=period)))
    with pytest.raises(InputError, match=r"actor_2.*period: is 0\.5, actor_0\.onnx has 0\.4"):
        write_manifest(tmp_path, success=1.0, differences=[(0.0, 0.0)] * 3, created_by="tests", provenance={})
    assert not (tmp_path / MANIFEST).exists()


@given(st.binary(max_size=200))
def test_any_bytes_give_a_manifest_or_one_line(data: bytes) -> None:
    check_decodes(data)


JSON = st.sampled_from([None, True, -1, 0, 1, 2**63, 2**70, 0.5, 1e308, "", "a", "\0", "\ud800", [], [[]], [1], {}, {"a": "b"}, {"a": []}])
MANIFEST_KEYS = st.sampled_from(["bundle", "task", "team_size", "robot_kinds", "created_by", "success", "provenance", "actors", "x"])
ENTRY_KEYS = st.sampled_from(["agent", "file", "sha256", "bytes", "difference_rollout", "difference_closed_loop"])


@given(st.dictionaries(MANIFEST_KEYS, JSON), st.dictionaries(ENTRY_KEYS, JSON))
def test_any_json_in_place_of_a_value_gives_a_manifest_or_one_line(top: dict, entry: dict) -> None:
    sound_entry = {"agent": 0, "file": "a", "sha256": "", "bytes": 0, "difference_rollout": 0.0, "difference_closed_loop": 0.0}
    sound = {"bundle": 1, "task": "spread", "team_size": 1, "robot_kinds": [], "created_by": "", "success": 1.0}
    raw = {**sound, "actors": [{**sound_entry, **entry}], **top}
    check_decodes(json.dumps(raw).encode())


def check_decodes(data: bytes) -> None:
    try:
        manifest = decode_manifest(data, "m")
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert len(manifest.actors) == manifest.team_size
