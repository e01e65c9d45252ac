"""The real command, as a roboticist meets it: what is wrong is one line, and the robot is stopped however the run ends."""

from __future__ import annotations

import json
import re
import signal
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zmq

from robots.yaml_input import dump_yaml
from runtime.contract import encode_contract
from runtime.keys import load_robot_keys, make_keys
from runtime.message import encode_message
from runtime.signature import SIGNATURE, sign
from runtime.team import Mission, Missions, Staleness
from tests.runtime.deployment import Deployment, RealTimePlant, TalkingPeers, sound
from tests.runtime.factory import make_actor, make_bundle, make_contract
from tests.runtime.stand_ins import message

Start = Callable[..., subprocess.Popen]


@pytest.fixture
def deployment(tmp_path: Path, free_endpoints: Callable[[int], list[str]]) -> Deployment:
    return Deployment(tmp_path, free_endpoints(6))


@pytest.fixture
def plant(deployment: Deployment) -> Iterator[RealTimePlant]:
    serving = RealTimePlant(deployment.endpoints[3])
    yield serving
    serving.stop()


@pytest.fixture
def talk(deployment: Deployment) -> Iterator[Callable[[Callable[[str, int], list[bytes]]], TalkingPeers]]:
    talking: list[TalkingPeers] = []

    def start(frames_of: Callable[[str, int], list[bytes]]) -> TalkingPeers:
        talking.append(TalkingPeers({"r1": deployment.endpoints[1], "r2": deployment.endpoints[2]}, frames_of))
        return talking[-1]

    yield start
    for each in talking:
        each.stop()


def until(process: subprocess.Popen, condition: Callable[[], Any], timeout: float = 20.0) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def finish(process: subprocess.Popen, number: int | None = None) -> tuple[int, str]:
    """Exit status and standard error, after a signal."""
    if number is not None:
        process.send_signal(number)
    _, stderr = process.communicate(timeout=10)
    assert "Traceback" not in stderr
    return process.returncode, stderr


def unknown_key(at: Deployment) -> None:
    at.team.write_text(at.team.read_text().replace("require_peers:", "require_peer:"))


def missing_team_file(at: Deployment) -> None:
    at.team.unlink()


def missing_mission_file(at: Deployment) -> None:
    at.missions.unlink()


def other_landmarks(at: Deployment) -> None:
    at.missions.write_text(dump_yaml(Missions(missions=(Mission(landmarks=((0.0, 0.0),)),))))


def missing_bundle(at: Deployment) -> None:
    at.bundle = at.folder / "nothing.zip"


def corrupt_actor(at: Deployment) -> None:
    at.replace_actor(0, b"this is no ONNX file" * 50)


def truncated_actor(at: Deployment) -> None:
    at.replace_actor(0, (at.bundle / "actor_0.onnx").read_bytes()[:-100])


def tampered_bundle(at: Deployment) -> None:
    path = at.bundle / "actor_0.onnx"
    path.write_bytes(path.read_bytes()[:-1] + b"}")
    path.write_bytes(path.read_bytes().replace(b"spread", b"sp\0ead", 1))


def other_team_size(at: Deployment) -> None:
    at.write_team(robots=2)


def other_control_rate(at: Deployment) -> None:
    contract = msgspec.structs.replace(make_contract(kind="point"), period=0.25, period_tolerance=0.1)
    at.replace_actor(0, make_actor(contract, metadata=encode_contract(contract)))


def other_robot_kind(at: Deployment) -> None:
    at.bundle = make_bundle(at.folder / "omni_bundle")


def no_plant(at: Deployment) -> None:
    at.write_team(plant=False)


def plant_not_there(at: Deployment) -> None:
    at.write_team(lockstep_timeout=0.5)


