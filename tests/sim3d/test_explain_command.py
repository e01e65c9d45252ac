"""`fieldswarm explain` as a user runs it, on the folder of a real evaluation."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime import cli
from sim3d.explain.results import EXPLANATION, read_explanation
from sim3d.suite.store import CellStore
from tests.conftest import write_point_bundle
from tests.sim3d.homing import write_homing_bundle

SUITE = """
name: small
episodes: {spread: 60}
aftermath: 1.0
scale: {spread: {metre: 1.0, second: 1.0}}
families:
  sensing:
    noise: {about: noise, rungs: {3: {sensing: {position_sigma: 0.05}}, 5: {sensing: {position_sigma: 0.3}}}}
  actuation:
    latency: {about: latency, rungs: {3: {actuation: {delay: 0.1}}, 5: {actuation: {delay: 0.3}}}}
  faults:
    stop: {about: a robot stops, rungs: {5: {faults: [{kind: stop, at: 0.5}]}}}
    lie: {about: a robot lies, rungs: {5: {faults: [{kind: lie, robot: 1, offset: 1.0}]}}}
deployed: {missions: 2, cells: [clean]}
"""


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an evaluation, beside its suite and its two bundles."""
    folder = tmp_path_factory.mktemp("explain")
    (folder / "suite.yaml").write_text(SUITE)
    for name, write in (("homing", write_homing_bundle), ("random", write_point_bundle)):
        (folder / name).mkdir()
        write(folder / name, robots=3)
    words = ["evaluate", f"homing={folder / 'homing'}", f"random={folder / 'random'}", "--suite", str(folder / "suite.yaml")]
    assert cli.main([*words, "--out", str(folder / "out"), "--executor", "in-process"]) == 0
    return folder


@pytest.fixture
def copy(evaluated: Path, tmp_path: Path) -> Path:
    """A copy of the evaluation's results, to spoil."""
    shutil.copytree(evaluated / "out", tmp_path / "out")
    return tmp_path / "out"


def test_an_evaluation_is_explained(evaluated: Path, fieldswarm: Callable) -> None:
    out = evaluated / "out"
    done = fieldswarm("explain", out)
    assert (done.returncode, done.stderr) == (0, "")
    assert "robot 2 contributes" in done.stdout and "faults-stop-5" in done.stdout and str(out / EXPLANATION) in done.stdout
    first = (out / EXPLANATION).read_bytes()
    explanation = read_explanation(out)
    store = CellStore.open(out)
    assert list(explanation.bundles) == ["homing", "random"]
    for name, bundle in explanation.bundles.items():
        for found in (bundle.shapley, bundle.shapley_success):
            stored = store.load(name, "clean")[f"during.{found.figure}"].mean()
            assert found.coalitions["111"].value == pytest.approx(stored, abs=1e-12)
            nobody = found.coalitions["000"].value
            assert sum(each.value for each in found.values) == pytest.approx(stored - nobody, abs=1e-12)
        cells = bundle.patient_zero.cells
        # The culprit is known in both faults; of the other four cells the three worst are looked at.
        assert [cell for cell, found in cells.items() if found.correct is not None] == ["faults-stop-5", "faults-lie-5"]
        score = {cell.id: store.load(name, cell.id)["during.success"].mean() for cell in store.manifest.cells}
        others = [cell for cell in cells if cells[cell].correct is None]
        assert len(others) == 3
        assert max(score[cell] for cell in others) <= max(score[cell] for cell in score if cell.startswith(("sensing", "actuation")))
        for found in cells.values():
            assert sum(found.first) == pytest.approx(found.named.value)
            assert sum(found.why.values()) == pytest.approx(found.named.value)
        assert bundle.patient_zero.false_alarms.value == 0
        stopped = cells["faults-stop-5"]
        assert stopped.correct.value == stopped.named.value > 0.8
    # Each homing robot brings its own landmark, and does not listen: nobody notices a lie.
    assert [each.value for each in explanation.bundles["homing"].shapley.values] == pytest.approx([1 / 3] * 3, abs=0.05)
    assert explanation.bundles["homing"].patient_zero.cells["faults-lie-5"].first == (0.0, 0.0, 0.0)
    liar = explanation.bundles["random"].patient_zero.cells["faults-lie-5"].first
    assert liar[1] > 0.8 and liar[0] == liar[2] == 0.0
    assert cli.main(["explain", str(out)]) == 0
    assert (out / EXPLANATION).read_bytes() == first


def _refused(capsys: pytest.CaptureFixture, out: Path) -> str:
    capsys.readouterr()
    assert cli.main(["explain", str(out)]) == cli.EXIT_BAD_INPUT
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert not (out / EXPLANATION).exists()
    return error


def test_what_cannot_be_explained_is_refused_in_one_line(
    copy: Path, evaluated: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    (copy / EXPLANATION).unlink(missing_ok=True)
    (copy / "cells" / "random" / "sensing-noise-5.npz").unlink()
    assert "sensing-noise-5.npz" in _refused(capsys, copy)
    manifest = copy / "manifest.json"
    text = manifest.read_text()
    manifest.write_text(text.replace(str(evaluated / "random"), str(evaluated / "gone")))
    assert str(evaluated / "gone") in _refused(capsys, copy)
    (tmp_path / "other").mkdir()
    write_homing_bundle(tmp_path / "other", robots=3)
    manifest.write_text(text.replace(str(evaluated / "random"), str(tmp_path / "other")))
    error = _refused(capsys, copy)
    assert str(tmp_path / "other") in error and "was made with" in error
    assert "manifest.json" in _refused(capsys, tmp_path)


def test_no_explanation_is_none_and_a_spoilt_one_is_an_error(copy: Path, tmp_path: Path) -> None:
    assert read_explanation(tmp_path) is None
    (copy / EXPLANATION).write_text("{")
    with pytest.raises(cli.InputError, match=EXPLANATION):
        read_explanation(copy)
