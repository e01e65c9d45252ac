"""`fieldswarm evaluate --suite` as a user runs it: interrupted, resumed, shared out, compared, judged, and deployed."""

import csv
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import msgspec
import numpy as np
import pytest

from robots.yaml_input import convert
from runtime import cli
from sim3d.profile import Profile
from sim3d.suite.cells import cells_of
from sim3d.suite.definition import load_suite
from sim3d.suite.entrants import read_entrants
from sim3d.suite.results import Results, figure_names, named_figures
from sim3d.suite.runner import CellRunner, CellTask, Missions, Settings
from sim3d.suite.store import CellStore
from tests.conftest import COMMAND, write_point_bundle
from tests.sim3d.homing import write_homing_bundle
from tests.sim3d.process_table import gone

SUITE = """
name: small
episodes: {spread: 40}
aftermath: 1.0
scale: {spread: {metre: 1.0, second: 1.0}}
families:
  sensing:
    noise:
      about: noise
      axis: {figure: sensing.position_sigma, unit: m}
      rungs:
        2: {sensing: {position_sigma: 0.05}}
        5: {sensing: {position_sigma: 0.3}}
  actuation:
    latency:
      about: latency
      axis: {figure: actuation.delay, unit: s}
      rungs:
        3: {actuation: {delay: 0.1}}
        5: {actuation: {delay: 0.3}}
  link:
    copies: {about: messages that come twice, rungs: {1: {link: {duplication: 1.0}}}}
  dynamics:
    payload: {about: payload, rungs: {4: {dynamics: {mass: 3.0}}}}
  faults:
    stop: {about: a robot stops, rungs: {5: {faults: [{kind: stop}]}}}
grids:
  both: {rows: sensing.noise, columns: actuation.latency}
deployed: {missions: 2, cells: [clean, both-2-3]}
"""
CELLS = 12


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with the suite, and with bundles: two seeds of `good`, one of `poor`."""
    folder = tmp_path_factory.mktemp("suite")
    (folder / "small.yaml").write_text(SUITE)
    write_homing_bundle(folder / "good", gain=1.0)
    write_homing_bundle(folder / "good_too", gain=0.9)
    write_homing_bundle(folder / "poor", gain=0.1)
    write_homing_bundle(folder / "omni", "omni")
    return folder


def words(place, out, *more, bundles=("good",)):
    given = [str(place / bundle) if "=" not in bundle else bundle.replace("=", f"={place}/") for bundle in bundles]
    return ["evaluate", *given, "--suite", str(place / "small.yaml"), "--out", str(out), *map(str, more)]


def evaluate(place, out, *more, bundles=("good",)):
    """Run here; gives the exit status."""
    return cli.main(words(place, out, "--executor", "in-process", *more, bundles=bundles))


@pytest.fixture(scope="module")
def done(place, tmp_path_factory):
    """Two policies, one of them with two training seeds, all cells done."""
    out = tmp_path_factory.mktemp("done")
    assert evaluate(place, out, bundles=("good=good", "good=good_too", "poor=poor")) == 0
    return out


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def refuses(capsys, arguments, *parts):
    capsys.readouterr()
    assert cli.main(arguments) == 2
    line = capsys.readouterr().err.strip()
    assert "\n" not in line, line
    for part in parts:
        assert str(part) in line, line


def test_an_evaluation_that_is_killed_again_and_again_ends_with_the_same_bytes(place, tmp_path):
    assert evaluate(place, tmp_path / "whole", bundles=("good", "poor")) == 0
    whole = contents(tmp_path / "whole")
    assert len([name for name in whole if name.endswith(".npz")]) == 2 * CELLS
    out = tmp_path / "killed"
    for executor, cells in (("in-process", 2), ("processes", 12)):
        arguments = words(place, out, "--executor", executor, "--workers", 1, "--resume", bundles=("good", "poor"))
        running = subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while running.poll() is None and len(list(out.glob("cells/*/*.npz"))) < cells:
            time.sleep(0.005)
        running.kill()
        running.communicate()
        assert running.returncode == -signal.SIGKILL
    # What a process was writing when it died.
    (out / "cells" / "good" / ".clean.npz.ab_d3fgh").write_bytes(b"half")
    (out / "cells" / "good" / "clean.npz").write_bytes(b"")
    assert len(list(out.glob("cells/*/*.npz"))) >= 12
    assert evaluate(place, out, "--resume", bundles=("good", "poor")) == 0
    assert contents(out) == whole


def test_what_is_done_is_not_done_again(place, done, monkeypatch):
    def never(*_):
        raise AssertionError("a cell that is done was run")

    before = contents(done)
    monkeypatch.setattr(CellRunner, "figures", never)
    assert evaluate(place, done, "--resume", bundles=("good=good", "good=good_too", "poor=poor")) == 0
    assert contents(done) == before


def test_a_worker_that_is_killed_is_one_line_and_its_cells_are_kept(place, tmp_path):
    arguments = words(place, tmp_path / "out", "--workers", 1, "--episodes", 1000)
    running = subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while running.poll() is None and not list(tmp_path.glob("out/cells/*/*.npz")):
        time.sleep(0.005)
    for child in _children(running.pid):
        if "spawn_main" in Path(f"/proc/{child}/cmdline").read_text():
            os.kill(child, signal.SIGKILL)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 2, said
    assert "worker process ended" in said and "--resume" in said and "\n" not in said.strip()
    assert gone(str(tmp_path / "out"), 5)


def _children(process):
    return [int(pid) for task in Path(f"/proc/{process}/task").iterdir() for pid in (task / "children").read_text().split()]


def test_every_executor_finds_the_same(place, tmp_path):
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'fieldswarm[cluster]'")
    assert evaluate(place, tmp_path / "here") == 0
    assert cli.main(words(place, tmp_path / "ray", "--executor", "ray", "--workers", 2)) == 0
    assert contents(tmp_path / "ray") == contents(tmp_path / "here")


def test_layouts_and_chance_are_the_same_in_every_cell(done):
    """A disturbance that does nothing leaves every episode as it is without, to the last bit."""
    store = CellStore.open(done)
    clean, copies = store.load("poor", "clean"), store.load("poor", "link-copies-1")
    assert copies.keys() == {name for name in clean if not name.startswith("recovery.")}
    for name, values in copies.items():
        np.testing.assert_array_equal(values, clean[name], err_msg=name)
    assert len(np.unique(clean["during.path_length"])) == 40


def test_a_team_recovers_when_its_disturbance_ends(done):
    store = CellStore.open(done)
    stopped, late = store.load("good.0", "faults-stop-5"), store.load("good.0", "actuation-latency-5")
    assert stopped["during.success"].mean() < 0.1 < 0.8 < stopped["after.success"].mean()
    assert late["during.success_end"].mean() < 0.5 < 0.8 < late["after.success_end"].mean()
    # What robots weigh stays.
    assert not [name for name in store.load("good.0", "dynamics-payload-4") if name.startswith("after.")]


def test_the_phases_are_one_mission(place, done):
    """The figures of an episode come from its trajectory, and anyone can run it again from the manifest alone."""
    store = CellStore.open(done)
    manifest = store.manifest
    entrants = read_entrants([f"poor={place / 'poor'}"], None)
    suite = load_suite(place / "small.yaml")
    cell = next(cell for cell in cells_of(suite, "spread", "small") if cell.id == "both-2-3")
    assert convert(next(entry for entry in manifest.cells if entry.id == cell.id).profile, Profile, "") == cell.profile
    runner = CellRunner(Missions("spread", 40, manifest.seed, suite.aftermath, manifest.settings), entrants.files)
    figures, position = runner.episodes(CellTask("poor", cell), 7, 1)
    stored = store.load("poor", "both-2-3")
    for name, values in figures.items():
        np.testing.assert_allclose(values[0], stored[name][7], rtol=1e-4, err_msg=name)
    steps = np.linalg.norm(np.diff(position[0], axis=0), axis=-1).sum(axis=1)
    assert position.shape[1] == manifest.periods + manifest.periods_after + 1
    assert steps[: manifest.periods].sum() == pytest.approx(stored["during.path_length"][7], rel=1e-4)
    assert steps[manifest.periods :].sum() == pytest.approx(stored["after.path_length"][7], rel=1e-4)


def test_results_say_the_same_in_both_files_and_under_the_names_that_rules_have(done):
    results = msgspec.json.decode((done / "results.json").read_bytes(), type=Results)
    with (done / "figures.csv").open() as file:
        rows = list(csv.DictReader(file))
    for name, policy in results.policies.items():
        named = named_figures(policy)
        assert set(named) == set(figure_names(CellStore.open(done).manifest))
        assert len([row for row in rows if row["policy"] == name]) == len(named)
    row = next(row for row in rows if (row["policy"], row["place"], row["figure"]) == ("good", "actuation.latency", "break_at"))
    ladder = results.policies["good"].families["actuation"].ladders["actuation.latency"]
    assert float(row["value"]) == ladder.break_at.value and ladder.along == (0.0, 0.1, 0.3)
    assert 0.1 < ladder.break_at.low <= ladder.break_at.value <= ladder.break_at.high <= 0.3
    clean = CellStore.open(done).load("poor", "clean")
    cell = results.policies["poor"].cells["clean"]["during"]
    assert cell["success"].value == clean["during.success"].mean()
    assert cell["min_separation"].value == pytest.approx(clean["during.min_separation"].mean())
    assert cell["contacts_per_100m"].value == pytest.approx(100 * clean["during.contacts"].sum() / clean["during.path_length"].sum())
    assert cell["time_to_cover"].value == pytest.approx(np.nanmean(clean["during.time_to_cover"]))
    worst = np.sort(clean["during.episode_return"])[:4].mean()
    assert cell["episode_return_tail"].value == pytest.approx(worst)
    assert cell["episode_return_tail"].low < worst < cell["episode_return_tail"].high


def test_the_better_policy_is_told(done):
    (comparison,) = msgspec.json.decode((done / "results.json").read_bytes(), type=Results).comparisons
    assert (comparison.policy, comparison.against) == ("poor", "good")
    assert comparison.robustness.high < 0 and comparison.improvement.value < 0.3
    assert comparison.cells["clean"].difference.value < -0.3
    assert comparison.cells["link-copies-1"].test == "exchanged seeds"


def test_two_single_bundles_are_tested_layout_by_layout(place, tmp_path):
    assert evaluate(place, tmp_path, bundles=("poor", "good")) == 0
    (comparison,) = msgspec.json.decode((tmp_path / "results.json").read_bytes(), type=Results).comparisons
    assert comparison.cells["clean"].test == "mcnemar" and comparison.cells["clean"].p_holm < 1e-3
    assert comparison.cells["clean"].difference.low > 0.3 and comparison.improvement.low > 0.5


def test_headlines_stand_under_their_families(place, done, capsys):
    capsys.readouterr()
    assert evaluate(place, done, "--resume", bundles=("good=good", "good=good_too", "poor=poor")) == 0
    printed = capsys.readouterr().out
    for block in printed.split("\n\n")[1:3]:
        heads = [line.split("  ")[1] for line in block.splitlines() if line.startswith("  ") and not line.startswith("   ")]
        assert heads.index("mean over families") > heads.index("sensing")
        assert {"sensing", "actuation", "link", "dynamics", "faults"} < set(heads)
    assert "good (2 training seeds" in printed and "poor against good" in printed


OF_ROBOTS = """
name: robots
episodes: {bullet: 3, planar: 30}
aftermath: 0.1
scale: {bullet: {metre: 1.0, second: 1.0}, planar: {metre: 1.0, second: 1.0}}
families:
  sensing:
    noise: {about: noise, rungs: {5: {sensing: {position_sigma: 0.3}}}}
