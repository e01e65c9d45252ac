"""`fieldswarm transfer`, as a user runs it."""

import csv
import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest

from runtime import cli
from sim3d.metrics import wilson_interval
from sim3d.profile import load_profile
from sim3d.statistics.interval import Estimate, layout_weights
from sim3d.suite.cells import Cell
from sim3d.suite.runner import CellRunner, CellTask, Entrant, Missions, Settings
from sim3d.transfer.figures import FIGURES, TransferRow, cell_figures
from sim3d.transfer.report import table_csv, table_text
from sim3d.world import random_layouts

WORDS = ["--missions", "6", "--profiles", "clean,field"]


def refuses(capsys, words, *parts):
    capsys.readouterr()
    assert cli.main(list(map(str, words))) == 2
    line = capsys.readouterr().err.strip()
    assert "\n" not in line, line
    for part in parts:
        assert str(part) in line, line


@pytest.fixture(scope="module")
def table(point_bundle, tmp_path_factory):
    """A finished table of one bundle."""
    folder = tmp_path_factory.mktemp("transfer") / "table"
    assert cli.main(["transfer", f"lively={point_bundle}", *WORDS, "--out", str(folder)]) == 0
    return folder


def rows_of(folder):
    with (folder / "transfer.csv").open(newline="") as file:
        return {(row["world"], row["profile"]): row for row in csv.DictReader(file)}


