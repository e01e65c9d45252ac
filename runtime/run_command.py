"""Run one robot: its actor, its links to the peers, its driver, until the plant ends the series or SIGTERM or Ctrl-C stops it.

SIGUSR2 is an emergency stop, as is `fieldswarm stop`: the robot goes to SAFE_STOP and stays there, with --latch also when it is started
again. SIGUSR1 arms it again.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import math
import os
import sys
import time
from pathlib import Path

import msgspec

from robots.driver import Driver, DriverFeatures
from robots.endpoint import refuse_plaintext
from robots.errors import InputError
from robots.plant_protocol import NO_KEYS
from robots.spec import load_spec
from runtime.actor import OnnxActor
from runtime.atomic import write_atomically
from runtime.bundle import read_bundle
from runtime.contract import Contract, check_period, check_robot, encode_contract
from runtime.ears import Ears, LinkedEars, OpenEars
from runtime.health import Health
from runtime.keys import load_robot_keys
from runtime.latch import Latch
from runtime.link import LinkProfile, read_link
from runtime.log import LARGEST_LOG, NoLog, RunLog
from runtime.log_lines import Header
from runtime.node import Ending, Node, pacing_for
from runtime.pacing import EARLY
from runtime.peer_links import PeerLinks
from runtime.realtime import allow_many_files, claim_realtime, settle_interpreter
from runtime.signals import Signals
from runtime.stop_listener import NoStops, StopListener
from runtime.team import Member, Missions, Team, read_missions, read_team
from runtime.version import onboard_versions

EXIT_STATUS = {"end": 0, "stopped": 0, "fault": 1, "plant_lost": 2}
EXIT_INTERRUPTED = 130


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`fieldswarm run --team TEAM.yaml --robot r0 --bundle BUNDLE --missions MISSIONS.yaml`."""
    parser.add_argument("--team", type=Path, required=True, metavar="FILE", help="team file (YAML)")
    parser.add_argument("--robot", required=True, metavar="ID", help="which robot of the team this is")
    parser.add_argument("--bundle", type=Path, required=True, metavar="BUNDLE", help="bundle of actors: a directory or its .zip")
    parser.add_argument("--missions", type=Path, required=True, metavar="FILE", help="mission file (YAML)")
    parser.add_argument(
        "--link",
        type=Path,
        metavar="FILE",
        help="an artificial link to the peers (YAML: link, faults), for tests on a bench or in simulation",
    )
    parser.add_argument(
        "--command-latency", type=float, metavar="S", help="measured time from a command to its effect [s] (default: the robot spec's)"
    )
    parser.add_argument(
        "--keys", type=Path, metavar="KEYS", help="folder of keys (`fieldswarm keys`): messages are encrypted and authenticated"
    )
    parser.add_argument("--bundle-key", type=Path, metavar="FILE", help="public key (signing.pub) that the bundle has to be signed with")
    parser.add_argument(
        "--allow-plaintext", action="store_true", help="allow messages without keys, and a plant, on a network other than loopback"
    )
    parser.add_argument("--latch", type=Path, metavar="FILE", help="keep an emergency stop here, in force when the robot is started again")
    parser.add_argument("--health", type=Path, metavar="SOCKET", help="answer `fieldswarm health` at this local socket")
    parser.add_argument(
        "--realtime",
        action="store_true",
        help="ask for SCHED_FIFO and locked memory, saying what is denied, and wake 1 ms before each tick to rehearse it",
    )
    parser.add_argument("--log", type=Path, metavar="FILE", help="write a log: MCAP where the name ends in .mcap, else JSON lines")
    parser.add_argument(
        "--log-limit",
        type=int,
        default=LARGEST_LOG // 10**6,
        metavar="MB",
        help="most that the log takes, in two files (default: %(default)s)",
    )
    parser.add_argument("--summary", type=Path, metavar="FILE", help="write counts, times and states (JSON) when the run ends")