def no_folder_for_the_summary(at: Deployment) -> None:
    at.summary = at.folder / "nowhere" / "r0.json"


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (unknown_key, ["team.yaml", "unknown key 'require_peer'", "did you mean 'require_peers'?"]),
        (missing_team_file, ["team.yaml: no such file"]),
        (missing_mission_file, ["missions.yaml: no such file"]),
        (other_landmarks, ["missions.yaml", "missions[0].landmarks", "has 1", "covers 3"]),
        (missing_bundle, ["nothing.zip: no such bundle"]),
        (corrupt_actor, ["actor_0.onnx", "corrupt or truncated"]),
        (truncated_actor, ["actor_0.onnx", "corrupt or truncated"]),
        (tampered_bundle, ["actor_0.onnx", "SHA-256 is", "manifest.json says"]),
        (other_team_size, ["is for a team of 3", "team.yaml has 2 robots"]),
        (other_control_rate, ["every 0.25 s", "a loop of 0.1 s gives 0.2 s"]),
        (other_robot_kind, ["robot kind omni", "this robot is 'point'"]),
        (no_plant, ["team.yaml", "'r0' has no plant", "no hardware driver for kind 'point'"]),
        (plant_not_there, ["no plant answers at tcp://127.0.0.1:", "within 0.5 s", "r0"]),
        (no_folder_for_the_summary, ["nowhere/r0.json: cannot be written"]),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_bad_input_is_one_line_and_status_2(
    deployment: Deployment, fieldswarm: Callable[..., subprocess.CompletedProcess], spoil: Callable[[Deployment], None], words: list[str]
) -> None:
    spoil(deployment)
    done = fieldswarm(*deployment.arguments(), timeout=20)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("fieldswarm: ") and done.stderr.count("\n") == 1, done.stderr
    assert all(word in done.stderr for word in words), done.stderr
    assert not deployment.summary.exists() and not deployment.log.exists()


@pytest.mark.parametrize(
    ("link", "option", "said"),
    [
        ("link: {loss: 1.5}", [], "link.yaml: link.loss: is 1.5, must be finite and in 0 ... 1"),
        ("link: {los: 0.5}", [], "link.yaml: unknown key 'los' in 'link'; did you mean 'loss'?"),
        ("link: {delay: {uniform: [0.2, 0.1]}}", [], "link.yaml: link.delay.uniform: its low end is 0.2, above its high end 0.1"),
        ("faults: [{kind: silent, robot: 3}]", [], "link.yaml: faults[0].robot: is 3, must be 0 ... 2"),
        ("sensing: {position_sigma: 1}", [], "link.yaml: unknown key 'sensing'; known keys: link, faults"),
        ("{}", ["--command-latency", "-0.1"], "--command-latency: is -0.1, must be finite and not below 0"),
        ("{}", ["--command-latency", "nan"], "--command-latency: is nan, must be finite and not below 0"),
    ],
)
def test_a_link_or_latency_that_cannot_be_is_one_line_and_status_2(
    deployment: Deployment, fieldswarm: Callable[..., subprocess.CompletedProcess], link: str, option: list[str], said: str
) -> None:
    path = deployment.folder / "link.yaml"
    path.write_text(link)
    done = fieldswarm(*deployment.arguments(), "--link", path, *option, timeout=20)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("fieldswarm: ") and done.stderr.endswith(f"{said}\n") and done.stderr.count("\n") == 1


def test_a_robot_under_an_artificial_link_hears_late_and_goes_on_alone(
    deployment: Deployment, plant: RealTimePlant, talk: Callable, start_fieldswarm: Start
) -> None:
    (deployment.folder / "link.yaml").write_text("{link: {delay: 0.3}, faults: [{kind: late, robot: 2, at: 1000.0}]}")
    deployment.write_team(require_peers=False)
    talk(sound)
    process = start_fieldswarm(*deployment.arguments(), "--link", deployment.folder / "link.yaml", "--command-latency", "0.12")
    until(process, lambda: len(plant.commands) > 25)
    finish(process, signal.SIGTERM)
    header, *lines = map(json.loads, deployment.log.read_text().splitlines())
    assert header["link"]["link"]["delay"] == 0.3 and header["command_latency"] == 0.12
    ticks = [line for line in lines if line["line"] == "tick"]
    ages = [tick["peers"]["r1"]["age"] for tick in ticks if tick["peers"]["r1"]["age"] is not None]
    assert len(ages) > 15 and 0.29 < statistics.median(ages) < 0.45
    assert all(tick["peers"]["r2"]["age"] is None for tick in ticks)
    assert {tick["mode"] for tick in ticks} - {"SAFE_STOP"} == {"ACTIVE"}


