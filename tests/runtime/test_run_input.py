"""What `fieldswarm run` cannot use is one line that names file, place and both values, status 2, and nothing half-written."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import msgspec
import pytest
import zmq

from robots.yaml_input import dump_yaml
from runtime.contract import encode_contract
from runtime.keys import make_keys
from runtime.signature import SIGNATURE, sign
from runtime.team import Mission, Missions
from tests.runtime.deployment import Deployment, RealTimePlant, finish
from tests.runtime.factory import make_actor, make_bundle, make_contract

Start = Callable[..., subprocess.Popen]


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
        ("{}", ["--log-limit", "0"], "--log-limit: is 0, must be at least 1"),
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
