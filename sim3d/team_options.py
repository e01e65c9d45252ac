"""How many robots and landmarks a command is to fly, where a bundle's actors are for any number of them."""

from __future__ import annotations

import argparse

from robots.errors import InputError
from runtime.contract import Contract

TEAM_OPTIONS = ("robots", "landmarks")


def add_team_options(parser: argparse._ActionsContainer) -> None:
    """Declare `--robots` and `--landmarks`."""
    parser.add_argument("--robots", type=int, metavar="N", help="of the team, for actors of any number (default: as the bundle was made)")
    parser.add_argument("--landmarks", type=int, metavar="L", help="(default: as many as robots)")


def check_team_options(arguments: argparse.Namespace) -> None:
    """Raises InputError for numbers below 1."""
    for name in TEAM_OPTIONS:
        value = getattr(arguments, name)
        if value is not None and value < 1:
            raise InputError(f"--{name}: is {value}, must be at least 1")


def team_asked_for(arguments: argparse.Namespace, contract: Contract) -> tuple[int, int]:
    """Robots and landmarks; those that the actors were measured with where nothing was asked for."""
    if arguments.robots is None and arguments.landmarks is None:
        return contract.team_size, contract.landmarks
    robots = contract.team_size if arguments.robots is None else arguments.robots
    return robots, robots if arguments.landmarks is None else arguments.landmarks