def test_unknown_robot_names_those_that_are_there(deployment: Deployment, fieldswarm: Callable[..., subprocess.CompletedProcess]) -> None:
    done = fieldswarm(*deployment.arguments("r7"))
    assert done.returncode == 2 and "'r7' is not in the team; members: r0, r1, r2" in done.stderr


def test_port_in_use_names_robot_and_endpoint(deployment: Deployment, fieldswarm: Callable[..., subprocess.CompletedProcess]) -> None:
    context = zmq.Context()
    holder = context.socket(zmq.PUB)
    holder.bind(deployment.endpoints[0])
    done = fieldswarm(*deployment.arguments())
    context.destroy(linger=0)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert f"robot r0: cannot publish at {deployment.endpoints[0]}: Address already in use" in done.stderr


@pytest.mark.parametrize(
    ("welcome", "words"),
    [
        ({"kind": "omni"}, ["kind", "is omni", "for point"]),
        ({"action": "velocity_setpoint"}, ["action", "is velocity_setpoint", "for force"]),
        ({"loop_period": 0.03}, ["every 0.1 s", "a loop of 0.03 s gives 0.09 s"]),
    ],
)
def test_a_plant_that_is_another_robot_is_refused(deployment: Deployment, start_fieldswarm: Start, welcome: dict, words: list[str]) -> None:
    contract = msgspec.structs.replace(make_contract(kind="point"), period_tolerance=0.05)
    deployment.replace_actor(0, make_actor(contract))
    plant = RealTimePlant(deployment.endpoints[3], **welcome)
    status, stderr = finish(start_fieldswarm(*deployment.arguments()))
    plant.stop()
    assert status == 2 and stderr.count("\n") == 1 and all(word in stderr for word in words), stderr
    assert all(command.action == (0.0, 0.0) for command in plant.commands)


def test_a_healthy_robot_moves_stays_small_and_stops_on_sigterm(
    deployment: Deployment, plant: RealTimePlant, talk: Callable, start_fieldswarm: Start
) -> None:
    talk(sound)
    process = start_fieldswarm(*deployment.arguments())
    until(process, lambda: len(plant.commands) > 20)
    status, stderr = finish(process, signal.SIGTERM)
    assert status == 0 and stderr == ""
    assert any(any(command.action) for command in plant.commands) and plant.commands[-1].action == (0.0, 0.0)
    summary = deployment.read_summary()
    assert summary["ending"]["kind"] == "stopped" and [change["mode"] for change in summary["mode_history"]][-1] == "SAFE_STOP"
    assert summary["messages"]["peers"]["r1"]["accepted"] > 10 and summary["messages"]["peers"]["r2"]["rejected"] == {}
    assert summary["process"]["max_resident_mb"] < 80
    assert not summary["process"]["torch"] and not summary["process"]["pybullet"]
    assert summary["process"]["frozen_objects"] > 10_000
    lines = [json.loads(line)["line"] for line in deployment.log.read_text().splitlines()]
    assert lines[0] == "header" and lines[-1] == "closing" and lines.count("tick") == summary["ticks"]


def test_it_starts_in_less_than_a_second(deployment: Deployment, plant: RealTimePlant, start_fieldswarm: Start) -> None:
    """The best of three: a shared machine may be busy."""
    times = []
    while len(times) < 3 and not (times and times[-1] < 1.0):
        process, before = start_fieldswarm(*deployment.arguments()), len(plant.commands)
        until(process, lambda before=before: len(plant.commands) > before)
        finish(process, signal.SIGTERM)
        times.append(deployment.read_summary()["start_up_s"])
    assert min(times) < 1.0, times


def test_ctrl_c_stops_the_robot_with_status_130(
    deployment: Deployment, plant: RealTimePlant, talk: Callable, start_fieldswarm: Start
) -> None:
    talk(sound)
    process = start_fieldswarm(*deployment.arguments())
    until(process, lambda: any(any(command.action) for command in plant.commands))
    status, stderr = finish(process, signal.SIGINT)
    assert status == 130 and stderr == "" and plant.commands[-1].action == (0.0, 0.0)


def test_a_signal_during_start_up_leaves_nothing_behind(deployment: Deployment, start_fieldswarm: Start) -> None:
    deployment.write_team(lockstep_timeout=30.0)
    process = start_fieldswarm(*deployment.arguments())
    time.sleep(1.0)
    status, stderr = finish(process, signal.SIGTERM)
    # Before Python has installed its handlers, the system's own ends the process.
    assert status in (0, -signal.SIGTERM) and stderr == "" and not deployment.summary.exists()


