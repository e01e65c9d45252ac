"""Compute a log again, with the actor that the robot ran, and say in which tick it differs first; 1 if there is one, else 0."""

from __future__ import annotations

import argparse
from pathlib import Path

from robots.errors import InputError
from runtime.bundle import read_bundle
from runtime.log_file import read_log
from runtime.log_lines import Header
from runtime.log_replay import replay


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`fieldswarm replay LOG --bundle BUNDLE`."""
    parser.add_argument("log", type=Path, metavar="LOG", help="log of one robot (`fieldswarm run --log`): .mcap or JSON lines")
    parser.add_argument("--bundle", type=Path, required=True, metavar="BUNDLE", help="bundle that the robot ran")


def run(arguments: argparse.Namespace) -> int:
    """Print the outcome. Raises InputError for a log that is none, or of another bundle."""
    header = next(read_log(arguments.log), None)
    if not isinstance(header, Header):
        raise InputError(f"{arguments.log}: does not begin with a header")
    bundle = read_bundle(arguments.bundle)
    agents = {member["id"]: member["agent"] for member in header.team["robots"]}
    agent = agents[header.robot]
    entry = bundle.entry_for(agent, len(agents), str(arguments.log))
    actor = bundle.load_actor(entry.agent)
    if actor.contract.reads_entities:
        actor = actor.for_team(agent, len(agents), len(header.missions["missions"][0]["landmarks"]), str(arguments.log))
    outcome = replay(read_log(arguments.log), actor, entry.sha256, str(arguments.log))
    done = f"{header.robot}: {outcome.ticks} ticks and {outcome.actor_runs} runs of the actor computed again"
    if outcome.difference is None:
        print(f"{done}: nothing differs")
        return 0
    found = outcome.difference
    print(f"{done}: tick {found.tick} differs in {found.what}: logged {found.logged}, computed {found.computed}")
    return 1
