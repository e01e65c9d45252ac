"""The planar model of a robot, identified from what it did: the figures with which world `planar` follows its recorded velocity best."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np
from scipy.optimize import least_squares

from robots.spec import RobotSpec
from sim3d.characterise.experiment import Plan, Track
from sim3d.disturbances.delay import FractionalDelay
from sim3d.planar import PlanarWorld
from sim3d.world import Layouts

_FREE = 1e6
"""A limit that is none [m/s], [m/s^2]."""
_HARDLY = 0.02
"""A limit that the best model without it misses by less than this share of its misfit did not show."""


@dataclass(frozen=True)
class PlanarModel:
    """What world `planar` and the runtime take of a robot, and how well it fits.

    Attributes:
        gain: of the steady speed to the commanded one; world `planar` has 1.
        command_latency: [s].
        velocity_time_constant: [s].
        acceleration_limit: [m/s^2]; None when the robot never met it.
        speed_limit: the fastest steady speed seen [m/s].
        misfit: root mean square of the velocity that the model does not explain, on each axis [m/s].
    """

    gain: float
    command_latency: float
    velocity_time_constant: float
    acceleration_limit: float | None
    speed_limit: float
    misfit: float

    def spec(self, like: RobotSpec) -> RobotSpec:
        """A spec that has these figures, the rest as in another."""
        return msgspec.structs.replace(
            like,
            command_latency=self.command_latency,
            velocity_time_constant=self.velocity_time_constant,
            acceleration_limit=_FREE if self.acceleration_limit is None else self.acceleration_limit,
            speed_limit=self.speed_limit,
        )


def identify(spec: RobotSpec, plan: Plan, track: Track, speed_limit: float) -> PlanarModel:
    """Fit the model to the steps of a plan, but those to the speed limit: least squares of the velocity.

    Args:
        spec: of the kind; its figures are where the search begins.
        plan: what was commanded.
        track: what the robot did.
        speed_limit: the fastest steady speed seen [m/s].
    """
    steps = [step for step in plan.steps if step.speed < spec.speed_limit]
    setpoints = padded([plan.setpoints[step.begin : step.end] for step in steps])
    measured = padded([track.velocity[step.begin : step.end] for step in steps], fill=np.nan)
    known = np.isfinite(measured)

    def misfit(figures: np.ndarray) -> np.ndarray:
        gain, latency, logarithms = figures[0], figures[1], np.exp(figures[2:])
        tried = msgspec.structs.replace(
            spec,
            command_latency=latency,
            velocity_time_constant=logarithms[0],
            acceleration_limit=logarithms[1] if len(logarithms) > 1 else _FREE,
            speed_limit=_FREE,
        )
        _, velocity = planar_track(tried, gain * setpoints)
        return (velocity[:-1] - measured)[known]

    def search(*limit: float) -> tuple[np.ndarray, float]:
        start = [1.0, spec.command_latency, *np.log([spec.velocity_time_constant, *limit])]
        low = [0.2, 0.0, *np.log([0.1 * spec.loop_period, *(0.1 * each for each in limit)])]
        high = [2.0, 1.0, *np.log([5.0, *(100.0 * each for each in limit)])]
        found = least_squares(misfit, start, bounds=(low, high), x_scale="jac", diff_step=1e-4, xtol=1e-6, ftol=1e-9, max_nfev=60)
        return found.x, float(np.sqrt(np.mean(found.fun**2)))

    limited, with_limit = search(spec.acceleration_limit)
    unlimited, without = search()
    met = without > (1.0 + _HARDLY) * with_limit
    figures = limited if met else unlimited
    return PlanarModel(
        gain=float(figures[0]),
        command_latency=float(figures[1]),
        velocity_time_constant=float(np.exp(figures[2])),
        acceleration_limit=float(np.exp(figures[3])) if met else None,
        speed_limit=speed_limit,
        misfit=with_limit if met else without,
    )


def planar_track(spec: RobotSpec, setpoints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What world `planar` does with set-points [T, S, 2], m/s, after the spec's latency, from rest at the origin.

    Returns:
        Positions [T + 1, S, 2], m, and velocities [T + 1, S, 2], m/s, of S robots that are alone.
    """
    world = PlanarWorld([spec], 1.0)
    delay = FractionalDelay(spec.command_latency / spec.loop_period)
    nothing = np.zeros((setpoints.shape[1], 1, 2))
    states = [state := world.reset(Layouts(nothing, nothing, np.arange(len(nothing))))]
    for setpoint in setpoints:
        states.append(state := world.step(state, delay(setpoint[:, None])))
    return tuple(np.stack([getattr(each, name)[:, 0] for each in states]) for name in ("position", "velocity"))


def padded(parts: list[np.ndarray], fill: float = 0.0) -> np.ndarray:
    """Series [T, 2] of different lengths side by side: [T of the longest, S, 2]."""
    whole = np.full((max(map(len, parts)), len(parts), 2), fill)
    for index, part in enumerate(parts):
        whole[: len(part), index] = part
    return whole
