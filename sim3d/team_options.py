"""How many robots and landmarks a command is to fly, where a bundle's actors are for any number of them, and how fast landmarks move."""

from __future__ import annotations

import argparse
import math

from robots.errors import InputError
from runtime.contract import Contract

TEAM_OPTIONS = ("robots", "landmarks")
STANDING = 0.0
"""`--landmark-speed` of landmarks that stand still."""


def add_team_options(parser: argparse._ActionsContainer) -> None:
    """Declare `--robots`, `--landmarks` and `--landmark-speed`."""
    parser.add_argument("--robots", type=int, metavar="N", help="of the team, for actors of any number (default: as the bundle was made)")
    parser.add_argument("--landmarks", type=int, metavar="L", help="(default: as many as robots)")
    parser.add_argument(
        "--landmark-speed",
        type=float,
        default=STANDING,
        metavar="V",
        help="of random missions: landmarks move in any direction, and turn round at the arena's edge [m/s] (default: they stand still)",
    )


def check_team_options(arguments: argparse.Namespace) -> None:
    """Raises InputError for numbers below 1, and a speed that is none."""
    for name in TEAM_OPTIONS:
        value = getattr(arguments, name)
        if value is not None and value < 1:
            raise InputError(f"--{name}: is {value}, must be at least 1")
    if not 0 <= arguments.landmark_speed < math.inf:
        raise InputError(f"--landmark-speed: is {arguments.landmark_speed}, must be finite and not below 0")


def team_asked_for(arguments: argparse.Namespace, contract: Contract) -> tuple[int, int]:
    """Robots and landmarks; those that the actors were measured with where nothing was asked for."""
    if arguments.robots is None and arguments.landmarks is None:
        return contract.team_size, contract.landmarks
    robots = contract.team_size if arguments.robots is None else arguments.robots
    return robots, robots if arguments.landmarks is None else arguments.landmarks
