"""`fieldswarm plant`, as a user runs it by hand."""

from __future__ import annotations

import json
import signal

import numpy as np
import pytest
import zmq

from robots.driver import PlantGone
from robots.plant_driver import PlantDriver
from robots.yaml_input import dump_yaml
from runtime.team import Member, Mission, Missions, Team
from sim3d.plant.record import Record
from sim3d.profile import profile_names

LANDMARKS = ((0.5, 0.5), (-0.5, 0.5))


@pytest.fixture
def files(tmp_path, free_endpoints) -> dict[str, object]:
    """A team of one robot of kind `point` and two missions, as options of the command."""
    peer, plant = free_endpoints(2)
    team = Team(robots=(Member(id="r0", kind="point", agent=0, endpoint=peer, plant=plant),))
    missions = Missions(missions=(Mission(landmarks=LANDMARKS, starts=((0.25, -0.125),)), Mission(landmarks=LANDMARKS)))
    (tmp_path / "team.yaml").write_text(dump_yaml(team))
    (tmp_path / "missions.yaml").write_text(dump_yaml(missions))
    return {"--world": "spread", "--team": tmp_path / "team.yaml", "--missions": tmp_path / "missions.yaml", "--ticks": 5}


def words(options: dict[str, object]) -> list[object]:
    return [word for option in options.items() for word in option]


def drive(endpoint: str) -> tuple[list, str]:
    """Push right in every tick: all states, and the reason of the end."""
    driver = PlantDriver("r0", endpoint)
    driver.connect(timeout=20.0)
    states = []
    try:
        while True:
            states.append(driver.read(timeout=10.0))
            driver.command(np.array([1.0, 0.0]), states[-1].tick)
    except PlantGone as gone:
        return states, gone.reason
    finally:
        driver.close()


def endpoint_of(files: dict[str, object]) -> str:
    return files["--team"].read_text().partition("plant: ")[2].splitlines()[0].strip("'\"}] ")


def test_it_serves_the_missions_and_tells_how_they_went(files, tmp_path, start_fieldswarm):
    process = start_fieldswarm("plant", *words(files), "--record", tmp_path / "record.npz")
    states, reason = drive(endpoint_of(files))
    output, error = process.communicate(timeout=20)
    assert (process.returncode, error, reason) == (0, "", "")
    assert [(state.tick, state.episode, state.elapsed) for state in states] == [(k, k // 5, k % 5) for k in range(10)]
    assert states[0].position.tolist() == [0.25, -0.125]
    ready, begin, first, second, end = map(json.loads, output.splitlines())
    assert ready == {"event": "ready", "missions": 2} and begin == {"event": "begin"}
    assert first == {"event": "mission", "number": 0, "covered": False, "time_to_cover": None, "covered_at_end": False}
    assert second["number"] == 1
    assert end == {"event": "end", "reason": "", "robot": "", "late_ticks": 0, "counts": {"r0": {}}}
    record = Record.load(tmp_path / "record.npz")
    assert record.position.shape == (2, 6, 1, 2) and record.world == "spread" and record.capture_radius == 0.1
    assert (record.action == [1.0, 0.0]).all()
    assert [state.position.tolist() for state in states[:5]] == record.position[0, :5, 0].tolist()


def test_a_robot_that_never_comes(files, fieldswarm, tmp_path):
    done = fieldswarm("plant", *words(files), "--join-timeout", 0.2, "--record", tmp_path / "record.npz")
    assert (done.returncode, done.stderr) == (2, "fieldswarm: robot r0: no driver said hello within 0.2 s\n")
    assert not (tmp_path / "record.npz").exists()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 130)])
def test_robots_are_told_when_it_is_ended(files, start_fieldswarm, number, status):
    process = start_fieldswarm("plant", *words({**files, "--ticks": 10**6}))
    driver = PlantDriver("r0", endpoint_of(files))
    driver.connect(timeout=20.0)
    driver.read(timeout=5.0)
    process.send_signal(number)
    with pytest.raises(PlantGone, match="the plant was interrupted"):
        for _ in range(100):  # of what was sent before, some may lie in the queue
            driver.read(timeout=5.0)
    driver.close()
    _, error = process.communicate(timeout=10)
    assert (process.returncode, error) == (status, "")


