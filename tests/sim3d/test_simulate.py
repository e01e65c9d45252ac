"""The real command: what it gives, what it says when something is wrong, and that nothing is left behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import zmq
from process_table import alive, gone

from robots.errors import InputError
from robots.yaml_input import dump_yaml
from runtime.team import Mission, Missions
from sim3d import simulate as module
from sim3d.plant.record import Record
from sim3d.profile import profile_names
from sim3d.world import random_layouts
from tests.runtime.entity_factory import write_entity_bundle


def test_it_reports_the_missions_and_the_robots(point_bundle, tmp_path, fieldswarm):
    out = tmp_path / "out"
    done = fieldswarm("simulate", point_bundle, "--missions", 3, "--seed", 4, "--out", out)
    assert done.returncode == 0 and done.stderr == ""
    first, *table = done.stdout.splitlines()
    assert first.startswith("3 missions in spread, clean, lockstep: ")
    assert [line.split()[0] for line in table[:3]] == ["success", "success_end", "success_body"]
    assert [line.split()[0] for line in table if line.startswith("  r")] == ["robot", "r0", "r1", "r2"]
    summary = json.loads((out / "summary.json").read_bytes())
    assert summary["missions"] == 3 and summary["world"] == "spread" and 0 <= summary["team"]["success"] <= 1
    assert summary["robots"]["r1"]["ticks"] == 75
    record = Record.load(out / "record.npz")
    assert record.position.shape == (3, 26, 3, 2)
    assert (record.starts == random_layouts(3, 3, 3, 1.0, seed=4).starts).all()
    assert (record.kinds, record.profile, record.world) == (("point",) * 3, "clean", "spread")
    assert not alive(str(out))


def test_a_mission_file_is_run_as_it_stands(point_bundle, tmp_path, fieldswarm):
    mission = Mission(landmarks=((0.5, 0.5), (-0.5, 0.5), (0.0, -0.5)), starts=((0.0, 0.0), (0.5, -0.5), (-0.5, -0.5)))
    (tmp_path / "missions.yaml").write_text(dump_yaml(Missions(missions=(mission, mission))))
    out = tmp_path / "out"
    done = fieldswarm("simulate", point_bundle, "--mission-file", tmp_path / "missions.yaml", "--out", out)
    assert done.returncode == 0, done.stderr
    record = Record.load(out / "record.npz")
    assert record.landmarks.tolist() == [[list(point) for point in mission.landmarks]] * 2
    assert record.starts.tolist() == [[list(point) for point in mission.starts]] * 2
    assert np.array_equal(record.position[0], record.position[1])


def test_actors_of_any_number_fly_as_many_robots_as_are_asked_for_and_landmarks_as_there_are(tmp_path, fieldswarm):
    (tmp_path / "bundle").mkdir()
    bundle = write_entity_bundle(tmp_path / "bundle")
    mission = Mission(landmarks=((0.5, 0.5), (-0.5, 0.5)))
    (tmp_path / "missions.yaml").write_text(dump_yaml(Missions(missions=(mission,))))
    out = tmp_path / "out"
    done = fieldswarm("simulate", bundle, "--robots", 4, "--mission-file", tmp_path / "missions.yaml", "--out", out)
    assert done.returncode == 0, done.stderr
    record = Record.load(out / "record.npz")
    assert record.position.shape == (1, 26, 4, 2) and record.landmarks.shape == (1, 2, 2)
    assert json.loads((out / "summary.json").read_bytes())["robots"].keys() == {"r0", "r1", "r2", "r3"}


def test_real_time_takes_the_time_it_takes(point_bundle, tmp_path, fieldswarm):
    out = tmp_path / "out"
    begin = time.monotonic()
    done = fieldswarm("simulate", point_bundle, "--missions", 2, "--clock", "realtime", "--out", out)
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - begin > 2 * 25 * 0.1
    summary = json.loads((out / "summary.json").read_bytes())
    for robot in summary["robots"].values():
        assert robot["modes"]["ACTIVE"] >= 40 - summary["plant"]["late_ticks"]


@pytest.fixture
def running(point_bundle, tmp_path, start_fieldswarm) -> tuple[subprocess.Popen, Path]:
    """A series that would go on for hours, in the middle of it."""
    out = tmp_path / "out"
    process = start_fieldswarm("simulate", point_bundle, "--missions", 1000, "--out", out)
    wait_until(lambda: (out / "plant.jsonl").exists() and b'"number": 3' in (out / "plant.jsonl").read_bytes())
    assert len(children(out)) == 4
    return process, out


def wait_until(true: Callable[[], bool], within: float = 30.0) -> None:
    deadline = time.monotonic() + within
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def children(out: Path) -> list[int]:
    """Plant and robots; the command itself has the folder without a file behind it in its command line."""
    return alive(f"{out}/")


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM), (signal.SIGKILL, -signal.SIGKILL)])
def test_nothing_is_left_behind_however_it_is_ended(running, number, status):
    process, out = running
    process.send_signal(number)
    _, error = process.communicate(timeout=10)
    assert process.returncode == status
    assert "Traceback" not in error
    assert gone(f"{out}/", within=5.0)
    assert not (out / "record.npz").exists() and not (out / "summary.json").exists()


def pid_of(victim: str, out: Path) -> int:
    (pid,) = (pid for pid in children(out) if victim.encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"))
    return pid


@pytest.mark.parametrize("victim", ["r1", "plant"])
def test_when_one_process_dies_in_lockstep_all_end_and_it_is_named(running, victim):
    process, out = running
    os.kill(pid_of(victim, out), signal.SIGKILL)
    output, error = process.communicate(timeout=15)
    name = "the plant" if victim == "plant" else f"robot {victim}"
    assert (process.returncode, error) == (2, f"fieldswarm: {name}: was killed by SIGKILL\n")
    assert output == "" and not alive(str(out))


@pytest.fixture
def in_real_time(point_bundle, tmp_path, start_fieldswarm) -> Callable[[int], tuple[subprocess.Popen, Path]]:
    """A series of so many missions of 2.5 s, in the first of which all robots drive."""

    def start(missions: int) -> tuple[subprocess.Popen, Path]:
        out = tmp_path / "out"
        process = start_fieldswarm("simulate", point_bundle, "--missions", missions, "--clock", "realtime", "--out", out)
        wait_until(lambda: all((out / f"r{n}.jsonl").exists() and b'"ACTIVE"' in (out / f"r{n}.jsonl").read_bytes() for n in range(3)))
        return process, out

    return start


def test_a_robot_that_dies_in_real_time_is_stopped_by_its_watchdog_and_the_others_go_on(in_real_time):
    process, out = in_real_time(2)
    os.kill(pid_of("r1", out), signal.SIGKILL)
    os.kill(pid_of("r2", out), signal.SIGTERM)
    output, error = process.communicate(timeout=30)
    assert (process.returncode, error) == (0, "")
    assert "  r1: LOST: was killed by SIGKILL, in mission 1\n" in output and "  r2: LOST: was stopped\n" in output
    summary = json.loads((out / "summary.json").read_bytes())
    assert summary["missions"] == 2 and summary["lost"].keys() == {"r1", "r2"} and summary["robots"].keys() == {"r0", "r2"}
    assert summary["robots"]["r0"]["ticks"] >= 40 and summary["plant"]["counts"]["r1"]["watchdog"] > 10
    record = Record.load(out / "record.npz")
    assert not record.action[1, :, 1:].any()
    assert not alive(str(out))


@pytest.mark.parametrize("victims", [("plant",), ("r0", "r1", "r2")], ids=["the plant", "every robot"])
def test_a_series_in_real_time_that_cannot_go_on_ends(in_real_time, victims):
    process, out = in_real_time(1000)
    for pid in [pid_of(victim, out) for victim in victims]:
        os.kill(pid, signal.SIGKILL)
    output, error = process.communicate(timeout=15)
    assert (process.returncode, output) == (2, "") and error.endswith(": was killed by SIGKILL\n") and error.count("\n") == 1
    assert not alive(str(out))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--world", "bullet"), "world 'bullet' has no robots of kind 'point'; they live in world 'spread'"),
        (
            ("--profile", "feild"),
            f"profile 'feild' is neither a file nor a known profile; known profiles: {', '.join(profile_names())}; did you mean 'field'?",
        ),
        (("--missions", "0"), "--missions: is 0, must be at least 1"),
        (("--robots", "0"), "--robots: is 0, must be at least 1"),
        (("--seed", "-1"), "--seed: is -1, must be in 0 ... 2^63 - 1"),
        (("--mission-file", "nothing.yaml"), "nothing.yaml: no such file"),
    ],
)
def test_what_cannot_be_run_is_refused_in_one_line(point_bundle, tmp_path, fieldswarm, options, text):
    done = fieldswarm("simulate", point_bundle, "--out", tmp_path / "out", *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"fieldswarm: {text}\n"
    assert not (tmp_path / "out").exists()


def test_a_tampered_bundle_is_refused_before_anything_starts(point_bundle, tmp_path, fieldswarm):
    bundle = tmp_path / "bundle"
    shutil.copytree(point_bundle, bundle)
    with (bundle / "actor_2.onnx").open("ab") as file:
        file.write(b"\0")
    done = fieldswarm("simulate", bundle, "--out", tmp_path / "out")
    assert done.returncode == 2 and done.stderr.startswith(f"fieldswarm: {bundle}: actor_2.onnx: SHA-256 is ")
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written(point_bundle, tmp_path, fieldswarm):
    (tmp_path / "file").write_text("")
    done = fieldswarm("simulate", point_bundle, "--out", tmp_path / "file" / "out")
    assert done.returncode == 2 and done.stderr == f"fieldswarm: {tmp_path}/file/out: cannot be written: Not a directory\n"


@pytest.mark.parametrize("taken", ["plant", "endpoint"])
def test_a_port_that_is_taken_meanwhile_is_named(point_bundle, tmp_path, monkeypatch, free_endpoints, taken):
    endpoints = free_endpoints(6)
    monkeypatch.setattr(module, "free_endpoints", lambda count: endpoints)
    index = 1 if taken == "endpoint" else 4
    with zmq.Context() as context, context.socket(zmq.PAIR) as other:
        other.bind(endpoints[index])
        with pytest.raises(InputError) as error:
            module.simulate(point_bundle, random_layouts(1, 3, 3, 1.0, seed=0), tmp_path)
    assert endpoints[index].removeprefix("tcp://") in str(error.value) and "\n" not in str(error.value)
    assert "in use" in str(error.value)
    assert not alive(f"{tmp_path}/")
