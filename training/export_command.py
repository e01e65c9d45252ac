"""`fieldswarm export`: from a training run to a bundle of ONNX actors for the robots of a team."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from robots.errors import InputError
from robots.spec import RobotSpec, load_spec
from training.config import TrainConfig, WorldConfig
from training.config_checks import read_train_config
from training.similarity import Similarity, team_similarity


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("run", metavar="RUN", help="directory of a training run")
    parser.add_argument(
        "--robot",
        metavar="KIND[,KIND...]",
        help="robot kind that the actors will drive, or one for each; `point` is simple_spread's own (default: that of the training)",
    )
    parser.add_argument("--out", required=True, metavar="BUNDLE", help="bundle directory to make")
    parser.add_argument(
        "--arena",
        type=float,
        metavar="METRES",
        help="arena half size (default: 1.5 times the smallest that robots of this size can work in)",
    )
    parser.add_argument("--speed", type=float, metavar="M/S", help="top speed per axis (default: cruise speed of the slowest kind)")
    parser.add_argument("--sign", type=Path, metavar="KEY", help="secret key (`fieldswarm keys`: signing.key) to sign the bundle with")


def run(arguments: argparse.Namespace) -> None:
    """Export, and say what was written."""
    out = Path(arguments.out)
    if out.exists():
        raise InputError(f"{out}: exists already; choose another --out or remove it")
    config = _config_of(Path(arguments.run))
    robots = _robots_of_victims(arguments) if config.adversary.victims else _robots(arguments, config.world, config.team_size)
    # Imported here: torch takes seconds, and a mistake on the command line should be told at once.
    from training.adversary_export import export_adversary
    from training.checkpoint import load_run
    from training.export import export_team, write_bundle

    def progress(text: str) -> None:
        print(f"export: {text}", file=sys.stderr)

    learner = load_run(arguments.run)
    team = export_adversary(learner, progress) if robots is None else export_team(learner, *robots, progress)
    write_bundle(team, out, arguments.sign)
    contract = team.contract
    worst = max(max(difference.rollout, difference.closed_loop) for difference in team.differences)
    kinds = ", ".join(contract.robot_kinds) if robots is None else ", ".join(dict.fromkeys(spec.kind for spec in robots[0]))
    print(f"exported {out}: {len(team.actors)} actors for {kinds}, success in {contract.training.world} {contract.training.success:.3f}")
    print(
        f"arena +-{contract.arena_half_size:.4g} m, a set-point every {contract.period:.4g} s, at most {contract.action.limit:.4g} per axis"
    )
    print(f"keeps 90 % of its success while commands act up to {team.latency_margin:.3g} s later than the robot's own latency")
    print(f"torch against onnxruntime over whole episodes: {worst:.2g}")


def _config_of(run: Path) -> TrainConfig:
    if not run.is_dir():
        raise InputError(f"{run}: no such run directory")
    return read_train_config(run / "config.yaml")


def _robots_of_victims(arguments: argparse.Namespace) -> None:
    """Nothing is open where the victims say it."""
    for option in ("robot", "arena", "speed"):
        if getattr(arguments, option) is not None:
            raise InputError(f"--{option}: {arguments.run} is of an adversary, whose robots, arena and speed are its victims'")


def _robots(arguments: argparse.Namespace, place: WorldConfig, team_size: int) -> tuple[list[RobotSpec], Similarity]:
    """The robots of the team and the map onto them: those of the training where it had robots, else those of the command line."""
    named = tuple(arguments.robot.split(",")) if arguments.robot else ()
    kinds = named * team_size if len(named) == 1 else named
    if not place.dimensionless:
        if kinds not in ((), place.kinds_by_agent):
            raise InputError(f"--robot: is {arguments.robot}; {arguments.run} was trained on {', '.join(place.kinds_by_agent)}")
        if (arguments.arena, arguments.speed) != (None, None):
            raise InputError(f"--arena and --speed: {arguments.run} was trained in world '{place.name}', which has its own")
        specs = [load_spec(kind) for kind in place.kinds_by_agent]
        return specs, team_similarity(specs, place.arena_half_size, place.speed)
    if not kinds:
        raise InputError("export needs --robot: a robot kind, or `point` for simple_spread's own")
    if len(kinds) != team_size:
        raise InputError(f"--robot: names {len(kinds)} kinds; the team of {arguments.run} has {team_size} robots")
    specs = [load_spec(kind) for kind in kinds]
    forces = [spec for spec in specs if spec.action == "force"]
    if forces and len(set(kinds)) > 1:
        raise InputError(f"--robot: is {arguments.robot}; '{forces[0].kind}' is simple_spread's own robot and goes with no other kind")
    if forces and (arguments.arena, arguments.speed) != (None, None):
        raise InputError(f"--arena and --speed are for robots; '{forces[0].kind}' is simple_spread's own robot and has its size and speed")
    return specs, team_similarity(specs, arguments.arena, arguments.speed)
