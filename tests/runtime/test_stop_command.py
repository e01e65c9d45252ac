"""`fieldswarm stop`, as an operator meets it: real robots in processes of their own stop, stay stopped, and say so."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable

import pytest

from runtime.keys import make_keys
from tests.runtime.deployment import Deployment, RealTimePlant, finish, moves, until

Start = Callable[..., subprocess.Popen]
Command = Callable[..., subprocess.CompletedProcess]


@pytest.fixture(autouse=True)
def stoppable(deployment: Deployment, free_endpoints: Callable[[int], list[str]]) -> None:
    deployment.write_team(stop=free_endpoints(1)[0], require_peers=False)
    make_keys(["r0", "r1", "r2"], deployment.folder / "keys")


def test_the_operator_stops_a_running_robot_which_moves_again_only_when_armed_on_the_spot(
    deployment: Deployment, plant: RealTimePlant, start_fieldswarm: Start, fieldswarm: Command
) -> None:
    keys = deployment.folder / "keys"
    process = start_fieldswarm(*deployment.arguments(), "--keys", keys)
    until(process, lambda: moves(plant.commands[-3:]))
    stop = ["stop", "--team", deployment.team, "--robot", "r0", "--reason", "a dog in the arena"]
    refused = fieldswarm(*stop, "--timeout", 0.5)  # in plain text
    assert refused.returncode == 1 and "r0: NOT STOPPED, as far as is known: no answer from tcp://" in refused.stdout
    assert moves(plant.commands[-3:])

    done = fieldswarm(*stop, "--keys", keys)
    stopped = len(plant.commands)
    assert done.returncode == 0 and done.stdout.startswith("r0: SAFE_STOP after 0.") and done.stderr == ""
    assert fieldswarm(*stop, "--keys", keys).returncode == 0  # again, and it still says so
    until(process, lambda: len(plant.commands) > stopped + 5)
    assert not moves(plant.commands[stopped:])
    process.send_signal(signal.SIGUSR1)
    until(process, lambda: moves(plant.commands[-1:]))
    status, stderr = finish(process, signal.SIGTERM)
    assert status == 0 and stderr == "r0: SAFE_STOP: emergency stop by the operator: a dog in the arena; SIGUSR1 arms it again\n"
    events = [line for line in map(json.loads, deployment.log.read_text().splitlines()) if line.get("event") == "emergency_stop"]
    assert [event["detail"] for event in events] == [{"reason": "by the operator: a dog in the arena"}]
    counts = deployment.read_summary()["stops"]
    assert counts["accepted"] >= 2 and counts["refused_keys"] == 0 and counts["rejected"].keys() == {"handshake"}


def test_one_robot_that_cannot_be_stopped_makes_status_1_and_the_others_stop_all_the_same(
    deployment: Deployment, plant: RealTimePlant, start_fieldswarm: Start, fieldswarm: Command
) -> None:
    process = start_fieldswarm(*deployment.arguments())
    until(process, lambda: moves(plant.commands[-3:]))
    done = fieldswarm("stop", "--team", deployment.team)
    stopped = len(plant.commands) + 1
    assert done.returncode == 1
    assert [line.partition(": ")[2].partition(" after")[0].partition(":")[0] for line in done.stdout.splitlines()] == [
        "SAFE_STOP",
        "NOT STOPPED",
        "NOT STOPPED",
    ]
    until(process, lambda: len(plant.commands) > stopped + 3)
    assert not moves(plant.commands[stopped:])
    finish(process, signal.SIGTERM)


def test_keys_without_an_operators_and_a_stop_endpoint_do_not_start(deployment: Deployment, fieldswarm: Command) -> None:
    listed = deployment.folder / "keys" / "team.pub"
    listed.write_text("".join(line for line in listed.read_text().splitlines(keepends=True) if not line.startswith("operator")))
    done = fieldswarm(*deployment.arguments(), "--keys", deployment.folder / "keys")
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "its keys have no operator's" in done.stderr
    deployment.write_team(lockstep_timeout=0.3)
    assert "no plant answers" in fieldswarm(*deployment.arguments(), "--keys", deployment.folder / "keys").stderr


def remote(at: Deployment) -> None:
    at.write_team(stop="tcp://192.0.2.7:5709", lockstep_timeout=0.3)


def nowhere(at: Deployment) -> None:
    at.write_team()


def other_keys(at: Deployment) -> None:
    make_keys(["r0"], at.folder / "other")
    (at.folder / "other" / "operator.key").rename(at.folder / "keys" / "operator.key")


@pytest.mark.parametrize(
    ("spoil", "words", "said"),
    [
        (remote, [], "team.yaml: robot 'r0': stop tcp://192.0.2.7:5709 is not on loopback, and there are no keys: give --keys"),
        (nowhere, [], "team.yaml: none of r0, r1, r2 has a `stop` endpoint"),
        (None, ["--robot", "r0", "r9"], "team.yaml: robot 'r9' is not in the team; members: r0, r1, r2"),
        (None, ["--timeout", "nan"], "--timeout: is nan, must be finite and above 0"),
        (other_keys, ["--keys", "KEYS"], "operator.key: operator_secret: belongs to public key"),
    ],
    ids=["remote", "nowhere", "unknown", "timeout", "keys"],
)
def test_what_cannot_be_asked_is_one_line_and_status_2(
    deployment: Deployment, fieldswarm: Command, spoil: Callable[[Deployment], None] | None, words: list[str], said: str
) -> None:
    if spoil is not None:
        spoil(deployment)
    words = [str(deployment.folder / "keys") if word == "KEYS" else word for word in words]
    done = fieldswarm("stop", "--team", deployment.team, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("fieldswarm: ") and said in done.stderr and done.stderr.count("\n") == 1


def test_a_robot_does_not_listen_for_stops_in_plain_text_on_a_network(deployment: Deployment, fieldswarm: Command) -> None:
    remote(deployment)
    refused = fieldswarm(*deployment.arguments())
    assert refused.returncode == 2 and "robot 'r0': stop tcp://192.0.2.7:5709 is not on loopback" in refused.stderr
    allowed = fieldswarm(*deployment.arguments(), "--allow-plaintext")
    assert allowed.returncode == 2 and "cannot listen for stops at tcp://192.0.2.7:5709: Cannot assign requested address" in allowed.stderr
