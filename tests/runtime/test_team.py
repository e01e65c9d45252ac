"""Team and mission files: what is wrong is named with its file, its place and the nearest known key."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from robots.errors import InputError
from robots.yaml_input import dump_yaml
from runtime.team import KEEP_APART, Separation, Team, read_missions, read_team

THREE = Path(__file__).parents[2] / "configs" / "teams" / "three_omni.yaml"
ROBOT = {"id": "r0", "kind": "omni", "agent": 0, "endpoint": "tcp://127.0.0.1:5710"}


def refusal(path: Path, text: str) -> str:
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_team(path)
    line = str(caught.value)
    assert line.startswith(f"{path}: ") and "\n" not in line
    return line


def test_the_team_that_comes_with_the_project_is_read_and_written_alike(tmp_path: Path) -> None:
    team = read_team(THREE)
    assert [member.id for member in team.peers_of("r1")] == ["r0", "r2"] and team.staleness.own_stop == 2.0
    (tmp_path / "team.yaml").write_text(dump_yaml(team))
    assert read_team(tmp_path / "team.yaml") == team


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"endpont": "x"}, ["endpont", "robots[0]", "did you mean 'endpoint'?"]),
        ({"kind": "omny"}, ["robots[0].kind", "omny", "did you mean 'omni'?"]),
        ({"agent": 1}, ["agents are [1]", "0 ... 0"]),
        ({"agent": "first"}, ["agent"]),
        ({"endpoint": "127.0.0.1:5710"}, ["robots[0].endpoint", "127.0.0.1:5710", "tcp://HOST:PORT"]),
        ({"endpoint": "tcp://127.0.0.1:0"}, ["robots[0].endpoint", ":0"]),
        ({"endpoint": "tcp://127.0.0.1:70000"}, ["70000"]),
        ({"plant": "udp://x:1"}, ["robots[0].plant", "udp://x:1"]),
        ({"stop": "tcp://h"}, ["robots[0].stop", "tcp://h"]),
        ({"endpoint": "tcp://127.0.0.1:\u00b2"}, ["robots[0].endpoint", "port 1 ... 65535"]),
        ({"stop": ROBOT["endpoint"]}, ["endpoint 'tcp://127.0.0.1:5710' stands twice"]),
    ],
)
def test_errors_name_the_place(tmp_path: Path, changes: dict, words: list[str]) -> None:
    line = refusal(tmp_path / "team.yaml", yaml.safe_dump({"robots": [{**ROBOT, **changes}]}))
    assert all(word in line for word in words), line


@pytest.mark.parametrize(("second", "words"), [({"id": "r0"}, "id 'r0'"), ({"endpoint": ROBOT["endpoint"]}, "endpoint 'tcp")])
def test_two_robots_share_nothing(tmp_path: Path, second: dict, words: str) -> None:
    other = {"id": "r1", "kind": "omni", "agent": 1, "endpoint": "tcp://127.0.0.1:5711", **second}
    assert f"{words}" in refusal(tmp_path / "team.yaml", yaml.safe_dump({"robots": [ROBOT, other]}))


def test_a_key_that_stands_twice_is_refused_and_an_empty_team_too(tmp_path: Path) -> None:
    assert "'robots' stands twice" in refusal(tmp_path / "team.yaml", "robots: []\nrobots: []\n")
    assert "robots: is empty" in refusal(tmp_path / "team.yaml", "robots: []\n")


ODD = st.sampled_from([None, True, -1, 0, 1.5, 2**70, float("nan"), float("inf"), "", "omni", "tcp://h:1", [], [1], {}, {"x": 1}])


@pytest.mark.parametrize("value", [".nan", ".inf", "0", "-1"])
@pytest.mark.parametrize("name", ["arm_timeout", "lockstep_timeout", "geofence", "staleness.lost", "staleness.own_stop"])
def test_a_limit_that_would_never_be_passed_is_refused(tmp_path: Path, name: str, value: str) -> None:
    section, _, key = name.rpartition(".")
    setting = f"{section}: {{{key}: {value}}}" if section else f"{key}: {value}"
    line = refusal(tmp_path / "team.yaml", f"{yaml.safe_dump({'robots': [ROBOT]})}\n{setting}\n")
    assert f"{name}: is " in line and "above 0" in line


@pytest.mark.parametrize("value", [".nan", ".inf", "-0.1"])
@pytest.mark.parametrize("name", ["margin", "command_delay", "message_delay"])
def test_a_separation_that_is_no_length_or_time_is_refused(tmp_path: Path, name: str, value: str) -> None:
    line = refusal(tmp_path / "team.yaml", f"{yaml.safe_dump({'robots': [ROBOT]})}\nseparation: {{{name}: {value}}}\n")
    assert f"separation.{name}: is {value.strip('.')}, must be finite and not below 0" in line


def test_robots_are_kept_apart_unless_the_team_file_says_null(tmp_path: Path) -> None:
    for setting, expected in (("", KEEP_APART), ("separation: null", None), ("separation: {margin: 0}", Separation(margin=0.0))):
        (tmp_path / "team.yaml").write_text(f"{yaml.safe_dump({'robots': [ROBOT]})}\n{setting}\n")
        assert read_team(tmp_path / "team.yaml").separation == expected


def test_a_robot_cannot_stop_before_it_holds(tmp_path: Path) -> None:
    line = refusal(tmp_path / "team.yaml", yaml.safe_dump({"robots": [ROBOT], "staleness": {"own_hold": 3.0}}))
    assert "own_stop: is 2.0" in line and "own_hold (3.0)" in line


KEYS = st.sampled_from([*Team.__struct_fields__, "x"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(top=st.dictionaries(KEYS, ODD, max_size=3), robot=st.dictionaries(st.sampled_from([*ROBOT, "plant", "x"]), ODD, max_size=3))
def test_any_value_in_any_place_gives_a_team_or_one_line(tmp_path: Path, top: dict, robot: dict) -> None:
    path = tmp_path / "team.yaml"
    path.write_text(yaml.safe_dump({"robots": [{**ROBOT, **robot}], **top}))
    try:
        team = read_team(path)
    except InputError as error:
        assert str(error).startswith(f"{path}: ") and "\n" not in str(error)
    else:
        assert team.robots


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60))
def test_any_bytes_give_a_team_or_one_line(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "team.yaml"
    path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        read_team(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("missions: []", ["missions: is empty"]),
        ("missions: [{landmarks: [[0, 0]]}]", ["missions[0].landmarks", "has 1", "covers 2"]),
        ("missions: [{landmarks: [[0, 0], [.nan, 0]]}]", ["missions[0]", "not finite"]),
        ("missions: [{landmarks: [[0, 0, 0], [0, 0]]}]", ["landmarks"]),
        ("missions: [{landmark: [[0, 0], [0, 0]]}]", ["did you mean 'landmarks'?"]),
        ("missions: [{landmarks: [[0, 0], [0, 0]], drift: [[0, 1]]}]", ["missions[0].drift: has 1, the mission has 2 landmarks"]),
        ("missions: [{landmarks: [[0, 0], [0, 0]], drift: [[0, 1], [.inf, 0]]}]", ["missions[0].drift[1]: is [inf, 0.0], must be finite"]),
        ("missions: [{landmarks: [[0, 0], [0, 0]], drift: [[0, 1], [1, 0]], within: 0}]", ["within: is 0, must be finite and above 0"]),
        ("missions: [{landmarks: [[0, 0], [0, 0]], drift: [[0, 1], [1, 0]], within: .nan}]", ["within: is nan, must be finite"]),
        (
            "missions: [{landmarks: [[0, 0], [0, -3]], drift: [[0, 1], [1, 0]], within: 2}]",
            ["missions[0].landmarks[1]: is [0.0, -3.0], must start within +-2"],
        ),
        ("missions: [{landmarks: [[0, 0], [0, 0]], within: 2}]", ["missions[0].within: is 2, and drift is empty"]),
    ],
)
def test_mission_errors_name_the_place(tmp_path: Path, text: str, words: list[str]) -> None:
    path = tmp_path / "missions.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_missions(path, landmarks=2)
    assert all(word in str(caught.value) for word in (str(path), *words)), str(caught.value)
    assert "\n" not in str(caught.value)
