"""The real command, as a user runs it."""

import csv
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from runtime import cli

TINY = """
ppo: {episodes: 8, epochs: 1, minibatches: 2}
network: {hidden: [8]}
steps: 2400
evaluate_every: 4
evaluation_episodes: 16
checkpoint_every: 2
threads: 1
"""


def command(*words, **options):
    return subprocess.run([sys.executable, "-m", "runtime.cli", *map(str, words)], capture_output=True, text=True, timeout=120, **options)


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    path = tmp_path_factory.mktemp("config") / "tiny.yaml"
    path.write_text(TINY)
    return path


@pytest.fixture(scope="module")
def straight(config, tmp_path_factory):
    """A run that nobody interrupted; read only."""
    run = tmp_path_factory.mktemp("runs") / "straight"
    assert cli.main(["train", str(config), "--out", str(run)]) == 0
    return run


@pytest.fixture
def copy_of_run(straight, tmp_path):
    return Path(shutil.copytree(straight, tmp_path / "copy"))


def refused(result, *parts):
    """Exit status 2, one line that has all parts, no traceback."""
    line = result.stderr.strip()
    assert result.returncode == 2, result.stderr
    assert "\n" not in line and "Traceback" not in line, result.stderr
    for part in parts:
        assert str(part) in line, line


@pytest.mark.parametrize(
    "text, parts",
    [
        ("ppo: {clipp: 0.2}", ["unknown key 'clipp'", "'ppo'", "did you mean 'clip'"]),
        ("stepss: 5", ["unknown key 'stepss'", "did you mean 'steps'"]),
        ("steps: many", ["steps", "int"]),
        ("steps: 0", ["steps: is 0", "at least 1"]),
        ("ppo: {gamma: 1.5}", ["ppo.gamma: is 1.5", "0 to 1"]),
        ("ppo: {learning_rate: .nan}", ["ppo.learning_rate: is nan"]),
        ("world: {name: spraed}", ["world.name", "spraed"]),
        ("network: {hidden: [64, 0]}", ["network.hidden: is 0"]),
        ("steps: 5\nsteps: 6", ["'steps' stands twice"]),
        ("steps: [", ["not valid YAML"]),
    ],
)
def test_bad_configuration_is_one_line_and_makes_nothing(tmp_path, text, parts):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    refused(command("train", path, "--out", tmp_path / "run"), path, *parts)
    assert not (tmp_path / "run").exists()


def test_missing_files_are_one_line(tmp_path):
    refused(command("train", tmp_path / "none.yaml"), "none.yaml", "no such file")
    refused(command("train", "--resume", tmp_path / "none"), "none", "no such run")
    refused(command("export", tmp_path / "none", "--robot", "omni", "--out", tmp_path / "b"), "none", "no such run")


def test_interrupted_and_resumed_gives_the_same_run(config, straight, tmp_path):
    """Ctrl-C at any moment, then --resume: the same weights bit for bit, and a metrics file without gap or repetition."""
    broken = tmp_path / "broken"
    process = subprocess.Popen(
        [sys.executable, "-m", "runtime.cli", "train", str(config), "--out", str(broken)], stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while not (broken / "checkpoint.pt").exists() and time.monotonic() < deadline:
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    if process.returncode != 0:
        assert process.returncode == 2 and f"--resume {broken}" in error and "Traceback" not in error
    assert cli.main(["train", "--resume", str(broken)]) == 0
    ours, theirs = (torch.load(run / "checkpoint.pt", weights_only=True) for run in (straight, broken))
    for name, weights in ours["policy"].items():
        assert torch.equal(weights, theirs["policy"][name]), name
    ours, theirs = (list(csv.DictReader((run / "metrics.csv").open())) for run in (straight, broken))
    speed = "steps_per_second"
    assert [{**row, speed: ""} for row in ours] == [{**row, speed: ""} for row in theirs]
    assert [int(row["batch"]) for row in ours] == list(range(1, 13))


def test_kill_in_the_middle_of_writing_leaves_a_run_that_resumes(config, tmp_path):
    """What kill -9 leaves: a checkpoint behind the metrics, and a metrics row that was cut short."""
    run = tmp_path / "run"
    process = subprocess.Popen([sys.executable, "-m", "runtime.cli", "train", str(config), "--out", str(run)], stderr=subprocess.DEVNULL)
    while not (run / "checkpoint.pt").exists() and process.poll() is None:
        time.sleep(0.002)
    process.kill()
    process.wait()
    with (run / "metrics.csv").open("a") as file:
        file.write("11,22")
    assert cli.main(["train", "--resume", str(run)]) == 0
    rows = list(csv.DictReader((run / "metrics.csv").open()))
    assert [int(row["batch"]) for row in rows] == list(range(1, 13))


def refuses(capsys, words, *parts):
    """As `refused`, without a process of its own."""
    capsys.readouterr()
    status = cli.main(list(map(str, words)))
    line = capsys.readouterr().err.strip()
    assert status == 2 and "\n" not in line, line
    for part in parts:
        assert str(part) in line, line


def test_a_run_is_never_overwritten(config, copy_of_run, capsys):
    before = (copy_of_run / "checkpoint.pt").read_bytes()
    refuses(capsys, ["train", config, "--out", copy_of_run], copy_of_run, "--resume")
    assert (copy_of_run / "checkpoint.pt").read_bytes() == before


def test_damaged_checkpoints_are_refused(copy_of_run, tmp_path, capsys):
    path, bundle = copy_of_run / "checkpoint.pt", tmp_path / "bundle"
    export = ["export", copy_of_run, "--robot", "omni", "--out", bundle]
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"not a checkpoint"):
        path.write_bytes(damaged)
        refuses(capsys, export, "checkpoint.pt")
    path.write_bytes(whole)
    config = copy_of_run / "config.yaml"
    text = config.read_text()
    assert "hidden: [8]" in text
    config.write_text(text.replace("hidden: [8]", "hidden: [9]"))
    refuses(capsys, export, "checkpoint.pt", "does not fit")
    assert not bundle.exists()


def test_export_refuses_what_the_robot_cannot_do(straight, tmp_path, capsys):
    bundle = tmp_path / "bundle"

    def export(robot, *more):
        return ["export", straight, "--robot", robot, "--out", bundle, *more]

    refuses(capsys, export("omnni"), "omnni", "did you mean 'omni'")
    refuses(capsys, export("omni", "--speed", 40), "40 m/s", "2.5 m/s")
    refuses(capsys, export("omni", "--arena", 0.3), "0.3 m", "1.33")
    refuses(capsys, export("point", "--arena", 2), "--arena", "point")
    refuses(capsys, [*export("omni")[:-1], straight], "exists already")
    assert not bundle.exists()
