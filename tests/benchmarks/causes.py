"""Which part of a profile costs teams their missions, and how the missions that fail end.

    python -m tests.benchmarks.causes training/bundles/quadrotor training/bundles/mixed --profile harsh --missions 100

In one process, in `bullet`, the same missions in each row: under the whole profile, under it without one of its parts, and under that part
alone. A mission that fails (no body on each landmark at its end) ends *beside* when the robots lie on the landmarks, one each, but one by
up to two radii of its body off, and *elsewhere* when one is farther away than that.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from scipy.optimize import linear_sum_assignment

from runtime.actor import OnnxActor
from runtime.bundle import read_bundle
from sim3d.in_process import run_missions
from sim3d.metrics import wilson_interval
from sim3d.mission_length import mission_periods
from sim3d.profile import Profile, load_profile
from sim3d.world import World, random_layouts
from sim3d.worlds import check_world, make_world, specs_of

PARTS = {
    "noise": ("sensing", ("position_sigma", "velocity_sigma", "heading_sigma")),
    "outliers": ("sensing", ("outliers", "outlier_sigma")),
    "dropout": ("sensing", ("dropout",)),
    "latency": ("actuation", ("delay", "jitter")),
    "weight and motors": ("dynamics", ("mass", "motor_gain")),
    "link": ("link", ("delay", "jitter", "loss", "bursts", "burst_length")),
}
"""Part -> group of the profile, and its figures."""
BESIDE = 2.0
"""Distance from its landmark within which a robot has found it [radii of its body]."""
SEED = 0


@dataclass(frozen=True)
class Ends:
    """How missions ended: number of them, and of those that succeeded and that failed beside and elsewhere."""

    missions: int
    succeeded: int
    beside: int
    elsewhere: int

    def __str__(self) -> str:
        low, high = wilson_interval(self.succeeded, self.missions)
        return f"{self.succeeded / self.missions:.2f} [{low:.2f}, {high:.2f}]   {self.beside:4d} {self.elsewhere:9d}"


def only(profile: Profile, part: str) -> Profile:
    """`clean` but for one part of a profile."""
    group, figures = PARTS[part]
    return _with(Profile(name=f"{part} alone"), group, {figure: getattr(getattr(profile, group), figure) for figure in figures})


def without(profile: Profile, part: str) -> Profile:
    """A profile with one part as in `clean`."""
    group, figures = PARTS[part]
    return _with(profile, group, {figure: getattr(getattr(Profile(name="clean"), group), figure) for figure in figures})


def _with(profile: Profile, group: str, figures: dict[str, object]) -> Profile:
    return msgspec.structs.replace(profile, **{group: msgspec.structs.replace(getattr(profile, group), **figures)})


class Team:
    """A bundle's robots in their world, and the missions that they are given.

    Args:
        bundle: exported team.
        missions: how many.
    """

    def __init__(self, bundle: Path, missions: int) -> None:
        self._actors: list[OnnxActor] = read_bundle(bundle).verify()
        self._specs = specs_of(self._actors, str(bundle))
        contract = self._actors[0].contract
        self._layouts = random_layouts(missions, contract.team_size, contract.landmarks, contract.arena_half_size, SEED)
        self._world: World = make_world(check_world(None, self._specs[0]), self._specs, contract.landmarks, contract.arena_half_size)

    def under(self, profile: Profile) -> Ends:
        """How all missions end under a profile."""
        horizon = mission_periods(self._actors[0].contract)
        last = run_missions(self._world, self._specs, self._actors, self._layouts, profile, horizon)[:, -1]
        return ends(last, self._layouts.landmarks, np.array([spec.radius for spec in self._specs]))

    def close(self) -> None:
        """Release the world."""
        self._world.close()


def ends(position: np.ndarray, landmarks: np.ndarray, radius: np.ndarray) -> Ends:
    """Judge the ends of missions.

    Args:
        position: of the robots at the end [E, N, 2], m.
        landmarks: [E, L, 2], m.
        radius: of the robots [N], m.
    """
    distance = np.linalg.norm(position[:, :, None] - landmarks[:, None], axis=-1)
    succeeded = (distance < radius[:, None]).any(axis=1).all(axis=1)
    farthest = []
    for one in distance / radius[:, None]:
        robot, landmark = linear_sum_assignment(one)
        farthest.append(one[robot, landmark].max())
    beside = ~succeeded & (np.array(farthest) < BESIDE)
    return Ends(len(position), int(succeeded.sum()), int(beside.sum()), int((~succeeded & ~beside).sum()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", nargs="+", type=Path)
    parser.add_argument("--profile", default="harsh")
    parser.add_argument("--missions", type=int, default=100)
    arguments = parser.parse_args()
    profile = load_profile(arguments.profile)
    disturbing = [part for part in PARTS if only(profile, part) != Profile(name=f"{part} alone")]
    for bundle in arguments.bundle:
        team = Team(bundle, arguments.missions)
        print(f"{bundle.name:30} body on each landmark   beside elsewhere")
        rows = [profile, *(without(profile, part) for part in disturbing), *(only(profile, part) for part in disturbing)]
        names = [profile.name, *(f"without {part}" for part in disturbing), *(f"{part} alone" for part in disturbing)]
        for name, row in zip(names, rows, strict=True):
            print(f"  {name:28} {team.under(row)}", flush=True)
        team.close()


if __name__ == "__main__":
    main()
