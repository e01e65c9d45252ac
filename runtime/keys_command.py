"""Draw the keys of a team: one pair for each robot's messages and one for its operator (CURVE), and one to sign bundles with (Ed25519).

Give each robot `team.pub`, `signing.pub` and its own `.key`, and no other; `team.pub` and `operator.key` to whoever may stop the robots
(`fieldswarm stop`); keep `signing.key` where bundles are exported.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from robots.errors import InputError
from runtime.keys import make_keys
from runtime.team import read_team


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`fieldswarm keys --team TEAM.yaml --out KEYS`."""
    parser.add_argument("--team", type=Path, required=True, metavar="FILE", help="team file (YAML)")
    parser.add_argument("--out", type=Path, required=True, metavar="KEYS", help="folder to make")


def run(arguments: argparse.Namespace) -> None:
    """Make the folder. Raises InputError."""
    robots = [member.id for member in read_team(arguments.team).robots]
    taken = ("", ".", "..", "operator", "signing")
    odd = next((robot for robot in robots if robot in taken or "/" in robot or not robot.isprintable()), None)
    if odd is not None:
        raise InputError(f"{arguments.team}: robots: id '{odd}' cannot be the name of a key file")
    make_keys(robots, arguments.out)
    print(f"{arguments.out}: keys of {', '.join(robots)}, the operator's, and a signing key")
