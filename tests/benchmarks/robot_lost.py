"""A robot that stops in mid-mission, or goes silent: what the others still cover, against a team that was told.

    python -m tests.benchmarks.robot_lost BUNDLE [BUNDLE ...]

In each mission one robot (agent 0) fails after a third of simple_spread's 25 control periods. Coverage is the share of the landmarks
with a body on them at the end. A team that was told leaves the stopped robot where it is, and sends each of the others to another landmark:
its coverage is counted, not simulated, so no real team can have more. A silent robot acts on, so all landmarks can be covered.
"""

from __future__ import annotations

import argparse

import numpy as np

from runtime.bundle import read_bundle
from runtime.link import Fault
from sim3d.in_process import run_missions
from sim3d.mission_length import mission_periods
from sim3d.profile import Profile
from sim3d.spread_task import distances
from sim3d.world import random_layouts
from sim3d.worlds import check_world, make_world, specs_of

AFTER_PERIODS = 8
SEED = 9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundles", nargs="+", metavar="BUNDLE")
    parser.add_argument("--missions", type=int, default=500)
    arguments = parser.parse_args()
    for path in arguments.bundles:
        for kind in ("none", "silent", "stop"):
            covered, told, moved = _missions(path, kind, arguments.missions)
            ceiling = f", a team that was told at most {told.mean():.3f}" if kind == "stop" else ""
            half = 1.96 * covered.std() / np.sqrt(len(covered))
            print(
                f"{path}: {kind}: coverage {covered.mean():.3f} +- {half:.3f}{ceiling}; robot 0 went {moved:.2f} m after that", flush=True
            )


def _missions(path: str, kind: str, missions: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Coverage of each mission, that of a team that was told, and how far the failed robot went after it failed (mean) [m]."""
    actors = read_bundle(path).verify()
    contract, specs = actors[0].contract, specs_of(actors, path)
    layouts = random_layouts(missions, contract.team_size, contract.landmarks, contract.arena_half_size, SEED)
    world = make_world(check_world(None, specs[0]), specs, contract.landmarks, contract.arena_half_size)
    at = AFTER_PERIODS * contract.period
    faults = () if kind == "none" else (Fault(kind=kind, robot=0, at=at),)
    position = run_missions(world, specs, actors, layouts, Profile(name=kind, faults=faults), mission_periods(contract))
    world.close()
    on = distances(position[:, -1], layouts.landmarks) < np.broadcast_to(world.robot_radius, contract.team_size)[:, None]
    by_stopped = on[:, 0].sum(axis=-1)
    told = (by_stopped + np.minimum(contract.team_size - 1, contract.landmarks - by_stopped)) / contract.landmarks
    moved = np.linalg.norm(position[:, -1, 0] - position[:, round(at / world.tick_period), 0], axis=-1).mean()
    return on.any(axis=1).mean(axis=-1), told, float(moved)


if __name__ == "__main__":
    main()
