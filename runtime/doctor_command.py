"""Check a robot before its first mission: machine, network, keys, bundle. Green is well, amber is worth a look, red will not work.

Nothing is commanded and nobody is disturbed. The exit status is 0 without a red finding, else 1.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

from robots.errors import InputError
from robots.spec import RobotSpec, load_spec
from runtime import doctor
from runtime.actor import OnnxActor
from runtime.bundle import read_bundle
from runtime.contract import check_period, check_robot
from runtime.doctor import Finding, Level
from runtime.keys import load_robot_keys
from runtime.team import Member, Team, read_missions, read_team


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`fieldswarm doctor --team TEAM.yaml --robot r0 --bundle BUNDLE`."""
    parser.add_argument("--team", type=Path, required=True, metavar="FILE", help="team file (YAML)")
    parser.add_argument("--robot", required=True, metavar="ID", help="which robot of the team this is")
    parser.add_argument("--bundle", type=Path, required=True, metavar="BUNDLE", help="bundle of actors: a directory or its .zip")
    parser.add_argument("--missions", type=Path, metavar="FILE", help="mission file (YAML)")
    parser.add_argument("--keys", type=Path, metavar="KEYS", help="folder of keys")
    parser.add_argument("--bundle-key", type=Path, metavar="FILE", help="public key (signing.pub) that the bundle has to be signed with")


def run(arguments: argparse.Namespace) -> int:
    """Print a line a finding as it comes; 1 if one of them is red. Raises InputError for a team file that cannot be read."""
    team = read_team(arguments.team)
    me = team.member(arguments.robot, str(arguments.team))
    counts = dict.fromkeys(Level, 0)
    for finding in _findings(arguments, team, me):
        counts[finding.level] += 1
        print(f"{finding.level.value:5}  {finding.check}: {finding.found}", flush=True)
        if finding.level is not Level.GREEN and finding.remedy:
            print(f"       -> {finding.remedy}")
    print(f"{me.id}: {', '.join(f'{count} {level.value}' for level, count in counts.items())}")
    return 1 if counts[Level.RED] else 0


def _findings(arguments: argparse.Namespace, team: Team, me: Member) -> Iterator[Finding]:
    spec = load_spec(me.kind)
    yield doctor.check_python()
    yield doctor.check_governor()
    yield doctor.check_timer(spec.loop_period)
    yield doctor.check_privileges()
    yield doctor.check_clock(time.time(), Path(__file__).stat().st_mtime)
    yield doctor.check_secrecy(team.robots, arguments.keys is not None)
    if arguments.keys is not None:
        yield doctor.examine("keys", lambda: _keys(arguments.keys, me, team), "make them with `fieldswarm keys`")
    yield from _actor(arguments, team, me, spec)
    yield doctor.check_endpoint("own endpoint", me.endpoint)
    yield doctor.check_stop(me)
    yield from doctor.check_peers(team.peers_of(me.id))
    yield from doctor.check_plant(me)


def _actor(arguments: argparse.Namespace, team: Team, me: Member, spec: RobotSpec) -> Iterator[Finding]:
    actors: list[OnnxActor] = []

    def load() -> str:
        bundle = read_bundle(arguments.bundle)
        if arguments.bundle_key is not None:
            bundle.check_signature(arguments.bundle_key)
        actor = bundle.load_actor(bundle.entry_for(me.agent, len(team.robots), "the team file").agent)
        check_robot(actor.contract, spec, str(arguments.bundle))
        check_period(actor.contract, spec.loop_period, f"robot '{me.id}'")
        if arguments.missions is not None:
            missions = read_missions(arguments.missions, None if actor.contract.reads_entities else actor.contract.landmarks)
            actor = actor.for_team(me.agent, len(team.robots), len(missions.missions[0].landmarks), str(arguments.bundle))
        actors.append(actor)
        signed = "" if arguments.bundle_key is None else "signed, "
        return f"{signed}sound, fits this robot and this team"

    yield doctor.examine("bundle", load, "export it for this robot kind and team, and copy it whole")
    if actors:
        yield doctor.check_speed(actors[0], spec)


def _keys(folder: Path, me: Member, team: Team) -> str:
    keys = load_robot_keys(folder, me.id, [member.id for member in team.robots])
    if me.stop and keys.operator is None:
        raise InputError(f"{folder}: has no operator's key, and the robot has the stop endpoint {me.stop}")
    return f"{folder}: complete, and this robot's own"
