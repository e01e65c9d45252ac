"""`python -m tests.benchmarks.moving [NAME=]BUNDLE...`: entity actors whose landmarks move; how much do they cover, and how fast may it be?

World `spread`, as many landmarks as robots, each with the same speed in a direction of its own; they turn round at the arena's edge. An
actor that does not read how fast they move is the point of comparison. Coverage at the end and success, interquartile mean over the seeds
of a policy with its 95 % interval; all bundles and speeds have the same starts and directions.
"""

from __future__ import annotations

import argparse
import sys

from runtime.actor import OnnxActor
from sim3d.in_process import run_missions
from sim3d.metrics import EpisodeMetrics, team_metrics
from sim3d.profile import load_profile
from sim3d.spread import HORIZON
from sim3d.world import random_layouts
from sim3d.worlds import make_world, specs_of
from tests.benchmarks.seeds_of_policies import FIGURES, add_bundles, of_seeds, teams_of, with_interval

SPEEDS = (0.0, 0.1, 0.2, 0.4, 0.8)
"""Of landmarks [simple_spread's units/s]; robots drive at up to 2 on each axis."""
SEED = 6


def fly(actors: list[OnnxActor], missions: int, speed: float) -> EpisodeMetrics:
    """What one team achieves."""
    contract, specs = actors[0].contract, specs_of(actors, "bundle")
    layouts = random_layouts(missions, contract.team_size, contract.landmarks, contract.arena_half_size, SEED, landmark_speed=speed)
    world = make_world("spread", specs, contract.landmarks, contract.arena_half_size)
    position = run_missions(world, specs, actors, layouts, load_profile("clean"), HORIZON)
    return team_metrics(position, layouts.track(world.tick_period, HORIZON), contract, world)


def main() -> int:
    """Fly the missions, and print two rows for each policy."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_bundles(parser)
    arguments = parser.parse_args()
    print("| landmarks move at |" + "".join(f" {speed:g} |" for speed in SPEEDS))
    print("|---|" + "---|" * len(SPEEDS))
    for name, teams in teams_of(arguments).items():
        flown = [of_seeds([fly(actors, arguments.missions, speed) for actors in teams]) for speed in SPEEDS]
        for figure in FIGURES:
            print(f"| {name}: {figure} |" + "".join(f" {with_interval(each[figure])} |" for each in flown), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
