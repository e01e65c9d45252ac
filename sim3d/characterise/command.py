"""Measure how a robot answers planar set-points, through its driver, and identify the planar model that policies are trained with.

Without --team the robot is simulated: a plant is started for it, in lockstep. With --team and --robot it is the one whose driver the team
file names, simulated or real: it moves by itself, within --space of where it stands, and nothing else looks after it.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import yaml

from robots.driver import Driver
from robots.errors import InputError
from robots.plant_driver import PlantDriver
from robots.published import published
from robots.spec import RobotSpec, load_spec
from robots.yaml_input import dump_yaml
from runtime.atomic import write_atomically
from runtime.team import Member, Mission, Missions, Team, read_team
from runtime.version import version
from sim3d.characterise.experiment import drive, plan_for
from sim3d.characterise.picture import responses_picture
from sim3d.characterise.planar_identification import identify
from sim3d.characterise.report import Characterisation, document, lines, table, top_speed
from sim3d.characterise.step_response import responses, step_figures
from sim3d.culprit import last_words
from sim3d.process_group import Child, ProcessGroup
from sim3d.profile import load_profile, profile_names
from sim3d.simulate import free_endpoints
from sim3d.worlds import check_world

PLANT = "plant"
JOIN = 60.0
"""Longest wait for a simulated plant [s]."""
SETTLE = 2.0
"""When the plant goes, time for it to say why [s]."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the subcommand takes."""
    parser.add_argument("kind", metavar="ROBOT", help="robot kind: a folder of robots/")
    parser.add_argument("--team", type=Path, metavar="FILE", help="team file with the robot that is to be measured")
    parser.add_argument("--robot", metavar="ID", help="which of the team")
    parser.add_argument("--profile", help=f"disturbances of the simulated robot: {', '.join(profile_names())}, or a file (default: clean)")
    parser.add_argument(
        "--space", type=float, metavar="M", help="the robot may move within +-this about its start [m] (default: 20 in simulation)"
    )
    parser.add_argument("--repeats", type=int, default=1, metavar="N", help="of each step; more where sensors are noisy (default: 1)")
    parser.add_argument("--sequences", type=int, default=5, metavar="N", help="random sequences to check the model with (default: 5)")
    parser.add_argument("--seed", type=int, default=0, help="of the sequences, and of all chance in simulation (default: 0)")
    parser.add_argument("--timeout", type=float, default=10.0, metavar="S", help="longest wait for the robot (default: 10)")
    parser.add_argument("--allow-plaintext", action="store_true", help="reach a plant on a network other than loopback")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="for figures.yaml, track.csv and responses.png (default: runs/ROBOT-response)"
    )


def run(arguments: argparse.Namespace) -> None:
    """Measure, identify, and write. Raises InputError."""
    spec = load_spec(arguments.kind)
    if spec.action != "velocity_setpoint":
        raise InputError(f"robot kind '{spec.kind}' takes '{spec.action}'; characterise measures kinds that take 'velocity_setpoint'")
    _check(arguments)
    out = arguments.out or Path("runs") / f"{spec.kind}-response"
    space = (20.0 if arguments.team is None else math.nan) if arguments.space is None else arguments.space
    plan = plan_for(spec, space, arguments.repeats, arguments.sequences, arguments.seed)
    with _robot(arguments, spec, len(plan.setpoints)) as (driver, timeout):
        features = driver.connect(timeout)
        for name, found, expected in (("kind", features.kind, spec.kind), ("action", features.action, spec.action)):
            if found != expected:
                raise InputError(f"{name}: is {found}, characterise was asked for {expected}")
        if abs(features.loop_period - spec.loop_period) > 1e-9:
            raise InputError(f"its loop runs every {features.loop_period:g} s, the spec of '{spec.kind}' says {spec.loop_period:g} s")
        _make(out)
        print(f"{len(plan.steps)} steps and {len(plan.sequences)} sequences, {len(plan.setpoints) * spec.loop_period:.0f} s", flush=True)
        track = drive(driver, features, plan, space, arguments.timeout)
    answers = responses(plan, track)
    found = Characterisation(
        spec=spec,
        plan=plan,
        track=track,
        responses=answers,
        steps=[step_figures(each) for each in answers],
        model=identify(spec, plan, track, top_speed(answers)),
        published=published(spec.kind),
    )
    who = "simulated" if arguments.team is None else f"{arguments.robot} of {arguments.team}"
    profile = arguments.profile or "clean" if arguments.team is None else ""
    conditions = {"robot": spec.kind, "who": who, "profile": profile, "clock": features.clock, "created_by": f"fieldswarm {version()}"}
    for line in lines(found):
        print(line)
    text = yaml.safe_dump(document(found, conditions), sort_keys=False, allow_unicode=True)
    for name, data in (
        ("figures.yaml", text.encode()),
        ("track.csv", table(found).encode()),
        ("responses.png", responses_picture(found, f"{spec.kind}, {who}{', ' + profile if profile else ''}")),
    ):
        write_atomically(out / name, data)
        print(f"wrote {out / name}")