"""


@pytest.mark.parametrize("world", ["bullet", "planar"])
def test_robots_in_other_worlds(place, tmp_path, world):
    (tmp_path / "robots.yaml").write_text(OF_ROBOTS)
    arguments = ["evaluate", str(place / "omni"), "--suite", str(tmp_path / "robots.yaml"), "--world", world, "--executor", "in-process"]
    assert cli.main([*arguments, "--out", str(tmp_path / "on")]) == 0
    on = CellStore.open(tmp_path / "on")
    assert on.load("omni", "clean")["during.success"].mean() > 0.9
    # Ten seconds, in control periods of 0.2 s.
    assert (on.manifest.periods, on.manifest.periods_after) == (50, 5)
    if world == "planar":
        arguments += ["--separation", "off", "--localisation", "off"]
        assert cli.main([*arguments, "--out", str(tmp_path / "off")]) == 0
        off = CellStore.open(tmp_path / "off")
        assert off.manifest.settings == Settings(separation=False, localisation=False)
        assert off.manifest.command[-4:] == ("--separation", "off", "--localisation", "off")
        kept_apart, not_kept = (store.load("omni", "clean")["during.interventions_barrier"].sum() for store in (on, off))
        assert kept_apart > 0 == not_kept


def test_a_suite_without_an_aftermath_has_no_resilience(place, tmp_path, capsys):
    suite = tmp_path / "short.yaml"
    suite.write_text("name: s\nepisodes: {spread: 5}\nscale: {spread: {metre: 1, second: 1}}\nscore: coverage\nfamilies:\n")
    refuses(capsys, ["evaluate", str(place / "good"), "--suite", str(suite), "--out", str(tmp_path / "out")], "families")
    suite.write_text(suite.read_text() + "  sensing: {noise: {about: noise, rungs: {1: {sensing: {position_sigma: 0.1}}}}}\n")
    arguments = ["evaluate", str(place / "good"), str(place / "poor"), "--suite", str(suite), "--executor", "in-process"]
    assert cli.main([*arguments, "--out", str(tmp_path / "out")]) == 0
    results = msgspec.json.decode((tmp_path / "out" / "results.json").read_bytes(), type=Results)
    assert results.policies["good"].resilience is None and results.comparisons[0].cells["clean"].test == "sign-flip"
    assert set(named_figures(results.policies["good"])) == set(figure_names(CellStore.open(tmp_path / "out").manifest))


RULES = """
rules:
  - {figure: clean.success, at_least: 0.9}
  - {figure: "sensing-*.success", at_least: 0.8}
  - {figure: suite.lowest, at_most: 0.5}
  - {figure: actuation.latency.break_at, at_least: 0.1, by: interval}
  - {figure: faults-stop-5.after.success, at_least: 0.9, by: interval}
