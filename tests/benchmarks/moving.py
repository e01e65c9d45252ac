"""`python -m tests.benchmarks.moving [NAME=]BUNDLE...`: entity actors whose landmarks move; how much do they cover, and how fast may it be?

World `spread`, as many landmarks as robots, each with the same speed in a direction of its own; they turn round at the arena's edge. An
actor that does not read how fast they move is the point of comparison. Coverage at the end and success, each with its 95 % interval; all
bundles and speeds have the same starts and directions.
"""

from __future__ import annotations

import argparse
import sys

from runtime.bundle import read_bundle
from sim3d.in_process import run_missions
from sim3d.metrics import EpisodeMetrics, team_metrics, wilson_interval
from sim3d.profile import load_profile
from sim3d.spread import HORIZON
from sim3d.world import random_layouts
from sim3d.worlds import make_world, specs_of

SPEEDS = (0.0, 0.1, 0.2, 0.4, 0.8)
"""Of landmarks [simple_spread's units/s]; robots drive at up to 2 on each axis."""
SEED = 6


def fly(path: str, robots: int, missions: int, speed: float) -> EpisodeMetrics:
    """What the actors of a bundle achieve."""
    actors = read_bundle(path).actors_for(robots, robots)
    contract, specs = actors[0].contract, specs_of(actors, path)
    layouts = random_layouts(missions, robots, robots, contract.arena_half_size, SEED, landmark_speed=speed)
    world = make_world("spread", specs, robots, contract.arena_half_size)
    position = run_missions(world, specs, actors, layouts, load_profile("clean"), HORIZON)
    return team_metrics(position, layouts.track(world.tick_period, HORIZON), contract, world)


def cell(metrics: EpisodeMetrics) -> str:
    """Coverage and success with their intervals."""
    coverage, episodes = metrics.coverage, len(metrics.coverage)
    low, high = wilson_interval(int(metrics.success.sum()), episodes)
    half = 1.96 * coverage.std() / episodes**0.5
    return f"{coverage.mean():.3f} +- {half:.3f}, {metrics.success.mean():.3f} [{low:.3f}, {high:.3f}]"


def main() -> int:
    """Fly the missions, and print a row for each bundle."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", nargs="+", metavar="[NAME=]BUNDLE", help="of kind point")
    parser.add_argument("--robots", type=int, default=5)
    parser.add_argument("--missions", type=int, default=500)
    arguments = parser.parse_args()
    print("| landmarks move at |" + "".join(f" {speed:g} |" for speed in SPEEDS))
    print("|---|" + "---|" * len(SPEEDS))
    for given in arguments.bundle:
        name, _, path = given.rpartition("=")
        cells = (cell(fly(path, arguments.robots, arguments.missions, speed)) for speed in SPEEDS)
        print(f"| {name or path} |" + "".join(f" {each} |" for each in cells), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