def _make(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{out}: cannot be made: {error.strerror}") from None


def _check(arguments: argparse.Namespace) -> None:
    for name, least in (("repeats", 1), ("sequences", 0), ("seed", 0)):
        if getattr(arguments, name) < least:
            raise InputError(f"--{name}: is {getattr(arguments, name)}, must be at least {least}")
    for name in ("space", "timeout"):
        value = getattr(arguments, name)
        if value is not None and not (math.isfinite(value) and value > 0):
            raise InputError(f"--{name}: is {value}, must be finite and above 0")
    if (arguments.team is None) != (arguments.robot is None):
        raise InputError("--team and --robot go together: which robot of which team")
    if arguments.team is not None and arguments.space is None:
        raise InputError("--team: needs --space, how far the robot may go from where it stands [m]")
    if arguments.team is not None and arguments.profile is not None:
        raise InputError("--profile: is for the robot that is simulated here; the one of a team has the disturbances of its plant")


@contextlib.contextmanager
def _robot(arguments: argparse.Namespace, spec: RobotSpec, ticks: int) -> Iterator[tuple[Driver, float]]:
    """The driver of the robot that is to be measured, and how long to wait for it [s]."""
    if arguments.team is not None:
        member = read_team(arguments.team).member(arguments.robot, str(arguments.team))
        if member.kind != spec.kind:
            raise InputError(f"{arguments.team}: robot '{member.id}' is '{member.kind}', characterise was asked for '{spec.kind}'")
        if not member.plant:
            raise InputError(
                f"{arguments.team}: robot '{member.id}' has no plant, and there is no hardware driver for kind '{spec.kind}' yet"
            )
        with contextlib.closing(PlantDriver(member.id, member.plant, arguments.allow_plaintext)) as driver:
            yield driver, arguments.timeout
        return
    load_profile(arguments.profile or "clean")
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="fieldswarm-"))
        member = stack.enter_context(_plant(arguments, spec, ticks, Path(folder)))
        yield stack.enter_context(contextlib.closing(PlantDriver(member.id, member.plant))), JOIN


@contextlib.contextmanager
def _plant(arguments: argparse.Namespace, spec: RobotSpec, ticks: int, folder: Path) -> Iterator[Member]:
    """A plant with one robot, for one mission of `ticks`. Raises InputError with the plant's own words when it fails."""
    endpoints = free_endpoints(2)
    member = Member(id="r0", kind=spec.kind, agent=0, endpoint=endpoints[0], plant=endpoints[1])
    team, missions = folder / "team.yaml", folder / "missions.yaml"
    write_atomically(team, dump_yaml(Team(robots=(member,))).encode())
    mission = Mission(landmarks=((0.0, 0.0),), starts=((0.0, 0.0),), seed=arguments.seed)
    write_atomically(missions, dump_yaml(Missions(missions=(mission,))).encode())
    command = [
        *(sys.executable, "-m", "runtime.cli", "plant", "--world", check_world(None, spec), "--team", str(team)),
        *("--missions", str(missions), "--ticks", str(ticks), "--profile", arguments.profile or "clean"),
    ]
    child = Child(PLANT, tuple(command), str(folder / "plant.jsonl"), str(folder / "plant.stderr"))
    with ProcessGroup([child], {**os.environ, "OMP_NUM_THREADS": "1"}) as group:
        try:
            yield member
        except InputError:
            for ended in group.wait(SETTLE):
                if ended.status:
                    raise InputError(f"the plant: {last_words(ended, folder)}") from None
            raise