@pytest.mark.parametrize(("reason", "status"), [("", 0), ("robot r1: left at tick 9", 2)])
def test_the_plant_s_end_is_the_end(
    deployment: Deployment, plant: RealTimePlant, start_fieldswarm: Start, reason: str, status: int
) -> None:
    process = start_fieldswarm(*deployment.arguments())
    until(process, lambda: plant.commands)
    plant.end(reason)
    found, stderr = finish(process)
    assert found == status and stderr == (f"fieldswarm: r0: {reason}\n" if reason else "")
    assert deployment.read_summary()["ending"]["kind"] == ("plant_lost" if reason else "end")


def test_a_plant_that_is_killed_is_one_line_and_status_2(deployment: Deployment, plant: RealTimePlant, start_fieldswarm: Start) -> None:
    process = start_fieldswarm(*deployment.arguments())
    until(process, lambda: plant.commands)
    plant.stop()
    status, stderr = finish(process)
    assert status == 2 and stderr == f"fieldswarm: r0: lost the plant at {deployment.endpoints[3]}\n"


def test_peers_that_never_come_leave_the_robot_in_standby_with_one_line(
    deployment: Deployment, plant: RealTimePlant, start_fieldswarm: Start
) -> None:
    deployment.write_team(arm_timeout=0.5)
    process = start_fieldswarm(*deployment.arguments())
    until(process, lambda: len(plant.commands) > 15)
    status, stderr = finish(process, signal.SIGTERM)
    r1, r2 = deployment.endpoints[1:3]
    assert status == 0 and stderr == f"r0: waiting for r1 (nothing heard from {r1}), r2 (nothing heard from {r2})\n"
    assert not any(any(command.action) for command in plant.commands)
    modes = deployment.read_summary()["modes"]
    assert modes["STANDBY"] > 10 and "ACTIVE" not in modes


def test_peers_that_send_garbage_or_nan_are_counted_and_the_robot_stays_in_standby(
    deployment: Deployment, plant: RealTimePlant, talk: Callable, start_fieldswarm: Start
) -> None:
    deployment.write_team(arm_timeout=0.5)

    def nonsense(robot: str, sequence: int) -> list[bytes]:
        if robot == "r1":
            return [b"\xde\xad\xbe\xef"]
        return [encode_message(message(robot, sequence, position=(float("nan"), 0.0)))]

    talk(nonsense)
    process = start_fieldswarm(*deployment.arguments())
    until(process, lambda: len(plant.commands) > 15)
    status, stderr = finish(process, signal.SIGTERM)
    assert status == 0 and stderr.count("\n") == 1
    assert re.search(r"waiting for r1 \(nothing believable from \S+: \d+ garbage\), r2 \(.*: \d+ not_finite\)", stderr), stderr
    summary = deployment.read_summary()
    assert "ACTIVE" not in summary["modes"] and not any(any(command.action) for command in plant.commands)
    assert summary["messages"]["peers"]["r1"]["rejected"]["garbage"] > 5


def test_a_robot_in_safe_stop_is_armed_again_by_sigusr1(
    deployment: Deployment, plant: RealTimePlant, talk: Callable, start_fieldswarm: Start
) -> None:
    deployment.write_team(staleness=Staleness(own_hold=0.4, own_stop=0.6))
    talk(sound)
    process = start_fieldswarm(*deployment.arguments())
    until(process, lambda: any(any(command.action) for command in plant.commands))
    plant.quiet.set()
    time.sleep(1.2)
    plant.quiet.clear()
    before = len(plant.commands)
    until(process, lambda: len(plant.commands) > before + 8)
    assert not any(any(command.action) for command in plant.commands[before:])
    process.send_signal(signal.SIGUSR1)
    until(process, lambda: any(any(command.action) for command in plant.commands[before:]))
    status, stderr = finish(process, signal.SIGTERM)
    assert status == 0 and re.fullmatch(r"r0: SAFE_STOP: its own state is 0\.\d s old; SIGUSR1 arms it again\n", stderr)
    modes = [change["mode"] for change in deployment.read_summary()["mode_history"]]
    assert modes[-4:] == ["SAFE_STOP", "STANDBY", "ACTIVE", "SAFE_STOP"]


