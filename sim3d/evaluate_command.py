"""Score exported teams in a simulated world: one under one profile, or any number through a suite of disturbances."""

from __future__ import annotations

import argparse
import math
import sys

from robots.errors import InputError
from sim3d.executor.choice import EXECUTORS
from sim3d.suite.definition import suite_names
from sim3d.team_options import STANDING, TEAM_OPTIONS, add_team_options, check_team_options
from sim3d.worlds import WORLDS

_ONLY_WITH_SUITE = {"out": None, "resume": False, "deployed": False, "executor": "processes"}
_ONLY_WITHOUT_SUITE = {"profile": "clean", "json": None, "landmark_speed": STANDING, **dict.fromkeys(TEAM_OPTIONS)}
"""Options of one of the two ways alone, and what they are when nobody gives them."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument(
        "bundle",
        nargs="+",
        metavar="[NAME=]BUNDLE",
        help="directory or .zip of an exported team; bundles of the same NAME are training seeds of one policy, policies are compared",
    )
    parser.add_argument("--world", choices=(*WORLDS, "mpe2"), help="where (default: spread for `point` actors, else bullet)")
    parser.add_argument("--episodes", type=int, help="of each profile (default: 1000, or what the suite says)")
    parser.add_argument("--seed", type=int, default=0, help="of the layouts (default: 0)")
    parser.add_argument("--workers", type=int, help="processes (default: one a core for a suite, else 2, for bullet)")
    parser.add_argument("--separation", choices=("on", "off"), default="on", help="the filter that keeps robots apart (default: on)")
    parser.add_argument("--localisation", choices=("on", "off"), default="on", help="robots smooth their positions (default: on)")
    parser.add_argument(
        "--known-latency", type=float, metavar="S", help="command latency that the robots are told [s] (default: their spec's)"
    )
    parser.add_argument("--require", metavar="RULES", help="YAML file of rules; exit with 1 where one is broken")
    alone = parser.add_argument_group("one profile")
    alone.add_argument("--profile", default="clean", help="disturbances: a shipped profile or a YAML file (default: clean)")
    add_team_options(alone)
    alone.add_argument("--json", metavar="FILE", help="write the figures here as well")
    many = parser.add_argument_group("a suite of profiles")
    many.add_argument("--suite", metavar="SUITE", help=f"{', '.join(suite_names())}, or a YAML file")
    many.add_argument("--out", metavar="DIR", help="for the results; each cell is stored when it is done")
    many.add_argument("--resume", action="store_true", help="go on with what DIR has")
    many.add_argument("--executor", choices=EXECUTORS, default="processes", help="where the cells run (default: %(default)s)")
    many.add_argument("--deployed", action="store_true", help="some cells once more with one process a robot, and the difference")


def run(arguments: argparse.Namespace) -> int:
    """Evaluate; 1 when a rule is broken, else 0. Raises InputError."""
    _check(arguments)
    # Imported when it is known what is wanted: one way needs executors and statistics, the other none of them.
    if arguments.suite is None:
        from sim3d.evaluate_profile import evaluate_profile

        failures = evaluate_profile(arguments)
    else:
        from sim3d.suite.evaluation import evaluate_suite

        failures = evaluate_suite(arguments)
    for line in failures:
        print(f"fieldswarm: {line}", file=sys.stderr)
    return 1 if failures else 0


def _check(arguments: argparse.Namespace) -> None:
    check_team_options(arguments)
    for name, least in (("episodes", 1), ("seed", 0), ("workers", 0)):
        value = getattr(arguments, name)
        if value is not None and value < least:
            raise InputError(f"--{name}: is {value}, must be at least {least}")
    if arguments.known_latency is not None and not (math.isfinite(arguments.known_latency) and arguments.known_latency >= 0):
        raise InputError(f"--known-latency: is {arguments.known_latency}, must be finite and not below 0")
    if arguments.suite is None:
        _refuse(arguments, _ONLY_WITH_SUITE, "goes with --suite")
        if len(arguments.bundle) > 1:
            raise InputError(f"{len(arguments.bundle)} bundles: more than one go with --suite")
        return
    _refuse(arguments, _ONLY_WITHOUT_SUITE, "does not go with --suite")
    if arguments.out is None:
        raise InputError("--out: is missing; a suite's results need a folder")
    if arguments.world == "mpe2":
        raise InputError("--world: is mpe2, which has no disturbances; a suite runs in spread, bullet or planar")


def _refuse(arguments: argparse.Namespace, defaults: dict[str, object], complaint: str) -> None:
    for name, default in defaults.items():
        if getattr(arguments, name) != default:
            raise InputError(f"--{name.replace('_', '-')}: {complaint}")