def run(arguments: argparse.Namespace) -> int:
    """Run one robot; the exit status says how it ended (`runtime/README.md`). Raises InputError."""
    team = read_team(arguments.team)
    me = team.member(arguments.robot, str(arguments.team))
    spec = load_spec(me.kind)
    keys = None if arguments.keys is None else load_robot_keys(arguments.keys, me.id, [member.id for member in team.robots])
    if not arguments.allow_plaintext:
        _refuse_plaintext(team, me, keys is not None, arguments.team)
    actor, actor_sha256 = _load_actor(arguments.bundle, arguments.bundle_key, me, team, arguments.team)
    check_robot(actor.contract, spec, str(arguments.bundle))
    missions = read_missions(arguments.missions, None if actor.contract.reads_entities else actor.contract.landmarks)
    actor = actor.for_team(me.agent, len(team.robots), len(missions.missions[0].landmarks), str(arguments.bundle))
    link = LinkProfile() if arguments.link is None else read_link(arguments.link, len(team.robots))
    latency = spec.command_latency if arguments.command_latency is None else arguments.command_latency
    if not (math.isfinite(latency) and latency >= 0):
        raise InputError(f"--command-latency: is {latency}, must be finite and not below 0")
    if arguments.log_limit < 1:
        raise InputError(f"--log-limit: is {arguments.log_limit}, must be at least 1")
    for path in (arguments.summary, arguments.log):
        if path is not None and not path.parent.is_dir():
            raise InputError(f"{path}: cannot be written: no such directory")
    latch = Latch(arguments.latch, _say)
    driver = _driver(me, arguments.team, arguments.allow_plaintext)

    allow_many_files()
    signals = Signals()
    links = PeerLinks(me, team.peers_of(me.id), time.monotonic_ns, keys)
    stops: StopListener | NoStops = NoStops()
    log: RunLog | NoLog = NoLog()
    health = None
    try:
        if me.stop:
            stops = StopListener(me, keys)
        health = Health(arguments.health, time.monotonic_ns)
        start_up = _since_process_start()
        features = driver.connect(team.lockstep_timeout)
        _check_features(features, actor.contract, me)
        if arguments.log is not None:
            log = RunLog(arguments.log, _say, arguments.log_limit * 10**6)
            log.write(_header(me, team, missions, links, features, actor.contract, actor_sha256, link, latency))
        node = Node(
            robot=me.id,
            team=team,
            missions=missions,
            actor=actor,
            spec=spec,
            driver=driver,
            features=features,
            links=links,
            ears=_ears(link, missions, me.agent, len(team.robots), features.loop_period, actor.contract),
            command_latency=latency,
            pacing=pacing_for(features, team, EARLY if arguments.realtime else 0.0),
            log=log,
            say=_say,
            attend=lambda: health.attend(node.health),
            stops=stops,
            latch=latch,
        )
        signals.hand_over(node)
        for denied in claim_realtime() if arguments.realtime else ():
            _say(f"{me.id}: --realtime: runs on without {denied}")
        node.warm_up()
        settle_interpreter()
        ending = node.run()
    finally:
        driver.stop()
        driver.close()
        links.close()
        stops.close()
        log.close()
        if health is not None:
            health.close()
    return _report(ending, node, me, signals, start_up, arguments.summary)


def _ears(link: LinkProfile, missions: Missions, me: int, robots: int, period: float, contract: Contract) -> Ears:
    if link.is_clean:
        return OpenEars(contract.words)
    return LinkedEars(link, missions, me, robots, period, contract.message or None)


def _refuse_plaintext(team: Team, me: Member, has_keys: bool, place: Path) -> None:
    """What leaves the machine is encrypted and authenticated, or someone has said that it need not be. Raises InputError."""
    theirs = "there are no keys: give --keys (`fieldswarm keys` makes them), or --allow-plaintext on a network that is yours alone"
    if not has_keys:
        for member in team.robots:
            refuse_plaintext(member.endpoint, f"{place}: robot '{member.id}': endpoint", theirs)
        if me.stop:
            refuse_plaintext(me.stop, f"{place}: robot '{me.id}': stop", theirs)
    if me.plant:
        refuse_plaintext(me.plant, f"{place}: robot '{me.id}': plant", NO_KEYS)


