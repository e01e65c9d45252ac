"""Studies by the real command: one YAML file to table and picture, whatever interrupts it, and however the runs are shared out."""

import csv
import io
import itertools
import json
import re
import shutil
import signal
import time
from importlib.util import find_spec
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from robots.errors import InputError
from runtime import cli
from training.studies.definition import read_study
from training.studies.picture import COLOURS

BASE = """
ppo: {episodes: 8, epochs: 1, minibatches: 2}
network: {hidden: [8]}
steps: 2400
evaluate_every: 4
evaluation_episodes: 16
checkpoint_every: 2
"""
STUDY = """
title: Tiny
base: base.yaml
seeds: 2
episodes: 48
axis: learning rate
variants:
  slow: {label: slow learner, at: 0.0001, set: {ppo: {learning_rate: 1.0e-4}}}
  fast: {at: 0.05, set: {ppo: {learning_rate: 5.0e-2}}}
measures: [success, success_sampled, coverage, overlap, entropy, episode_return, steps_to_0.91, specialisation_number]
judges: [episode_return, coverage]
panels:
  - {measure: coverage}
  - {measure: episode_return, over: steps}
  - {measure: entropy, over: axis}
  - {measure: coverage, over: overlap}
published:
  - {name: others, source: their paper, figures: {coverage: [0.5, 0.1], episode_return: [-70]}, note: another world}
"""
SHIPPED = Path("configs/studies")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    (folder / "base.yaml").write_text(BASE)
    (folder / "tiny.yaml").write_text(STUDY)
    return folder / "tiny.yaml"


@pytest.fixture(scope="module")
def straight(study, tmp_path_factory):
    """A study that nobody interrupted, one run after the other; read only."""
    out = tmp_path_factory.mktemp("out") / "straight"
    assert cli.main(["study", str(study), "--out", str(out), "--executor", "in-process"]) == 0
    return out


def of_the_study(out):
    """Everything that must not depend on how the study was run; the commit is that of the tree, which may go on meanwhile."""
    names = ("table.md", "figures.csv", "runs.csv", "results.json", "study.json")
    return {name: re.sub(r"\b[0-9a-f]{40}\+?", "COMMIT", (out / name).read_text()) for name in names}


def rows_of(path):
    return list(csv.DictReader(io.StringIO(path.read_text())))


def refuses(capsys, words, *parts):
    capsys.readouterr()
    status = cli.main(list(map(str, words)))
    line = capsys.readouterr().err.strip()
    assert status == 2 and "\n" not in line, line
    for part in parts:
        assert str(part) in line, line


