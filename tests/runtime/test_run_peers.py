"""A robot whose peers are silent, wrong, late or strangers: it says so, counts what they send, and does not move unless it may."""

from __future__ import annotations

import json
import re
import signal
import socket
import statistics
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress

from robots.endpoint import host_and_port
from runtime.keys import load_robot_keys, make_keys
from runtime.message import encode_message
from tests.runtime.deployment import Deployment, RealTimePlant, TalkingPeers, finish, moves, sound, until
from tests.runtime.stand_ins import message

Start = Callable[..., subprocess.Popen]


def test_peers_that_never_come_leave_the_robot_in_standby_with_one_line(
    deployment: Deployment, plant: RealTimePlant, start_fieldswarm: Start
) -> None:
    deployment.write_team(arm_timeout=0.5)
    process = start_fieldswarm(*deployment.arguments())
    until(process, lambda: len(plant.commands) > 15)
    status, stderr = finish(process, signal.SIGTERM)
    r1, r2 = deployment.endpoints[1:3]
    assert status == 0 and stderr == f"r0: waiting for r1 (nothing heard from {r1}), r2 (nothing heard from {r2})\n"
    assert not moves(plant.commands)
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
    assert "ACTIVE" not in summary["modes"] and not moves(plant.commands)
    assert summary["messages"]["peers"]["r1"]["rejected"]["garbage"] > 5


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
    assert peers["r1"]["accepted"] > 3 and peers["r2"]["accepted"] == 0 and peers["r2"]["rejected"].keys() == {"handshake"}


def test_a_crowd_of_strangers_at_its_endpoint_does_not_stop_a_robot(deployment: Deployment, plant: RealTimePlant) -> None:
    """Each takes a file of the process, which may have few to begin with and needs more to look for its peers."""
    deployment.write_team(require_peers=False)
    command = ["sh", "-c", 'ulimit -Sn 128; exec "$@"', "sh", sys.executable, "-m", "runtime.cli", *map(str, deployment.arguments())]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process, ExitStack() as crowd:
        until(process, lambda: moves(plant.commands))
        for _ in range(250):
            with suppress(TimeoutError):  # no more at a time than the system lets wait
                crowd.enter_context(socket.create_connection(host_and_port(deployment.endpoints[0]), timeout=0.1))
        before = len(plant.commands)
        until(process, lambda: len(plant.commands) > before + 20)
        assert moves(plant.commands[before:])
        assert finish(process, signal.SIGTERM) == (0, "")
