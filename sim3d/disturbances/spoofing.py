"""Worst-case sensing error: an attacker spoofs the sensors of a team, within bounds, so that the mission fails.

measured = what the sensors say + error, |error| <= bound on each axis: a state adversary (SA-MDP: Zhang et al., arXiv 2003.08938) that
sits in the sensor, so that a robot's localisation, its safety gate and its peers have the error too. It flies the mission in the same
layout, with the same actors and the same chance, once for each error that it tries, and then holds the worst one while the disturbance
lasts. It asks the actors, and needs no gradients. It tries random corners of the bounds, as black-box attacks on classifiers do (Square
Attack: Andriushchenko et al., arXiv 1912.00049): a robot drives to where it believes its landmark to be and ends up as far from it as its
sensors are wrong, while errors that change from tick to tick cancel out along the way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from runtime.chance import uniforms
from sim3d.disturbances.sensing import Measurement
from sim3d.landmark_track import at_ticks
from sim3d.profile import Adversary
from sim3d.spread_task import distances


@dataclass(frozen=True)
class Spoof:
    """What the sensors of the robots of B episodes get wrong, the same in every tick.

    Attributes:
        position: [B, N, 2], m.
        velocity: [B, N, 2], m/s.
    """

    position: np.ndarray
    velocity: np.ndarray

    def on(self, measured: Measurement) -> Measurement:
        """What the robots measure in place of `measured`."""
        return replace(measured, position=measured.position + self.position, velocity=measured.velocity + self.velocity)


def worst_spoof(adversary: Adversary, seeds: np.ndarray, robots: int, harm: Callable[[Spoof], np.ndarray]) -> Spoof:
    """The most harmful of `adversary.trials` random corners of the bounds, for each episode by itself; none where none does harm.

    Position and velocity of a robot are wrong in the same directions: a robot that believes itself further on and faster than it is stops
    the shorter for both.

    Args:
        adversary: bounds and trials.
        seeds: [B], of the episodes; they decide which corners are tried.
        robots: N.
        harm: what an error does to each episode: spoof to [B], more is worse.
    """
    chance = uniforms(seeds, (robots, 2), "adversary", np.zeros(0))
    worst = np.zeros((len(seeds), robots, 2))
    most = harm(_spoof(adversary, worst))
    for trial in range(adversary.trials):
        corner = np.where(chance.at(trial) < 0.5, -1.0, 1.0)
        done = harm(_spoof(adversary, corner))
        worst = np.where((done > most)[:, None, None], corner, worst)
        most = np.maximum(done, most)
    return _spoof(adversary, worst)


def _spoof(adversary: Adversary, signs: np.ndarray) -> Spoof:
    return Spoof(adversary.position_error * signs, adversary.velocity_error * signs)


def distance_from_success(position: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """How close missions came to success: at the best step, how far the landmark that is worst off was from the robot nearest to it.

    A mission succeeds when this is below the capture radius, so it tells narrow misses and narrow escapes from others.

    Args:
        position: [B, T, N, 2], m, at the control steps after the start.
        landmarks: [B, L, 2], or [B, T, L, 2] of those that move, m.

    Returns:
        [B], m.
    """
    return distances(position, at_ticks(landmarks, slice(None))).min(axis=-2).max(axis=-1).min(axis=-1)
