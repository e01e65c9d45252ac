"""A robot says how it is to those on its machine who ask, and to systemd; a service unit that starts what it should."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from robots.errors import InputError
from runtime.health import NOTIFY_PERIOD, Health, ask
from tests.runtime.deployment import Deployment, RealTimePlant, finish, until
from tests.runtime.stand_ins import Clock

REPORT = {"mode": "ACTIVE", "ticks": 3}


def test_who_asks_is_answered_in_the_next_tick_and_nobody_else_can_ask(tmp_path: Path) -> None:
    health = Health(tmp_path / "h", Clock(), {})
    assert stat.S_IMODE((tmp_path / "h").stat().st_mode) == 0o600
    quit_event = threading.Event()
    loop = threading.Thread(target=lambda: [health.attend(lambda: REPORT) for _ in iter(lambda: quit_event.wait(0.01), True)])
    loop.start()
    assert [ask(tmp_path / "h") for _ in range(5)] == [REPORT] * 5
    quit_event.set()
    loop.join()
    health.close()
    assert not (tmp_path / "h").exists()


def test_a_loop_that_hangs_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runtime.health.ANSWER_TIMEOUT", 0.1)
    health = Health(tmp_path / "h", Clock(), {})
    with pytest.raises(InputError, match="the robot's loop hangs"):
        ask(tmp_path / "h")
    health.close()
    with pytest.raises(InputError, match="no robot answers"):
        ask(tmp_path / "h")


def test_a_socket_that_was_left_behind_is_taken_over_and_one_in_use_is_not(tmp_path: Path) -> None:
    first = Health(tmp_path / "h", Clock(), {})
    with pytest.raises(InputError, match="another robot answers here"):
        Health(tmp_path / "h", Clock(), {})
    first._listening.close()  # as after kill -9
    Health(tmp_path / "h", Clock(), {}).close()
    for place in (tmp_path / "no" / "h", tmp_path / ("x" * 200)):
        with pytest.raises(InputError, match="cannot be made"):
            Health(place, Clock(), {})


def test_systemd_is_told_when_the_robot_is_ready_and_that_it_lives(tmp_path: Path) -> None:
    clock = Clock()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        health = Health(None, clock, {"NOTIFY_SOCKET": str(tmp_path / "notify")})
        said = []
        for _ in range(3):
            health.attend(lambda: REPORT)
            said.append(systemd.recv(1024))
            with pytest.raises(BlockingIOError):
                health.attend(lambda: REPORT) or systemd.recv(1024)
            clock.now += NOTIFY_PERIOD
    assert said == [b"READY=1\nWATCHDOG=1\nSTATUS=ACTIVE"] + [b"WATCHDOG=1\nSTATUS=ACTIVE"] * 2
    health.attend(lambda: REPORT)  # systemd is gone: the robot goes on
    health.close()


def test_a_running_robot_answers_and_a_stopped_one_is_status_1(
    deployment: Deployment,
    plant: RealTimePlant,
    start_fieldswarm: Callable[..., subprocess.Popen],
    fieldswarm: Callable[..., subprocess.CompletedProcess],
) -> None:
    place = deployment.folder / "health"
    process = start_fieldswarm(*deployment.arguments(), "--health", place)
    until(process, lambda: len(plant.commands) > 3)
    asked = fieldswarm("health", place)
    report = json.loads(asked.stdout)
    assert asked.returncode == 0 and report["mode"] == "STANDBY" and report["peers"] == {"r1": None, "r2": None}
    process.send_signal(signal.SIGUSR2)
    until(process, lambda: fieldswarm("health", place).returncode == 1)
    assert finish(process, signal.SIGTERM)[0] == 0 and not place.exists()
    gone = fieldswarm("health", place)
    assert gone.returncode == 2 and "no robot answers" in gone.stderr


def test_the_unit_starts_the_robot_with_what_was_given(tmp_path: Path, deployment: Deployment, fieldswarm: Callable) -> None:
    words = ["--team", deployment.team, "--bundle", deployment.bundle, "--missions", deployment.missions, "--folder", tmp_path]
    done = fieldswarm("install-service", "--robot", "r0", *words, "--user", "root")
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "fieldswarm-r0.service").read_text()
    if shutil.which("systemd-analyze"):
        checked = subprocess.run(
            ["systemd-analyze", "verify", tmp_path / "fieldswarm-r0.service"], capture_output=True, text=True, check=False
        )
        assert "fieldswarm-r0.service:" not in checked.stderr
    start = next(line for line in text.splitlines() if line.startswith("ExecStart="))
    # What systemd makes of it, and then the shell; `fieldswarm run` reads it as it would on a robot.
    shell = shlex.split(start.partition("=")[2].replace("%%", "%").replace("$$", "$"))
    assert shell[:2] == ["/bin/sh", "-c"] and "date +%Y%m%dT%H%M%S).mcap" in shell[2]
    deployment.write_team(lockstep_timeout=0.3)
    command = shell[2].replace("/run/fieldswarm-r0/health", str(tmp_path / "health")).replace("/var/log/fieldswarm", str(tmp_path))
    assert "--latch /var/lib/fieldswarm-r0/stopped" in command and "StateDirectory=fieldswarm-r0\n" in text
    command = command.replace("/var/lib/fieldswarm-r0", str(tmp_path))
    ran = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, timeout=60, check=False, env=dict(os.environ))
    assert ran.returncode == 2 and "no plant answers" in ran.stderr
    refused = fieldswarm("install-service", "--robot", "r9", *words)
    assert refused.returncode == 2 and "'r9' is not in the team" in refused.stderr
