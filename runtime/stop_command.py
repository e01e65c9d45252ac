"""Stop robots at once, over the network: each goes to SAFE_STOP and stays there until someone arms it again, on the robot.

A line a robot says what came of it. The exit status is 0 when every robot has said that it is in SAFE_STOP, else 1. Robots listen where
the team file says `stop: tcp://HOST:PORT`, and take a stop under the operator's key alone (`operator.key` of `fieldswarm keys`).
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from robots.endpoint import refuse_plaintext
from robots.errors import InputError
from runtime.keys import load_operator_keys
from runtime.stop_call import Outcome, stop_robots
from runtime.stop_message import LONGEST_REASON, one_line
from runtime.team import Member, read_team

TIMEOUT = 3.0
"""Longer than a robot needs to be back after a fall of its link (0.7 s), several times over [s]."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`fieldswarm stop --team TEAM.yaml --keys KEYS`."""
    parser.add_argument("--team", type=Path, required=True, metavar="FILE", help="team file (YAML)")
    parser.add_argument("--keys", type=Path, metavar="KEYS", help="folder with team.pub and operator.key (`fieldswarm keys`)")
    parser.add_argument("--robot", nargs="+", metavar="ID", help="which robots (default: all)")
    parser.add_argument("--reason", default="no reason given", help=f"for the robots' logs, {LONGEST_REASON} characters at most")
    parser.add_argument("--timeout", type=float, default=TIMEOUT, metavar="S", help="when to give up [s] (default: %(default)s)")
    parser.add_argument("--allow-plaintext", action="store_true", help="allow requests without keys on a network other than loopback")


def run(arguments: argparse.Namespace) -> int:
    """Stop robots; 0 when all have, else 1. Raises InputError for input with which none could be asked."""
    if not (math.isfinite(arguments.timeout) and arguments.timeout > 0):
        raise InputError(f"--timeout: is {arguments.timeout}, must be finite and above 0")
    team = read_team(arguments.team)
    names = [member.id for member in team.robots] if arguments.robot is None else dict.fromkeys(arguments.robot)
    chosen = [team.member(name, str(arguments.team)) for name in names]
    listening = [member for member in chosen if member.stop]
    if not listening:
        raise InputError(f"{arguments.team}: none of {', '.join(member.id for member in chosen)} has a `stop` endpoint")
    if arguments.keys is None and not arguments.allow_plaintext:
        _refuse_plaintext(listening, arguments.team)
    keys = None if arguments.keys is None else load_operator_keys(arguments.keys, [member.id for member in listening])
    outcomes = stop_robots(listening, keys, one_line(arguments.reason), arguments.timeout, _tell)
    for member in chosen:
        if not member.stop:
            _tell(Outcome(member.id, False, f"NOT STOPPED: it has no `stop` endpoint in {arguments.team}"))
    return 0 if len(outcomes) == len(chosen) and all(outcome.stopped for outcome in outcomes) else 1


def _refuse_plaintext(listening: list[Member], place: Path) -> None:
    for member in listening:
        why = "there are no keys: give --keys (`fieldswarm keys` makes them), or --allow-plaintext on a network that is yours alone"
        refuse_plaintext(member.stop, f"{place}: robot '{member.id}': stop", why)


def _tell(outcome: Outcome) -> None:
    print(f"{outcome.robot}: {outcome.words}", flush=True)
