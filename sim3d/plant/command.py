"""Serve a simulated world to the robots of a team, each over its own endpoint; robots/README.md has the protocol.

One JSON object a line on the standard output tells how it goes: `ready` (number of missions); `begin`, when every robot is there; `mission`
for each of them (its number, whether all landmarks were covered at the same time, after how many seconds, and whether they were at the
end); `end` (the reason, empty when all went well; the robot that did not do its part; deadlines missed in real time; what drivers sent that
was not accepted).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import signal
from collections.abc import Sequence

from robots.errors import InputError
from robots.spec import RobotSpec, load_spec
from runtime.link import check_link
from runtime.team import Member, Team, read_missions, read_team
from sim3d.mission_layouts import layouts_of
from sim3d.plant.growing_record import GrowingRecord
from sim3d.plant.plant import Episode, PlantServer, SeriesAborted
from sim3d.profile import Profile, load_profile, profile_names, refuse_adversary
from sim3d.spread import CAPTURE_RADIUS
from sim3d.spread_task import all_covered
from sim3d.world import World
from sim3d.worlds import WORLDS, check_world, make_world


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the subcommand takes."""
    parser.add_argument("--world", choices=WORLDS, required=True, help="where the robots live: kind point in spread, others in bullet")
    parser.add_argument("--team", required=True, metavar="FILE", help="team file; every robot needs a `plant` endpoint")
    parser.add_argument("--missions", required=True, metavar="FILE", help="mission file: one mission after the other")
    parser.add_argument("--ticks", type=int, required=True, metavar="N", help="length of a mission in control ticks")
    parser.add_argument("--clock", choices=("lockstep", "realtime"), default="lockstep", help="who waits for whom (default: %(default)s)")
    parser.add_argument("--profile", default="clean", help=f"disturbances: {', '.join(profile_names())}, or a file (default: %(default)s)")
    parser.add_argument("--arena", type=float, default=1.0, metavar="L", help="half size of the arena [m] (default: %(default)s)")
    parser.add_argument(
        "--capture-radius",
        type=float,
        metavar="R",
        help="landmarks within this of a robot are covered [m] (default: 0.1 of the arena's half size)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the chance that the missions leave open (default: %(default)s)")
    parser.add_argument("--record", metavar="FILE.npz", help="write what truly happened in all missions")
    parser.add_argument(
        "--command-timeout", type=float, default=20.0, metavar="S", help="lockstep: longest wait for a command [s] (default: %(default)s)"
    )
    parser.add_argument(
        "--join-timeout", type=float, default=60.0, metavar="S", help="longest wait for all robots at the start [s] (default: %(default)s)"
    )
    parser.add_argument(
        "--allow-plaintext", action="store_true", help="serve robots on a network other than loopback: the link to a plant has no keys"
    )


def run(arguments: argparse.Namespace) -> None:
    """Serve one series. Raises InputError for bad input and for a robot that does not do its part."""
    if arguments.capture_radius is None:
        arguments.capture_radius = CAPTURE_RADIUS * arguments.arena
    for name in ("arena", "capture_radius", "command_timeout", "join_timeout", "ticks"):
        value = getattr(arguments, name)
        if not (math.isfinite(value) and value > 0):
            raise InputError(f"--{name.replace('_', '-')}: is {value}, must be finite and above 0")
    if not 0 <= arguments.seed < 2**63:
        raise InputError(f"--seed: is {arguments.seed}, must be in 0 ... 2^63 - 1")
    profile = load_profile(arguments.profile)
    refuse_adversary(profile, arguments.profile)
    team = read_team(arguments.team)
    members = tuple(sorted(team.robots, key=lambda member: member.agent))
    specs = _specs_of(team, arguments.world, arguments.team)
    layouts = layouts_of(read_missions(arguments.missions), len(members), arguments.arena, arguments.seed, arguments.missions)
    check_link(profile.between_robots, len(members), arguments.profile)
    world = make_world(arguments.world, specs, layouts.landmarks.shape[1], arguments.arena)
    # Whoever ends us politely gets our robots told, as after Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.closing(world), contextlib.closing(_plant(arguments, world, specs, members, profile)) as plant:
        _tell("ready", missions=len(layouts))
        with GrowingRecord(arguments.record) if arguments.record else contextlib.nullcontext() as record:
            try:
                for episode in plant.serve(layouts, arguments.ticks, begun=lambda: _tell("begin")):
                    if record is not None:
                        record.add(episode.recorded)
                    _tell_mission(episode, world, arguments.capture_radius)
            except SeriesAborted as aborted:
                _tell_end(plant, str(aborted), aborted.robot)
                raise
            if record is not None:
                record.save(**_of_all_missions(arguments, world, specs, profile))
        _tell_end(plant, "", "")


def _plant(
    arguments: argparse.Namespace, world: World, specs: Sequence[RobotSpec], members: Sequence[Member], profile: Profile
) -> PlantServer:
    return PlantServer(
        world,
        specs,
        members,
        arguments.clock,
        profile,
        command_timeout=arguments.command_timeout,
        join_timeout=arguments.join_timeout,
        place=arguments.team,
        allow_plaintext=arguments.allow_plaintext,
    )


def _specs_of(team: Team, world: str, place: str) -> list[RobotSpec]:
    """What the robots are, by agent."""
    for index, member in enumerate(team.robots):
        if not member.plant:
            raise InputError(f"{place}: robots[{index}].plant: is empty, a simulated robot needs an endpoint")
        try:
            check_world(world, load_spec(member.kind))
        except InputError as error:
            raise InputError(f"{place}: robots[{index}].kind: {error}") from None
    return [load_spec(member.kind) for member in sorted(team.robots, key=lambda member: member.agent)]


def _of_all_missions(arguments: argparse.Namespace, world: World, specs: Sequence[RobotSpec], profile: Profile) -> dict[str, object]:
    """What a record says once (`sim3d.plant.record.Record`)."""
    return {
        "tick_period": world.tick_period,
        "arena_half_size": world.arena_half_size,
        "robot_radius": world.robot_radius,
        "capture_radius": arguments.capture_radius,
        "world": arguments.world,
        "kinds": tuple(spec.kind for spec in specs),
        "profile": profile.name,
    }


def _tell_mission(episode: Episode, world: World, capture_radius: float) -> None:
    covered = all_covered(episode.position, episode.landmarks, capture_radius)[1:]
    seconds = (float(covered.argmax()) + 1.0) * world.tick_period if covered.any() else None
    _tell("mission", number=episode.number, covered=bool(covered.any()), time_to_cover=seconds, covered_at_end=bool(covered[-1]))


def _tell_end(plant: PlantServer, reason: str, robot: str) -> None:
    counts = {link.robot: dict(link.counts) for link in plant.links}
    _tell("end", reason=reason, robot=robot, late_ticks=plant.late_ticks, counts=counts)


def _tell(event: str, **content: object) -> None:
    print(json.dumps({"event": event, **content}), flush=True)
