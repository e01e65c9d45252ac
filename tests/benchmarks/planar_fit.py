"""`python -m tests.benchmarks.planar_fit`: does the planar model of each kind go where its body in PyBullet goes?

Random set-points within the cruise speed on each axis, or another, each held for 0.2 to 2 s, issued as the runtime issues them: within the
limits of the kind, after its command latency. Nothing is measured on the way, so all errors add up.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np

from robots.spec import RobotSpec, load_spec
from sim3d.bodies.kinds import BODIES
from sim3d.bullet import BulletWorld
from sim3d.characterise.experiment import random_sequence
from sim3d.disturbances.disturbance import Disturbances
from sim3d.planar import PlanarWorld
from sim3d.profile import load_profile
from sim3d.world import Layouts, World

SEQUENCES = 100
DURATION = 10.0
ALLOWED = 0.05
"""Of the path."""


@dataclass(frozen=True)
class Fit:
    """How far the planar model is from the body after a sequence, of the length of its path.

    Attributes:
        kind: of the robots.
        error: [S], position error over path.
        path: [S], m.
    """

    kind: str
    error: np.ndarray
    path: np.ndarray


def fit_of(spec: RobotSpec, sequences: int, seed: int, speed: float) -> Fit:
    """Drive both through the same sequences of set-points within +-speed [m/s] on each axis, one robot an episode."""
    setpoints = _sequences(spec, sequences, seed, speed)
    planar, bullet = (_positions(world, spec, setpoints) for world in (PlanarWorld([spec], 1.0), BulletWorld([spec], 1.0)))
    path = np.linalg.norm(np.diff(bullet, axis=0), axis=-1).sum(axis=0)
    return Fit(spec.kind, np.linalg.norm(planar[-1] - bullet[-1], axis=-1) / path, path)


def _sequences(spec: RobotSpec, sequences: int, seed: int, speed: float) -> np.ndarray:
    """What the runtime commands: [T, S, 2], m/s."""
    return np.stack([random_sequence(spec, np.random.default_rng((seed, number)), speed, DURATION) for number in range(sequences)], axis=1)


def _positions(world: World, spec: RobotSpec, setpoints: np.ndarray) -> np.ndarray:
    """Where the robots are from the start on: [T + 1, S, 2], m."""
    sequences = setpoints.shape[1]
    nothing = np.zeros((sequences, 1, 2))
    disturbances = Disturbances(load_profile("clean"), np.arange(sequences), 1, world.tick_period, spec.command_latency)
    state = world.reset(Layouts(nothing, nothing, np.arange(sequences)))
    positions = [state.position[:, 0]]
    for setpoint in setpoints:
        state = world.step(state, disturbances.actuate(setpoint[:, None]))
        positions.append(state.position[:, 0])
    world.close()
    return np.array(positions)


def main() -> None:
    """Print one row a kind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", default=sorted(BODIES), metavar="KIND", help=f"default: {', '.join(sorted(BODIES))}")
    parser.add_argument("--sequences", type=int, default=SEQUENCES)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--speed", type=float, help="largest set-point on each axis [m/s] (default: the kind's cruise speed)")
    arguments = parser.parse_args()
    print(f"{'kind':12}{'path':>9}{'mean':>9}{'95 %':>9}{'worst':>9}   position error after {DURATION:g} s, of the path")
    for kind in arguments.kinds:
        spec = load_spec(kind)
        fit = fit_of(spec, arguments.sequences, arguments.seed, spec.cruise_speed if arguments.speed is None else arguments.speed)
        shares = (fit.error.mean(), np.quantile(fit.error, 0.95), fit.error.max())
        kept = f"at most {ALLOWED:.0%} in {np.mean(fit.error <= ALLOWED):.0%} of {arguments.sequences}"
        print(f"{kind:12}{fit.path.mean():7.2f} m" + "".join(f"{100 * share:7.2f} %" for share in shares) + f"   {kept}", flush=True)


if __name__ == "__main__":
    main()