def test_the_table_has_every_variant_and_measure_and_what_others_published(straight):
    table = (straight / "table.md").read_text()
    lines = {cells[0]: cells[1:] for cells in ([cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()) if cells}
    assert len(lines[""]) == len(lines["slow learner"]) == len(lines["published: others"]) == 9
    assert lines["published: others"][2] == "0.500 ± 0.100" and lines["published: others"][0] == "-"
    assert lines["slow learner"][6].startswith("never (> 0.00")
    for words in (
        "2 training seeds",
        "48 of the most likely actions",
        "their paper",
        "another world",
        "fieldswarm study",
        "SHA-256",
        "Commit",
    ):
        assert words in table


def test_the_figures_are_those_of_the_runs(straight):
    """The study's estimate is the mean of its two seeds, and those are what the runs' own missions say."""
    runs = rows_of(straight / "runs.csv")
    assert [(row["variant"], row["seed"]) for row in runs] == [("slow", "0"), ("slow", "1"), ("fast", "0"), ("fast", "1")]
    with np.load(straight / "results" / "fast" / "1.npz") as stored:
        assert float(runs[3]["episode_return"]) == pytest.approx(stored["episodes.episode_return"].mean())
        logged = rows_of(straight / "runs" / "fast" / "1" / "metrics.csv")
        assert float(runs[3]["entropy"]) == pytest.approx(float(logged[-1]["entropy"]))
        assert stored["curve.success"].tolist() == [float(row["success"]) for row in logged if row["success"]]
    figures = {(row["variant"], row["measure"]): row for row in rows_of(straight / "figures.csv")}
    own = figures["fast", "episode_return"]
    mean = np.mean([float(row["episode_return"]) for row in runs[2:]])
    assert float(own["low"]) < float(own["value"]) < float(own["high"]) and float(own["value"]) == pytest.approx(mean)


def test_the_verdict_names_the_better_variant_and_by_how_much(straight):
    results = json.loads((straight / "results.json").read_text())
    assert [verdict["measure"] for verdict in results["verdicts"]] == ["episode_return", "coverage"]
    figures = {name: results["figures"][name]["episode_return"]["estimate"]["value"] for name in ("slow", "fast")}
    verdict = results["verdicts"][0]
    best, (comparison,) = verdict["best"], verdict["comparisons"]
    assert figures[best] == max(figures.values()) and comparison["other"] != best
    assert comparison["difference"]["value"] == pytest.approx(figures[best] - figures[comparison["other"]])
    assert comparison["difference"]["low"] < comparison["difference"]["value"] < comparison["difference"]["high"]


def test_every_panel_shows_every_variant(straight):
    picture = matplotlib.image.imread(straight / "study.png")[..., :3]
    height, width = picture.shape[0] // 2, picture.shape[1] // 2
    for row, column in itertools.product(range(2), repeat=2):
        pixels = picture[row * height : (row + 1) * height, column * width : (column + 1) * width].reshape(-1, 3)
        for colour in COLOURS[:2]:
            assert (np.abs(pixels - to_rgb(colour)).max(axis=1) < 0.02).sum() > 30, (row, column, colour)


def test_failure_signatures_of_the_runs_are_named(study, straight, tmp_path):
    """Runs as short as these show none, so one is put into a result; the table is made of the results alone."""
    out = Path(shutil.copytree(straight, tmp_path / "out"))
    path = out / "results" / "fast" / "1.npz"
    with np.load(path) as stored:
        result = dict(stored)
    np.savez_compressed(path, **{**result, "training.signatures": np.array(["flat reward"])})
    assert cli.main(["study", str(study), "--out", str(out), "--resume"]) == 0
    assert "- fast: flat reward in 1 of 2\n" in (out / "table.md").read_text()
    assert "flat reward" not in (straight / "table.md").read_text()


def test_runs_can_be_exported(straight):
    """A run of a study is a run as `fieldswarm train` makes it."""
    from training.checkpoint import load_run

    learner = load_run(straight / "runs" / "slow" / "1")
    assert learner.config.seed == 1 and learner.batches_done == 12


def killed(process, until):
    """kill -9 at a moment."""
    deadline = time.monotonic() + 60
    while not until() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return process.returncode


def test_killed_and_resumed_gives_the_same_table(study, straight, tmp_path, start_fieldswarm):
    """kill -9 in the middle of the first run, then of a later one, in one process and in two."""
    out = tmp_path / "out"
    words = ["study", study, "--out", out]
    first = start_fieldswarm(*words, "--executor", "in-process")
    assert killed(first, lambda: (out / "runs/slow/0/checkpoint.pt").exists()) == -signal.SIGKILL
    assert not (out / "table.md").exists()
    second = start_fieldswarm(*words, "--resume", "--workers", 2)
    assert killed(second, lambda: (out / "results/slow/0.npz").exists()) == -signal.SIGKILL
    assert not (out / "table.md").exists()
    left = out / "results" / "slow" / ".1.npz.ab_d3fgh"
    left.write_bytes(b"what a killed process was writing")
    stored = (out / "results" / "slow" / "0.npz").stat().st_mtime_ns
    assert cli.main(["study", str(study), "--out", str(out), "--executor", "in-process", "--resume"]) == 0
    assert of_the_study(out) == of_the_study(straight)
    assert not left.exists() and (out / "results" / "slow" / "0.npz").stat().st_mtime_ns == stored


def test_ctrl_c_ends_a_study_at_once_and_says_how_to_go_on(study, tmp_path, start_fieldswarm):
    """Not when the runs under way, which take hours here, are done."""
    out = tmp_path / "out"
    process = start_fieldswarm("study", study, "--out", out, "--steps", 10**9, "--workers", 1)
    while not (out / "runs/slow/0/metrics.csv").exists() and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=100)
    assert process.returncode == 2 and "Traceback" not in error
    assert f"--steps 1000000000 --out {out} --resume" in error