def _load_actor(bundle_path: Path, key: Path | None, me: Member, team: Team, team_path: Path) -> tuple[OnnxActor, str]:
    bundle = read_bundle(bundle_path)
    if key is not None:
        bundle.check_signature(key)
    entry = bundle.entry_for(me.agent, len(team.robots), str(team_path))
    return bundle.load_actor(entry.agent), entry.sha256


def _driver(me: Member, team_path: Path, allow_plaintext: bool) -> Driver:
    if not me.plant:
        raise InputError(f"{team_path}: robot '{me.id}' has no plant, and there is no hardware driver for kind '{me.kind}' yet")
    from robots.plant_driver import PlantDriver  # only a simulated robot needs it

    return PlantDriver(me.id, me.plant, allow_plaintext)


def _check_features(features: DriverFeatures, contract: Contract, me: Member) -> None:
    """The plant that answered must be the robot that the team file says. Raises InputError."""
    for name, found, expected in (("kind", features.kind, me.kind), ("action", features.action, contract.action.kind)):
        if found != expected:
            raise InputError(f"robot '{me.id}': {name}: its plant at {me.plant} is {found}, the actor is for {expected}")
    check_period(contract, features.loop_period, f"robot '{me.id}': plant at {me.plant}")


def _header(
    me: Member,
    team: Team,
    missions: Missions,
    links: PeerLinks,
    features: DriverFeatures,
    contract: Contract,
    actor_sha256: str,
    link: LinkProfile,
    latency: float,
) -> Header:
    return Header(
        robot=me.id,
        boot=links.boot,
        clock=features.clock,
        period=features.loop_period,
        team=msgspec.to_builtins(team),
        contract_sha256=hashlib.sha256(encode_contract(contract).encode()).hexdigest(),
        actor_sha256=actor_sha256,
        versions=onboard_versions(),
        began=time.time(),
        link=msgspec.to_builtins(link),
        command_latency=latency,
        kind=me.kind,
        missions=msgspec.to_builtins(missions),
    )


def _report(ending: Ending, node: Node, me: Member, signals: Signals, start_up: float | None, path: Path | None) -> int:
    summary = {
        "robot": me.id,
        "ending": {"kind": ending.kind, "text": ending.text},
        "start_up_s": start_up,
        **node.summary(),
    }
    if path is not None:
        write_atomically(path, msgspec.json.format(msgspec.json.encode(summary), indent=2) + b"\n")
    if ending.kind == "fault":
        _say(f"{me.id}: FAULT: {ending.text}")
    elif ending.kind == "plant_lost":
        _say(f"fieldswarm: {me.id}: {ending.text}")
    changed = ", ".join(f"{count} x {reason}" for reason, count in summary["interventions"].items()) or "none"
    compute = summary["compute_us"]
    print(
        f"{me.id}: {summary['ticks']} ticks, {summary['episodes']} episodes, {summary['missed_ticks']} ticks missed;"
        f" compute p50 {compute['p50']} us, p99 {compute['p99']} us; interventions: {changed}"
    )
    return EXIT_INTERRUPTED if signals.interrupted and ending.kind == "stopped" else EXIT_STATUS[ending.kind]


def _since_process_start() -> float | None:
    """Time since this process was started, interpreter and imports included [s]; None where the system does not tell."""
    try:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        started = int(fields[19]) / os.sysconf("SC_CLK_TCK")
        return round(time.clock_gettime(time.CLOCK_BOOTTIME) - started, 3)
    except (OSError, AttributeError, ValueError, IndexError):
        return None


def _say(text: str) -> None:
    with contextlib.suppress(OSError, ValueError):  # whoever read it is gone: no reason to fail
        print(" ".join(text.split()), file=sys.stderr, flush=True)