def test_an_emergency_stop_by_signal_ends_the_motion_and_not_the_process(
    deployment: Deployment, plant: RealTimePlant, start_fieldswarm: Start, talk: Callable[..., TalkingPeers]
) -> None:
    talk(sound)
    process = start_fieldswarm(*deployment.arguments())
    until(process, lambda: any(any(command.action) for command in plant.commands[-3:]))
    process.send_signal(signal.SIGUSR2)
    stopped = len(plant.commands) + 2
    until(process, lambda: len(plant.commands) > stopped + 5)
    assert not any(any(command.action) for command in plant.commands[stopped:])
    process.send_signal(signal.SIGUSR1)
    until(process, lambda: any(plant.commands[-1].action))
    status, stderr = finish(process, signal.SIGTERM)
    assert status == 0 and stderr == "r0: SAFE_STOP: emergency stop; SIGUSR1 arms it again\n"


def remote_peer(at: Deployment) -> None:
    at.endpoints[1] = "tcp://192.0.2.7:5711"
    at.write_team(lockstep_timeout=0.5)


def remote_plant(at: Deployment) -> None:
    at.endpoints[3] = "tcp://192.0.2.7:5720"
    at.write_team(lockstep_timeout=0.5)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (remote_peer, ["'r1': endpoint tcp://192.0.2.7:5711 is not on loopback", "--keys", "--allow-plaintext"]),
        (remote_plant, ["'r0': plant tcp://192.0.2.7:5720 is not on loopback", "--allow-plaintext"]),
    ],
)
def test_plain_text_does_not_leave_the_machine_unless_someone_says_so(
    deployment: Deployment, fieldswarm: Callable[..., subprocess.CompletedProcess], spoil: Callable[[Deployment], None], words: list[str]
) -> None:
    spoil(deployment)
    refused = fieldswarm(*deployment.arguments(), timeout=20)
    assert refused.returncode == 2 and refused.stderr.count("\n") == 1 and all(word in refused.stderr for word in words)
    allowed = fieldswarm(*deployment.arguments(), "--allow-plaintext", timeout=20)
    assert allowed.returncode == 2 and "no plant answers" in allowed.stderr


def test_a_robot_with_keys_hears_its_team_and_no_one_else(
    deployment: Deployment, plant: RealTimePlant, start_fieldswarm: Start, talk: Callable[..., TalkingPeers]
) -> None:
    """r1 speaks under its key, r2 in plain text."""
    folder = deployment.folder / "keys"
    make_keys(["r0", "r1", "r2"], folder)
    deployment.write_team(require_peers=False)
    process = start_fieldswarm(*deployment.arguments(), "--keys", folder)
    plain = TalkingPeers({"r2": deployment.endpoints[2]}, sound)
    keyed = TalkingPeers({"r1": deployment.endpoints[1]}, sound, load_robot_keys(folder, "r1", ["r0", "r1", "r2"]))
    try:
        until(process, lambda: len(plant.commands) > 15)
    finally:
        plain.stop()
        keyed.stop()
    assert finish(process, signal.SIGTERM) == (0, "")
    peers = deployment.read_summary()["messages"]["peers"]
    assert peers["r1"]["accepted"] > 3 and peers["r2"] == {"accepted": 0, "rejected": {}}


def test_a_robot_with_a_bundle_key_refuses_what_is_not_signed_by_it(
    deployment: Deployment, fieldswarm: Callable[..., subprocess.CompletedProcess]
) -> None:
    folder = deployment.folder / "keys"
    make_keys(["r0"], folder)
    deployment.write_team(lockstep_timeout=0.5)
    unsigned = fieldswarm(*deployment.arguments(), "--bundle-key", folder / "signing.pub", timeout=20)
    assert unsigned.returncode == 2 and "is not signed" in unsigned.stderr and unsigned.stderr.count("\n") == 1
    manifest = (deployment.bundle / "manifest.json").read_bytes()
    (deployment.bundle / SIGNATURE).write_bytes(sign(manifest, folder / "signing.key"))
    signed = fieldswarm(*deployment.arguments(), "--bundle-key", folder / "signing.pub", timeout=20)
    assert signed.returncode == 2 and "no plant answers" in signed.stderr