def test_two_workers_find_what_one_finds_and_more_seeds_can_follow(study, straight, tmp_path):
    out, words = tmp_path / "out", ["study", str(study), "--out", str(tmp_path / "out")]
    assert cli.main([*words, "--seeds", "1", "--executor", "in-process"]) == 0
    table = (out / "table.md").read_text()
    assert "one training seed" in table and "--seeds 1" in table
    assert cli.main([*words, "--workers", "2", "--resume"]) == 0
    assert of_the_study(out) == of_the_study(straight)
    for path in (straight / "results").rglob("*.npz"):
        with np.load(path) as ours, np.load(out / path.relative_to(straight)) as theirs:
            assert set(ours) == set(theirs)
            for name in set(ours) - {"curve.seconds", "training.commit"}:
                np.testing.assert_array_equal(ours[name], theirs[name], err_msg=f"{path.stem}: {name}")


@pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed: pip install 'fieldswarm[cluster]'")
def test_a_cluster_finds_what_one_process_finds(study, straight, tmp_path):
    out = tmp_path / "out"
    assert cli.main(["study", str(study), "--out", str(out), "--executor", "ray", "--workers", "2"]) == 0
    assert of_the_study(out) == of_the_study(straight)


def test_a_study_is_never_overwritten_or_mixed(study, straight, tmp_path, capsys):
    before = of_the_study(straight)
    words = ["study", study, "--out", straight]
    refuses(capsys, words, straight, "--resume")
    refuses(capsys, [*words, "--resume", "--episodes", 49], "study.json", "episodes: is 48", "49")
    refuses(capsys, [*words, "--resume", "--steps", 200], "study.json", "configs.slow.steps: is 2400", "200")
    other = study.parent / "other.yaml"
    other.write_text(STUDY.replace("5.0e-2", "4.0e-2"))
    refuses(capsys, ["study", other, "--out", straight, "--resume"], "configs.fast.ppo.learning_rate: is 0.05", "0.04")
    assert of_the_study(straight) == before


def test_a_run_that_fails_leaves_the_others_alone_and_is_owned_up_to(study, tmp_path, capsys):
    out = tmp_path / "out"
    directory = out / "runs" / "fast" / "0"
    directory.mkdir(parents=True)
    (directory / "config.yaml").write_text("steps: 200")
    words = ["study", str(study), "--out", str(out), "--executor", "in-process", "--seeds", "1"]
    assert cli.main(words) == 1
    said = capsys.readouterr()
    assert "runs/fast/0" in said.err and "is not what the study asks for" in said.err
    table = (out / "table.md").read_text()
    assert "- fast, seed 0: " in table and "| slow learner" in table
    assert [row["variant"] for row in rows_of(out / "runs.csv")] == ["slow"]
    (directory / "config.yaml").unlink()
    assert cli.main([*words, "--resume"]) == 0
    assert [row["variant"] for row in rows_of(out / "runs.csv")] == ["slow", "fast"]