def bytes_of(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_table_has_every_cell_that_exists_in_all_its_forms(table):
    rows = rows_of(table)
    assert list(rows) == [("spread", "clean"), ("spread", "field"), ("mpe2", "clean")]  # mpe2's environment has no disturbances
    written = json.loads((table / "transfer.json").read_text())
    assert [(row["world"], row["profile"]) for row in written["rows"]] == list(rows)
    assert written["rows"][1]["figures"]["path_length"]["value"] == pytest.approx(float(rows["spread", "field"]["path_length"]), rel=1e-5)
    assert written["command"][:2] == ["fieldswarm", "transfer"] and len(written["bundles"][0]["sha256"]) == 64
    assert (table / "transfer.png").read_bytes().startswith(b"\x89PNG")
    assert {path.name for path in table.iterdir()} == {"manifest.json", "cells", "transfer.csv", "transfer.json", "transfer.png"}


def test_all_cells_have_the_same_layouts_so_mpe2_and_our_world_agree_on_every_mission(table):
    ours, theirs = (np.load(table / "cells" / "lively" / f"{world}-clean.npz") for world in ("spread", "mpe2"))
    for metric in ("path_length", "min_separation", "episode_return"):
        assert np.allclose(ours[metric], theirs[metric], rtol=1e-4), metric
    disturbed = np.load(table / "cells" / "lively" / "spread-field.npz")
    assert not np.allclose(ours["path_length"], disturbed["path_length"], rtol=1e-3)


def test_layouts_are_the_same_up_to_scale_in_arenas_of_all_sizes():
    small, large = (random_layouts(5, 3, 2, size, seed=4) for size in (1.0, 2.5))
    assert np.allclose(2.5 * small.starts, large.starts) and np.allclose(2.5 * small.landmarks, large.landmarks)
    assert (small.seeds == large.seeds).all()


def test_what_is_missing_is_run_and_what_is_there_is_not(table, point_bundle, tmp_path, capsys):
    folder = tmp_path / "table"
    shutil.copytree(table, folder)
    for name in ("spread-clean", "spread-field"):
        (folder / "cells" / "lively" / f"{name}.npz").unlink()
    kept = folder / "cells" / "lively" / "mpe2-clean.npz"
    before = kept.stat().st_mtime_ns
    words = ["transfer", f"lively={point_bundle}", *WORDS, "--out", folder]
    refuses(capsys, words, "holds results already", "--resume")
    refuses(capsys, [*words, "--resume", "--seed", 1], "manifest.json: seed: is 0", "must be 1")
    assert cli.main(list(map(str, [*words, "--resume", "--workers", 2]))) == 0
    assert kept.stat().st_mtime_ns == before
    assert bytes_of(folder) == bytes_of(table)


def test_robots_in_processes_of_their_own_score_as_in_one(point_bundle, tmp_path):
    words = ["transfer", str(point_bundle), "--missions", "2", "--profiles", "field", "--worlds", "spread"]
    assert cli.main([*words, "--out", str(tmp_path / "alone")]) == 0
    assert cli.main([*words, "--out", str(tmp_path / "deployed"), "--deployed"]) == 0
    alone, deployed = (next((tmp_path / way / "cells").rglob("*.npz")) for way in ("alone", "deployed"))
    for metric in ("path_length", "episode_return", "contacts"):
        assert np.allclose(np.load(alone)[metric], np.load(deployed)[metric]), metric
    assert json.loads((tmp_path / "deployed" / "transfer.json").read_text())["deployed"] is True
    assert not (tmp_path / "deployed" / "processes").exists()


@pytest.mark.parametrize(
    "more, parts",
    [
        (["--missions", 0], ["--missions: is 0", "at least 1"]),
        (["--workers", 0], ["--workers: is 0", "at least 1"]),
        (["--seed", -1], ["--seed: is -1"]),
        (["--worlds", "bulet"], ["'bulet'", "bullet"]),
        (["--worlds", "bullet"], ["bullet", "point", "spread, mpe2"]),
        (["--worlds", "spread,spread"], ["'spread' is there twice"]),
        (["--worlds", "mpe2", "--deployed"], ["mpe2", "no processes"]),
        (["--worlds", "mpe2", "--profiles", "field"], ["mpe2", "clean"]),
        (["--profiles", "clean,fild"], ["fild", "did you mean 'field'"]),
        (["--profiles", "clean,,field"], ["--profiles: is 'clean,,field'"]),
        (["--profiles", "field,field"], ["'field' already"]),
    ],
)
def test_what_cannot_be_a_table_is_one_line_and_leaves_nothing(point_bundle, tmp_path, capsys, more, parts):
    refuses(capsys, ["transfer", point_bundle, "--out", tmp_path / "table", *more], *parts)
    assert not (tmp_path / "table").exists()


def test_two_bundles_of_one_name_are_refused(point_bundle, tmp_path, capsys):
    refuses(capsys, ["transfer", point_bundle, point_bundle, "--out", tmp_path / "table"], "already", "NAME=BUNDLE")
    assert not (tmp_path / "table").exists()


FULL = dict.fromkeys(FIGURES, Estimate(value=1.0, low=0.5, high=1.0))


def cell(success, time=5.0):
    success = np.asarray(success, dtype=bool)
    length = len(success)
    values = dict.fromkeys(("success", "success_body", "success_end"), success)
    values |= {"coverage": success.astype(float), "time_to_cover": np.where(success, time, np.nan)}
    return values | {"contacts": np.full(length, 2), "min_separation": np.ones(length), "path_length": np.full(length, 4.0)}


def test_figures_are_what_they_are_called():
    home, half = cell([True] * 6 + [False] * 2), cell([True] * 3 + [False] * 5, time=7.0)
    figures = cell_figures(half, home, layout_weights(8))
    assert figures["success_body"].value == 3 / 8
    assert (figures["success_body"].low, figures["success_body"].high) == wilson_interval(3, 8)
    assert figures["retention"].value == 0.5 and 0.1 < figures["retention"].low < 0.5 < figures["retention"].high <= 1.0
    assert figures["time_to_cover"].value == 7.0  # of the missions that have one
    assert figures["contacts"].value == 2.0 and figures["contacts_per_100m"].value == pytest.approx(50.0)


def test_a_cell_retains_itself_and_is_no_more_certain_of_another_than_its_missions():
    home, twin = cell([True] * 8), cell([True] * 8)
    own = cell_figures(home, home, layout_weights(8))["retention"]
    assert (own.value, own.low, own.high) == (1.0, 1.0, 1.0)
    other = cell_figures(twin, home, layout_weights(8))["retention"]
    assert other.value == 1.0 and other.low < 0.95  # eight of eight does not make it 1


def test_what_nothing_is_known_of_is_no_figure():
    failed = cell([False] * 4)
    for home in (failed, None):
        figures = cell_figures(failed, home, layout_weights(4))
        assert figures["retention"].value is None and figures["time_to_cover"].value is None
    assert figures["success_body"].value == 0.0 and figures["success_body"].high > 0.4


def test_contacts_that_nobody_saw_may_still_happen():
    figures = cell_figures({**cell([True] * 30), "contacts": np.zeros(30, dtype=int)}, None, layout_weights(30))
    # As the rule of three has it, but for two sides: with 0.123 contacts a mission, 30 missions without one are 2.5 % likely.
    assert (figures["contacts"].value, figures["contacts"].low) == (0.0, 0.0)
    assert math.exp(-30 * figures["contacts"].high) == pytest.approx(0.025)
    assert figures["contacts_per_100m"].high == pytest.approx(25 * figures["contacts"].high)  # missions of 4 m


def test_one_time_to_cover_has_no_interval():
    time = cell_figures(cell([True, False, False]), None, layout_weights(3))["time_to_cover"]
    assert (time.value, time.low, time.high) == (5.0, None, None)
    table = [TransferRow(bundle="b", kinds=("omni",), world="bullet", profile="harsh", missions=3, figures={**FULL, "time_to_cover": time})]
    assert " 5.0 " in table_text(table).splitlines()[1] and b",5,," in table_csv(table)


def test_one_runner_puts_each_team_into_its_own_arena():
    """Two bundles after one another in one worker: the second has the missions that it has alone, in an arena a third as large."""
    shipped = Path(__file__).parents[2] / "training" / "bundles"
    actors = {
        name: tuple((path.read_bytes(), str(path)) for path in sorted((shipped / name).glob("*.onnx"))) for name in ("omni", "quadrotor")
    }
    missions = Missions("planar", 2, 0, 0.0, Settings())
    profile = load_profile("clean")
    both, alone = (CellRunner(missions, {name: Entrant(files) for name, files in actors.items()}) for _ in range(2))
    cell = Cell(id="clean", group="planar", severities={}, axis=None, profile=profile, ends=False)
    _, large = both.episodes(CellTask("omni", cell), 0, 2)
    _, second = both.episodes(CellTask("quadrotor", cell), 0, 2)
    _, expected = alone.episodes(CellTask("quadrotor", cell), 0, 2)
    assert np.array_equal(second, expected)
    assert np.abs(second[:, 0]).max() <= 0.7 < np.abs(large[:, 0]).max()
