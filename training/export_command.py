"""`fieldswarm export`: from a training run to a bundle of ONNX actors for one robot kind."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from robots.errors import InputError
from robots.spec import load_spec
from training.similarity import similarity_for


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("run", metavar="RUN", help="directory of a training run")
    parser.add_argument(
        "--robot", required=True, metavar="KIND", help="robot kind that the actors will drive; `point` is simple_spread's own"
    )
    parser.add_argument("--out", required=True, metavar="BUNDLE", help="bundle directory to make")
    parser.add_argument(
        "--arena",
        type=float,
        metavar="METRES",
        help="arena half size (default: 1.5 times the smallest that robots of this size can work in)",
    )
    parser.add_argument("--speed", type=float, metavar="M/S", help="top speed per axis (default: the kind's cruise speed)")
    parser.add_argument("--sign", type=Path, metavar="KEY", help="secret key (`fieldswarm keys`: signing.key) to sign the bundle with")


def run(arguments: argparse.Namespace) -> None:
    """Export, and say what was written."""
    out = Path(arguments.out)
    if out.exists():
        raise InputError(f"{out}: exists already; choose another --out or remove it")
    spec = load_spec(arguments.robot)
    if spec.action == "force" and (arguments.arena, arguments.speed) != (None, None):
        raise InputError(f"--arena and --speed are for robots; '{spec.kind}' is simple_spread's own robot and has its size and speed")
    similarity = similarity_for(spec, arguments.arena, arguments.speed)
    # Imported here: torch takes seconds, and a mistake on the command line should be told at once.
    from training.checkpoint import load_run
    from training.export import export_team, write_bundle

    learner = load_run(arguments.run)
    team = export_team(learner, spec, similarity, lambda text: print(f"export: {text}", file=sys.stderr))
    write_bundle(team, out, arguments.sign)
    contract = team.contract
    worst = max(max(difference.rollout, difference.closed_loop) for difference in team.differences)
    print(f"exported {out}: {len(team.actors)} actors for '{spec.kind}', success in spread {contract.training.success:.3f}")
    print(
        f"arena +-{contract.arena_half_size:.4g} m, a set-point every {contract.period:.4g} s, at most {contract.action.limit:.4g} per axis"
    )
    print(f"keeps 90 % of its success while commands act up to {team.latency_margin:.3g} s later than the robot's own latency")
    print(f"torch against onnxruntime over whole episodes: {worst:.2g}")