@pytest.mark.parametrize(
    "old, new, parts",
    [
        ("seeds: 2", "sedes: 2", ["unknown key 'sedes'", "did you mean 'seeds'"]),
        ("seeds: 2", "seeds: 0", ["seeds: is 0", "at least 1"]),
        ("base: base.yaml", "base: none.yaml", ["none.yaml", "no such file"]),
        ("base: base.yaml\n", "", ["variants.slow: config: is missing", "no base"]),
        (
            "{learning_rate: 5.0e-2}",
            "{lerning_rate: 5.0e-2}",
            ["variants.fast.set", "'lerning_rate'", "did you mean 'learning_rate'"],
        ),
        ("{learning_rate: 5.0e-2}", "{learning_rate: -1}", ["variants.fast.set", "ppo.learning_rate: is -1"]),
        ("{learning_rate: 5.0e-2}", "{learning_rate: 1.0e-4}", ["variants.fast", "same configuration", "'slow'"]),
        ("{ppo: {learning_rate: 5.0e-2}}", "{seed: 3}", ["variants.fast.set.seed: is 3", "leave it out"]),
        ("fast: {at: 0.05", "../fast: {at: 0.05", ["'../fast' is no name"]),
        ("fast: {at: 0.05", "fast: {label: f", ["variants.fast.at: is None", "axis"]),
        ("axis: learning rate\n", "", ["variants.slow.at: is 0.0001", "no axis"]),
        ("overlap, entropy", "overlapp, entropy", ["measures[3]", "'overlapp'", "did you mean 'overlap'"]),
        ("[episode_return, coverage]", "[episode_return, gut]", ["judges[1]", "'gut'", "there are: success"]),
        ("{measure: coverage, over: overlap}", "{measure: coverage, over: time}", ["panels[3].over", "'time'"]),
        ("{measure: episode_return, over: steps}", "{measure: coverage, over: steps}", ["panels[1].measure", "success, episode_return"]),
        ("episode_return: [-70]", "episode_return: [1, 2, 3]", ["published[0].figures.episode_return", "3 numbers"]),
        ("episode_return: [-70]", "reward: [-70]", ["published[0].figures", "'reward'"]),
        ("variants:", "variants: [", ["not valid YAML"]),
        ("{ppo: {learning_rate: 5.0e-2}}", "{world: {name: planar, kinds: [omni]}}", ["specialisation_number", "world 'spread' only"]),
    ],
)
def test_bad_studies_are_one_line(study, old, new, parts):
    assert old in STUDY
    path = study.parent / "bad.yaml"
    path.write_text(STUDY.replace(old, new))
    with pytest.raises(InputError) as error:
        read_study(path)
    for part in ("bad.yaml" if "none.yaml" not in new else "none.yaml", *parts):
        assert part in str(error.value)
    assert "\n" not in str(error.value)


def test_bad_commands_are_one_line_and_make_nothing(study, tmp_path, capsys):
    out = tmp_path / "out"
    refuses(capsys, ["study", study, "--out", out, "--workers", 0], "--workers: is 0", "processes")
    refuses(capsys, ["study", study, "--out", out, "--seeds", 0], "seeds: is 0")
    refuses(capsys, ["study", tmp_path / "none.yaml", "--out", out], "none.yaml", "no such file")
    assert not out.exists()


def test_the_shipped_studies_ask_what_they_say():
    plans = {path.stem: read_study(path) for path in SHIPPED.glob("*.yaml")}
    assert set(plans) == {"paper", "entropy", "sharing", "critic", "algorithms", "discrete"}
    assert all(plan.study.seeds == 10 and plan.study.episodes >= 2000 for plan in plans.values())
    betas = [0, 0.001, 0.003, 0.01, 0.03, 0.1]
    assert [config.ppo.entropy for config in plans["entropy"].configs.values()] == betas
    assert [config.ppo.final_entropy for config in plans["entropy"].configs.values()] == betas
    assert {config.network.share for config in plans["sharing"].configs.values()} == {"none", "ids", "all"}
    seen = [config.network.critics_see for config in plans["critic"].configs.values()]
    assert seen == ["own_sensors", "local", "observations", "joint_actions"]
    assert len({config.steps for config in plans["algorithms"].configs.values()}) == 1
    assert {config.network.kind for config in plans["discrete"].configs.values()} == {"entities", "perceptrons"}
    assert {(config.world.actions, config.steps) for config in plans["discrete"].configs.values()} == {("discrete", 400_000)}
    first = next(iter(plans["paper"].configs.values()))
    assert (first.world.actions, first.ppo.entropy, first.ppo.final_entropy, first.world.robots) == ("discrete", 0.01, 0.01, 3)
