"""`fieldswarm scale`: the same actors in teams of several sizes, what is kept, and what is refused."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import msgspec
import numpy as np
import pytest

from runtime import cli
from tests.training.small_entities import SMALL
from training import export, latency_margin
from training.checkpoint import save_checkpoint
from training.config import TrainConfig
from training.scale.costs import Cost, training_cost
from training.scale.table import growth, row_of
from training.train import start_run

SIZES = (2, 4)


@pytest.fixture(scope="module", autouse=True)
def quick_exports():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "SUCCESS_EPISODES", 16)
        patch.setattr(latency_margin, "MISSIONS", 4)
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that has just begun."""
    return begun(SMALL, tmp_path_factory.mktemp("run"))


def begun(config: TrainConfig, folder: Path) -> Path:
    save_checkpoint(folder, start_run(config, folder))
    return folder


def words(run: Path, out: Path, *more: object) -> list[str]:
    sizes = ("--robots", *SIZES, "--episodes", 12, "--seconds", 1)
    return list(map(str, ("scale", run, *sizes, "--out", out, *more)))


@pytest.fixture(scope="module")
def done(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("scale") / "out"
    assert cli.main(words(run, out)) == 0
    return out


def test_each_size_is_flown_by_all_runs_and_once_as_processes(done: Path) -> None:
    rows = list(csv.DictReader((done / "figures.csv").open()))
    assert [int(row["robots"]) for row in rows] == list(SIZES)
    for size, row in zip(SIZES, rows, strict=True):
        with np.load(done / "teams" / f"{size}.npz") as figures:
            assert figures["coverage"].shape == (1, 12)
            assert float(row["coverage"]) == pytest.approx(figures["coverage"].mean(), abs=1e-9)
            assert float(row["contacts"]) == pytest.approx(2 * figures["contacts"].mean() / size, abs=1e-9)
        assert 0 < float(row["tick_p50"]) <= float(row["tick_p99"])
    # Ten messages a second, each to every peer.
    assert float(rows[1]["sent"]) == pytest.approx(3 * float(rows[0]["sent"]), rel=0.1) and 500 < float(rows[0]["sent"]) < 3000
    assert (done / "scale.png").read_bytes().startswith(b"\x89PNG")
    assert not list(done.glob("processes-*"))


def test_what_is_there_is_kept_and_what_is_missing_comes_out_the_same(done: Path, run: Path) -> None:
    kept, lost = done / "costs" / "2.json", done / "teams" / "4.npz"
    before, figures = kept.read_bytes(), dict(np.load(lost))
    lost.write_bytes(b"half")
    (done / "costs" / "4.json").unlink()
    assert cli.main(words(run, done, "--resume")) == 0
    again = dict(np.load(lost))
    assert kept.read_bytes() == before and all(np.array_equal(again[name], figures[name], equal_nan=True) for name in figures)
    assert (done / "costs" / "4.json").exists()


def test_results_of_something_else_are_not_gone_on_with(done: Path, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    other = begun(msgspec.structs.replace(SMALL, seed=1), tmp_path / "other")
    for line, said in (
        (words(run, done), "holds results already; --resume goes on with them"),
        (words(other, done, "--resume"), "runs[0]: is "),
        (words(run, done, "--resume", "--episodes", "9"), "episodes: is 12, to go on with these results it must be 9"),
    ):
        assert cli.main(line) == 2
        assert said in capsys.readouterr().err


def test_what_cannot_be_flown_is_refused_in_one_line(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    fixed = begun(TrainConfig(), tmp_path / "fixed")
    for line, said in (
        (words(fixed, tmp_path / "out"), "network.kind: is perceptrons"),
        (words(tmp_path / "nothing", tmp_path / "out"), "checkpoint.pt: cannot be read: No such file or directory"),
        (words(run, tmp_path / "out", "--robots", "0"), "--robots: is 0, must be at least 1"),
        (words(run, tmp_path / "out", "--robots", "31"), "are for at most 30"),
    ):
        assert cli.main(line) == 2
        error = capsys.readouterr().err.strip().splitlines()
        assert said in error[-1] and "Traceback" not in "".join(error)
        assert not (tmp_path / "out").exists()


def test_a_larger_team_takes_longer_to_train_and_growth_is_an_exponent() -> None:
    assert training_cost(SMALL, 8) > training_cost(SMALL, 2)
    metrics = {name: np.zeros((3, 5)) for name in ("success", "success_end", "coverage", "contacts")}
    rows = [
        row_of(n, metrics, Cost(training=1.0, tick_p50=tick, tick_p99=tick, missed=0.0, memory=1.0, sent=1.0))
        for n, tick in ((3, 100.0), (12, 200.0))
    ]
    assert growth(rows) == pytest.approx(0.5) and np.isnan(growth(rows[:1]))


def test_the_manifest_says_what_made_it(done: Path) -> None:
    manifest = json.loads((done / "scale.json").read_bytes())
    assert manifest["robots"] == list(SIZES) and len(manifest["runs"]) == 1 and manifest["command"][:2] == ["fieldswarm", "scale"]
