"""One robot that plays against its team: what the others still cover and whom they touch, beside a robot that stands still.

    python -m tests.benchmarks.adversary VICTIMS ADVERSARY [--world planar] [--separation off]

VICTIMS is the bundle that the adversary was trained on, ADVERSARY the one that `fieldswarm export` made of that run. An adversary cannot be
asked to cover a landmark, so only what the others cover at the end counts, and the robot that stands still where it began is what it is
measured against. The same missions in every row; intervals are 95 % of the mean over missions, and of the mean difference between rows.
"""

from __future__ import annotations

import argparse

import numpy as np

from runtime.actor import OnnxActor
from runtime.bundle import read_bundle
from runtime.link import Fault
from runtime.team import KEEP_APART
from sim3d.in_process import run_missions
from sim3d.metrics import team_metrics
from sim3d.mission_length import mission_periods
from sim3d.profile import Profile
from sim3d.spread_task import distances
from sim3d.world import random_layouts
from sim3d.worlds import check_world, make_world, specs_of

SEED = 17


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("victims", metavar="VICTIMS")
    parser.add_argument("adversary", metavar="ADVERSARY")
    parser.add_argument("--world", choices=("spread", "planar", "bullet"))
    parser.add_argument("--separation", choices=("on", "off"), default="on")
    parser.add_argument("--missions", type=int, default=1000)
    arguments = parser.parse_args()
    victims, with_adversary = (read_bundle(path) for path in (arguments.victims, arguments.adversary))
    hashes = [[entry.sha256 for entry in bundle.manifest.actors] for bundle in (victims, with_adversary)]
    (robot,) = (agent for agent, (one, other) in enumerate(zip(*hashes, strict=True)) if one != other)
    team, against = victims.verify(), with_adversary.verify()
    still = (Fault(kind="stop", robot=robot),)
    rows = {
        "plays along": _missions(team, arguments, robot, ()),
        "stands still": _missions(team, arguments, robot, still),
        "plays against": _missions(against, arguments, robot, ()),
    }
    for name, figures in rows.items():
        print(f"robot {robot} {name:14}" + "".join(f"  {what} {_mean(values)}" for what, values in figures.items()), flush=True)
    lost = {what: rows["plays against"][what] - rows["stands still"][what] for what in rows["stands still"]}
    print("against - still        " + "".join(f"  {what} {_mean(values)}" for what, values in lost.items()))


def _mean(values: np.ndarray) -> str:
    mean, half = values.mean(), 1.96 * values.std(ddof=1) / np.sqrt(len(values))
    return f"{mean:.3f} [{mean - half:.3f}, {mean + half:.3f}]"


def _missions(team: list[OnnxActor], arguments: argparse.Namespace, robot: int, faults: tuple[Fault, ...]) -> dict[str, np.ndarray]:
    """What the others achieve, by mission: share of landmarks within their reach, or under a body of theirs; contacts of all robots."""
    contract, specs = team[0].contract, specs_of(team, arguments.victims)
    layouts = random_layouts(arguments.missions, contract.team_size, contract.landmarks, contract.arena_half_size, SEED)
    world = make_world(check_world(arguments.world, specs[0]), specs, contract.landmarks, contract.arena_half_size)
    apart = KEEP_APART if arguments.separation == "on" else None
    profile = Profile(name="against", faults=faults)
    position = run_missions(world, specs, team, layouts, profile, mission_periods(contract), separation=apart)
    world.close()
    others = np.arange(contract.team_size) != robot
    nearest = distances(position[:, -1, others], layouts.landmarks)
    radius = np.broadcast_to(world.robot_radius, contract.team_size)
    metrics = team_metrics(position, layouts.landmarks, contract, world)
    return {
        "covered": (nearest.min(axis=1) < contract.capture_radius).mean(axis=-1),
        "body on it": (nearest < radius[others][:, None]).any(axis=1).mean(axis=-1),
        "contacts": metrics.contacts.astype(float),
    }


if __name__ == "__main__":
    main()
