"""`python -m tests.benchmarks.filter_cost BUNDLE`: what a team pays for the filter that keeps its robots apart, in bullet.

The same missions with the filter and without: success, contacts, and missions that the filter deadlocked. A robot is in a deadlock when,
for the last two seconds of a mission whose landmarks are not all covered at its end, it stayed within `STUCK` and the filter changed its
command in at least every fourth tick: it wants to go on, and may not. Exit status 1 when success is lower by more than 0.03.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from robots.spec import load_spec
from runtime.actor import OnnxActor
from runtime.bundle import read_bundle
from runtime.team import KEEP_APART, Separation
from sim3d.in_process import run_missions
from sim3d.metrics import EpisodeMetrics, team_metrics, wilson_interval
from sim3d.mission_length import mission_periods
from sim3d.profile import Profile, load_profile, profile_names
from sim3d.world import World, random_layouts
from sim3d.worlds import make_world

ALLOWED = 0.03
"""Largest loss of success."""
LAST = 2.0
"""The end of a mission that is looked at for deadlocks [s]."""
STUCK = 0.1
"""Half the radius of an omni robot [m]."""
CHANGED = 0.25
"""Share of its commands that the filter changed: all where positions are exact, a third to a half where they are noisy."""


@dataclass(frozen=True)
class Outcome:
    """Of E missions.

    Attributes:
        metrics: of them.
        deadlocked: [E], whether a robot was in a deadlock at the end.
    """

    metrics: EpisodeMetrics
    deadlocked: np.ndarray


def run(world: World, actors: list[OnnxActor], profile: Profile, separation: Separation | None, missions: int, seed: int) -> Outcome:
    """Random missions, the same for the same seed."""
    contract = actors[0].contract
    layouts = random_layouts(missions, world.robots, world.landmarks, world.arena_half_size, seed)
    hindered: list[np.ndarray] = []

    def note(changed: dict[str, np.ndarray]) -> None:
        reasons = [changed[reason] for reason in ("barrier", "dead_end") if reason in changed]
        hindered.append(np.logical_or.reduce([np.zeros((missions, world.robots), dtype=bool), *reasons]))

    specs = [load_spec(contract.robot_kinds[0])] * world.robots
    positions = run_missions(world, specs, actors, layouts, profile, mission_periods(contract), separation=separation, intervened=note)
    metrics = team_metrics(positions, layouts.landmarks, contract, world)
    last = round(LAST / world.tick_period)
    stayed = (np.linalg.norm(positions[:, -last:] - positions[:, -1:], axis=-1) < STUCK).all(axis=1)
    stuck = stayed & (np.mean(hindered[-last:], axis=0) > CHANGED)
    return Outcome(metrics, stuck.any(axis=1) & ~metrics.success_end)


def main() -> int:
    """Run the missions both ways, and compare them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path, help="a trained team of one kind that takes velocity set-points")
    parser.add_argument("--profile", default="field", help=f"{', '.join(profile_names())}, or a file (default: %(default)s)")
    parser.add_argument("--missions", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    actors = read_bundle(arguments.bundle).verify()
    contract = actors[0].contract
    specs = [load_spec(contract.robot_kinds[0])] * contract.team_size
    success = {}
    for name, separation in (("on", KEEP_APART), ("off", None)):
        world = make_world("bullet", specs, contract.landmarks, contract.arena_half_size, arguments.workers)
        try:
            outcome = run(world, actors, load_profile(arguments.profile), separation, arguments.missions, arguments.seed)
        finally:
            world.close()
        metrics = outcome.metrics
        shares = []
        for what in ("success", "success_end"):
            count = int(getattr(metrics, what).sum())
            low, high = wilson_interval(count, arguments.missions)
            shares.append(f"{what} {count / arguments.missions:.3f} [{low:.3f}, {high:.3f}]")
        success[name] = float(metrics.success.mean())
        print(
            f"filter {name:3}  {'  '.join(shares)}  contacts a mission {metrics.contacts.mean():.2f}"
            f"  time to cover {np.nanmean(metrics.time_to_cover):.2f} s  deadlocks {outcome.deadlocked.sum()}"
        )
    loss = success["off"] - success["on"]
    print(f"the filter costs {loss:+.3f} of the success; {ALLOWED} is allowed")
    return 1 if loss > ALLOWED else 0


if __name__ == "__main__":
    sys.exit(main())