@pytest.mark.parametrize("host", ["0.0.0.0", "*", "192.0.2.7"])
def test_robots_on_a_network_are_served_only_with_leave(files, fieldswarm, host):
    """The link has no keys: whoever is on the network could drive them."""
    endpoint = endpoint_of(files)
    port = endpoint.rpartition(":")[2]
    files["--team"].write_text(files["--team"].read_text().replace(endpoint, f"tcp://{host}:{port}"))
    refused = fieldswarm("plant", *words(files))
    text = f"{files['--team']}: robots[0].plant: tcp://{host}:{port} is not on loopback, and the link to a plant has no keys: "
    assert refused.returncode == 2 and refused.stderr.startswith(f"fieldswarm: {text}") and refused.stderr.count("\n") == 1
    allowed = fieldswarm("plant", *words(files), "--allow-plaintext", "--join-timeout", 0.1)
    assert allowed.returncode == 2
    assert "no driver said hello" in allowed.stderr or "Cannot assign requested address" in allowed.stderr


def test_a_port_in_use(files, fieldswarm):
    endpoint = endpoint_of(files)
    with zmq.Context() as context, context.socket(zmq.PAIR) as other:
        other.bind(endpoint)
        done = fieldswarm("plant", *words(files))
    text = f"{files['--team']}: robots[0].plant: cannot serve robot r0 at {endpoint}: Address already in use"
    assert (done.returncode, done.stderr) == (2, f"fieldswarm: {text}\n")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"--arena": 2}, "world 'spread' has an arena of half size 1, not 2"),
        ({"--arena": "nan"}, "--arena: is nan, must be finite and above 0"),
        ({"--ticks": 0}, "--ticks: is 0, must be finite and above 0"),
        ({"--seed": -1}, "--seed: is -1, must be in 0 ... 2^63 - 1"),
        ({"--team": "nothing.yaml"}, "nothing.yaml: no such file"),
        ({"--missions": "nothing.yaml"}, "nothing.yaml: no such file"),
        (
            {"--profile": "filed"},
            f"profile 'filed' is neither a file nor a known profile; known profiles: {', '.join(profile_names())}; did you mean 'field'?",
        ),
    ],
)
def test_what_cannot_be_served_is_refused_in_one_line(files, fieldswarm, change, text):
    done = fieldswarm("plant", *words({**files, **change}))
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"fieldswarm: {text}\n")


def test_robots_of_another_world_are_refused(files, fieldswarm):
    done = fieldswarm("plant", *words({**files, "--world": "bullet"}))
    text = "robots[0].kind: world 'bullet' has no robots of kind 'point'; they live in world 'spread'"
    assert (done.returncode, done.stderr) == (2, f"fieldswarm: {files['--team']}: {text}\n")


@pytest.mark.parametrize(
    ("member", "text"),
    [
        ({"kind": "omni"}, "robots[1].kind: world 'spread' has no robots of kind 'omni'; they live in world 'bullet'"),
        ({"plant": ""}, "robots[1].plant: is empty, a simulated robot needs an endpoint"),
    ],
)
def test_a_team_that_cannot_be_served(files, fieldswarm, free_endpoints, member, text):
    first, second, third, fourth = free_endpoints(4)
    one = {"id": "r0", "kind": "point", "agent": 0, "endpoint": first, "plant": second}
    two = {"id": "r1", "kind": "point", "agent": 1, "endpoint": third, "plant": fourth, **member}
    files["--team"].write_text(dump_yaml({"robots": [one, two]}))
    done = fieldswarm("plant", *words(files))
    assert (done.returncode, done.stderr) == (2, f"fieldswarm: {files['--team']}: {text}\n")
