"""`fieldswarm characterise`: the figures of a simulated robot, of one behind a team file, and what it refuses."""

import csv
import json
from subprocess import run

import pytest
import yaml

from robots.spec import load_spec
from robots.yaml_input import dump_yaml
from runtime.cli import main
from runtime.team import Member, Mission, Missions, Team
from tests.conftest import COMMAND

SPEC = load_spec("diffdrive")
ONE_SEQUENCE = ("--sequences", 1)


def figures_of(folder):
    return yaml.safe_load((folder / "figures.yaml").read_text())


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """What the command says and writes of a simulated robot."""
    out = tmp_path_factory.mktemp("characterise") / "deep" / "out"
    command = [*COMMAND, "characterise", "diffdrive", *map(str, ONE_SEQUENCE), "--out", str(out)]
    done = run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return out, done.stdout


def test_it_finds_the_figures_of_the_spec_again(simulated):
    out, printed = simulated
    found = figures_of(out)["planar_model"]
    assert found["gain"] == pytest.approx(1.0, abs=0.02)
    assert found["command_latency"] == pytest.approx(SPEC.command_latency, abs=0.01)
    assert found["velocity_time_constant"] == pytest.approx(SPEC.velocity_time_constant, rel=0.05)
    assert found["acceleration_limit"] == pytest.approx(SPEC.acceleration_limit, rel=0.05)
    assert found["speed_limit"] == pytest.approx(SPEC.speed_limit, rel=0.01)
    assert figures_of(out)["error_after_sequences"]["spec"]["worst"] < 0.05
    assert ", published 0.22 m/s: emanual.robotis.com" in printed


def test_it_writes_a_table_of_every_tick_and_a_picture_and_leaves_nothing_else(simulated):
    out, _ = simulated
    assert {path.name for path in out.iterdir()} == {"figures.yaml", "track.csv", "responses.png"}
    with (out / "track.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == figures_of(out)["ticks"]
    fast = [row for row in rows if abs(float(row["setpoint_x"]) - SPEC.speed_limit) < 1e-6][-1]
    assert float(fast["velocity_x"]) == pytest.approx(SPEC.speed_limit, rel=0.03)
    assert float(fast["model_x"]) == pytest.approx(SPEC.speed_limit, rel=0.03)
    assert (out / "responses.png").read_bytes().startswith(b"\x89PNG")


def test_through_a_team_file_it_measures_the_same(simulated, tmp_path, free_endpoints, start_fieldswarm, fieldswarm):
    endpoint, plant = free_endpoints(2)
    (tmp_path / "team.yaml").write_text(
        dump_yaml(Team(robots=(Member(id="r7", kind="diffdrive", agent=0, endpoint=endpoint, plant=plant),)))
    )
    missions = Missions(missions=(Mission(landmarks=((0.0, 0.0),), starts=((0.0, 0.0),), seed=0),))
    (tmp_path / "missions.yaml").write_text(dump_yaml(missions))
    expected = figures_of(simulated[0])
    files = ("--team", tmp_path / "team.yaml", "--missions", tmp_path / "missions.yaml")
    served = start_fieldswarm("plant", "--world", "bullet", *files, "--ticks", expected["ticks"])
    out = tmp_path / "out"
    robot = ("--team", tmp_path / "team.yaml", "--robot", "r7", "--space", 20)
    done = fieldswarm("characterise", "diffdrive", *robot, *ONE_SEQUENCE, "--out", out, timeout=120)
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in served.communicate(timeout=20)[0].splitlines()]
    assert events[-1]["event"] == "end" and events[-1]["reason"] == ""
    found = figures_of(out)
    assert found.pop("who") == f"r7 of {tmp_path / 'team.yaml'}"
    assert expected.pop("who") == "simulated"
    assert {**found, "profile": ""} == {**expected, "profile": ""}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("point",), "robot kind 'point' takes 'force'; characterise measures kinds that take 'velocity_setpoint'"),
        (("diffdrvie",), "robot kind 'diffdrvie' is unknown"),
        (("omni", "--space", "nan"), "--space: is nan, must be finite and above 0"),
        (("omni", "--repeats", 0), "--repeats: is 0, must be at least 1"),
        (("omni", "--robot", "r0"), "--team and --robot go together"),
        (("omni", "--team", "TEAM", "--robot", "r0"), "--team: needs --space"),
        (("omni", "--team", "TEAM", "--robot", "r1", "--space", 3), "robot 'r1' is not in the team"),
        (("diffdrive", "--team", "TEAM", "--robot", "r0", "--space", 3), "robot 'r0' is 'omni', characterise was asked for 'diffdrive'"),
        (("omni", "--team", "TEAM", "--robot", "r0", "--space", 3), "robot 'r0' has no plant, and there is no hardware driver"),
        (
            ("omni", "--team", "TEAM", "--robot", "r0", "--space", 3, "--profile", "lab"),
            "--profile: is for the robot that is simulated here",
        ),
        (("omni", "--profile", "nope"), "profile 'nope' is neither a file nor a known profile"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_line(arguments, message, tmp_path, capfd, monkeypatch):
    (tmp_path / "team.yaml").write_text("robots:\n  - {id: r0, kind: omni, agent: 0, endpoint: 'tcp://127.0.0.1:5710'}\n")
    monkeypatch.chdir(tmp_path)
    status = main(["characterise", *(str(tmp_path / "team.yaml" if word == "TEAM" else word) for word in arguments)])
    out, error = capfd.readouterr()
    assert (status, out) == (2, "")
    assert message in error and error.count("\n") == 1
    assert {path.name for path in tmp_path.iterdir()} == {"team.yaml"}


def test_a_plant_that_fails_is_told_in_its_own_words(tmp_path, fieldswarm):
    (tmp_path / "profile.yaml").write_text("name: heavy\nlink: {delay: -1.0}\n")
    done = fieldswarm("characterise", "omni", "--profile", tmp_path / "profile.yaml", "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "profile.yaml" in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()