"""


def test_rules_that_are_broken_are_one_line_each_and_status_1(place, done, tmp_path, capsys):
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES)
    good = tmp_path / "good"
    shutil.copytree(done, good)
    judged = ("--resume", "--require", rules)
    assert evaluate(place, good, *judged, bundles=("good=good", "good=good_too", "poor=poor")) == 1
    lines = capsys.readouterr().err.strip().splitlines()
    of_good = [line for line in lines if line.startswith("fieldswarm: good: ")]
    figures = named_figures(msgspec.json.decode((good / "results.json").read_bytes(), type=Results).policies["good"])
    assert [line.split()[2] for line in of_good] == ["sensing-noise-5.success"]
    assert f"is {figures['sensing-noise-5.success'].value:.4g}, must be at least 0.8" in of_good[0]
    assert any("poor: clean.success is" in line for line in lines)
    assert any("poor: faults-stop-5.after.success is" in line and "its interval must be at least 0.9" in line for line in lines)
    rules.write_text("rules: [{figure: clean.success, at_least: 0.01}]")
    assert evaluate(place, good, *judged, bundles=("good=good", "good=good_too", "poor=poor")) == 0


def test_a_single_profile_is_judged_too(place, tmp_path, capsys):
    rules = tmp_path / "rules.yaml"
    rules.write_text("rules: [{figure: success, at_least: 0.9}, {figure: contacts_per_100m, at_most: 1000}]")
    assert cli.main(["evaluate", str(place / "good"), "--episodes", "50", "--require", str(rules)]) == 0
    capsys.readouterr()
    assert cli.main(["evaluate", str(place / "poor"), "--episodes", "50", "--require", str(rules)]) == 1
    assert "poor: success is" in capsys.readouterr().err
    rules.write_text("rules: [{figure: sucess, at_least: 0.9}]")
    refuses(capsys, ["evaluate", str(place / "poor"), "--require", str(rules)], "'sucess' is unknown; did you mean 'success'")


@pytest.mark.parametrize(
    "text, part",
    [
        ("rules: []", "is empty"),
        ("rules: [{figure: clean.success}]", "neither of at_least and at_most"),
        ("rules: [{figure: clean.success, at_least: 0, at_most: 1}]", "both of at_least and at_most"),
        ("rules: [{figure: clean.sucess, at_least: 0.5}]", "did you mean 'clean.success'"),
        ("rules: [{figure: 'nothing-*', at_least: 0.5}]", "'nothing-*' is unknown"),
        ("rules: [{figure: dynamics-payload-4.after.success, at_least: 0.5}]", "is unknown"),
        ("rules: [{figure: clean.success, at_leest: 0.5}]", "did you mean 'at_least'"),
        ("rules: [{figure: clean.success, at_least: .nan}]", "must be finite"),
    ],
)
def test_rules_that_cannot_be_are_refused_before_anything_runs(place, tmp_path, capsys, text, part):
    (tmp_path / "rules.yaml").write_text(text)
    refuses(capsys, words(place, tmp_path / "out", "--require", tmp_path / "rules.yaml"), "rules.yaml", part)
    assert not (tmp_path / "out").exists()


def test_deployed_twins_do_the_same(place, tmp_path, capsys):
    assert evaluate(place, tmp_path, "--deployed") == 0
    for cell in ("clean", "both-2-3"):
        result = json.loads((tmp_path / "deployed" / "good" / f"{cell}.json").read_text())
        assert result["missions"] == 2 and result["others"] == 0 and result["largest_distance"] < 1e-5
        assert result["difference"]["low"] < 0 == result["difference"]["value"] < result["difference"]["high"]
    assert sorted(path.name for path in (tmp_path / "deployed" / "good").iterdir()) == ["both-2-3.json", "clean.json"]
    assert "good both-2-3" in capsys.readouterr().out
    before = contents(tmp_path)
    assert evaluate(place, tmp_path, "--deployed", "--resume") == 0
    assert contents(tmp_path) == before


def test_what_does_not_fit_together_is_one_line(place, done, tmp_path, capsys):
    out = tmp_path / "out"
    refuses(capsys, words(place, done), done, "--resume")
    refuses(capsys, words(place, done, "--resume"), "manifest.json: bundles: has 3", "must have 1")
    refuses(
        capsys, words(place, done, "--resume", "--seed", 1, bundles=("good=good", "good=good_too", "poor=poor")), "seed: is 0", "must be 1"
    )
    refuses(capsys, words(place, out, bundles=("good", "omni")), "omni", "arena_half_size: is 2.0", "evaluate them apart")
    refuses(capsys, words(place, out, bundles=("a=good", "a=good")), "has the same actors")
    refuses(capsys, words(place, out, bundles=("good", "good")), "called 'good' already")
    refuses(capsys, words(place, out, bundles=("a.b=good",)), "'a.b' cannot be the name")
    refuses(capsys, words(place, out, "--world", "bullet"), "'point'")
    refuses(capsys, words(place, out, "--world", "mpe2"), "mpe2")
    refuses(capsys, words(place, out, "--workers", 0), "--workers: is 0")
    refuses(capsys, words(place, out, "--profile", "field"), "--profile: does not go with --suite")
    refuses(capsys, words(place, out, "--deployed", "--separation", "off"), "--deployed")
    refuses(capsys, ["evaluate", str(place / "good"), "--suite", str(place / "small.yaml")], "--out: is missing")
    refuses(capsys, ["evaluate", str(place / "good"), str(place / "poor")], "2 bundles", "--suite")
    refuses(capsys, ["evaluate", str(place / "good"), "--out", str(out)], "--out: goes with --suite")
    (tmp_path / "fault.yaml").write_text(SUITE.replace("{kind: stop}", "{kind: stop, robot: 3}"))
    refuses(
        capsys,
        ["evaluate", str(place / "good"), "--suite", str(tmp_path / "fault.yaml"), "--out", str(out)],
        "faults-stop-5",
        "is 3",
        "0 ... 2",
    )
    (tmp_path / "file").write_text("")
    refuses(capsys, words(place, tmp_path / "file" / "out"), "cannot be written")
    assert not out.exists()


def test_a_bundle_of_another_team_is_not_compared(place, tmp_path, capsys):
    (tmp_path / "two").mkdir()
    write_point_bundle(tmp_path / "two", robots=2)
    arguments = [
        "evaluate",
        str(place / "good"),
        str(tmp_path / "two"),
        "--suite",
        str(place / "small.yaml"),
        "--out",
        str(tmp_path / "out"),
    ]
    refuses(capsys, arguments, "team_size: is 2", "has 3")


def test_results_that_were_made_by_other_versions_are_not_continued(place, done, tmp_path, capsys):
    shutil.copytree(done, tmp_path / "old")
    path = tmp_path / "old" / "manifest.json"
    document = json.loads(path.read_text())
    document["versions"]["numpy"] = "1.0.0"
    path.write_text(json.dumps(document))
    refuses(capsys, words(place, tmp_path / "old", "--resume", bundles=("good=good", "good=good_too", "poor=poor")), 'numpy: is "1.0.0"')
    path.write_text("{")
    refuses(capsys, words(place, tmp_path / "old", "--resume"), "is not JSON")


def test_help_names_the_suites(fieldswarm):
    text = fieldswarm("evaluate", "--help").stdout
    assert "field, quick" in " ".join(text.split()) and "in-process,processes,ray" in text
