"""Write a systemd unit that runs one robot from boot on, starts it again when it fails, and keeps its logs for two weeks.

An emergency stop stays in force, whatever is started again meanwhile, until `systemctl kill --kill-whom=main -s USR1 fieldswarm-ROBOT`.
The loop gives systemd a sign of life twice a second; one that hangs for two seconds is killed, and the platform's own watchdog has stopped
the robot long before. Afterwards: systemctl daemon-reload && systemctl enable --now fieldswarm-ROBOT
"""

from __future__ import annotations

import argparse
import getpass
import re
import shlex
import sys
from pathlib import Path

from robots.errors import InputError
from runtime.atomic import write_atomically
from runtime.realtime import PRIORITY
from runtime.team import read_missions, read_team

DAYS = 14
UNIT = """\
# Written by `fieldswarm install-service`.
[Unit]
Description=fieldswarm robot {robot}
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=60
StartLimitBurst=10

[Service]
Type=notify
User={user}
ExecStartPre=/usr/bin/find {logs} -maxdepth 1 -name {robot}-*.{suffix} -mtime +{days} -delete
ExecStart=/bin/sh -c {command}
Restart=on-failure
RestartSec=1
WatchdogSec=2
WatchdogSignal=SIGKILL
KillSignal=SIGTERM
TimeoutStartSec=infinity
TimeoutStopSec=5
LogsDirectory=fieldswarm
RuntimeDirectory=fieldswarm-{robot}
StateDirectory=fieldswarm-{robot}
LimitRTPRIO={priority}
LimitMEMLOCK=infinity
NoNewPrivileges=yes
PrivateTmp=yes
ProtectSystem=strict
ProtectHome=read-only

[Install]
WantedBy=multi-user.target
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`fieldswarm install-service --team TEAM.yaml --robot r0 --bundle BUNDLE --missions MISSIONS.yaml`."""
    for name, what in (("team", "team file (YAML)"), ("bundle", "bundle of actors"), ("missions", "mission file (YAML)")):
        parser.add_argument(f"--{name}", type=Path, required=True, metavar=name.upper(), help=what)
    parser.add_argument("--robot", required=True, metavar="ID", help="which robot of the team this is")
    parser.add_argument("--keys", type=Path, metavar="KEYS", help="folder of keys")
    parser.add_argument("--bundle-key", type=Path, metavar="FILE", help="public key that the bundle has to be signed with")
    parser.add_argument("--user", default=getpass.getuser(), help="who runs it (default: you)")
    parser.add_argument("--json", action="store_true", help="log JSON lines instead of MCAP")
    parser.add_argument("--folder", type=Path, default=Path("/etc/systemd/system"), help="for the unit (default: /etc/systemd/system)")


def run(arguments: argparse.Namespace) -> None:
    """Write the unit. Raises InputError for inputs that `fieldswarm run` would refuse."""
    team = read_team(arguments.team)
    team.member(arguments.robot, str(arguments.team))
    read_missions(arguments.missions)
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", arguments.robot):
        raise InputError(f"{arguments.team}: id '{arguments.robot}' cannot be part of a unit's name; letters, digits, '_', '.' and '-' can")
    path = arguments.folder / f"fieldswarm-{arguments.robot}.service"
    write_atomically(path, unit(arguments).encode())
    print(f"{path}: written; now: systemctl daemon-reload && systemctl enable --now {path.stem}")
    print(f"how it is: fieldswarm health /run/fieldswarm-{arguments.robot}/health; logs: /var/log/fieldswarm, for {DAYS} days")


def unit(arguments: argparse.Namespace) -> str:
    """The text of the unit."""
    robot, suffix = arguments.robot, "jsonl" if arguments.json else "mcap"
    words = [sys.executable, "-m", "runtime.cli", "run", "--robot", robot, "--realtime"]
    words += ["--health", f"/run/fieldswarm-{robot}/health", "--latch", f"/var/lib/fieldswarm-{robot}/stopped"]
    for name in ("team", "bundle", "missions", "keys", "bundle_key"):
        if (value := getattr(arguments, name)) is not None:
            words += [f"--{name.replace('_', '-')}", str(value.resolve())]
    # The shell names the log after the time at which the robot starts; systemd reads % and $ before the shell does.
    shell = f"exec {shlex.join(words)} --log /var/log/fieldswarm/{robot}-$(date +%Y%m%dT%H%M%S).{suffix}"
    quoted = '"' + shell.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$") + '"'
    return UNIT.format(
        robot=robot, user=arguments.user, logs="/var/log/fieldswarm", suffix=suffix, days=DAYS, command=quoted, priority=PRIORITY
    )
