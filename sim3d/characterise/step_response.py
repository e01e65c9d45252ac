"""Figures of step responses: latency, rise time, overshoot, steady error, and what a step on one axis does to the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim3d.characterise.experiment import Plan, Step, Track

FIRST_MOTION = 0.05
"""A robot moves when its speed has this share of the step: above what sensors of a good testbed make up, below what latency hides."""
STEADY = 0.25
"""The last share of a hold, over which the steady speed is the mean."""


@dataclass(frozen=True)
class Response:
    """What steps of one speed did, seen along and across their directions.

    Attributes:
        speed: of the steps [m/s].
        times: since the command [T], s.
        velocity: along and across, [D, T, 2], of the speed: the mean over repeats, for D directions.
        drift: how far aside a robot went, of the way it went, [D].
    """

    speed: float
    times: np.ndarray
    velocity: np.ndarray
    drift: np.ndarray


@dataclass(frozen=True)
class StepFigures:
    """The mean over directions, and the worst of them.

    Attributes:
        speed: of the steps [m/s].
        latency: from the command to the first motion (FIRST_MOTION) [s].
        rise_time: from a tenth to nine tenths of the steady speed [s].
        overshoot: most that the speed was above the steady one, of it; with noise it is that of the noise, unless steps are repeated.
        steady_error: steady speed less the commanded one, of it.
        coupling: most speed across the direction, of the commanded one.
        drift: way aside, of the way along.
    """

    speed: float
    latency: float
    rise_time: float
    overshoot: float
    steady_error: float
    coupling: float
    coupling_worst: float
    drift: float
    drift_worst: float


def responses(plan: Plan, track: Track) -> list[Response]:
    """The responses to a plan's steps, by speed."""
    found = []
    for speed in dict.fromkeys(step.speed for step in plan.steps):
        steps = [step for step in plan.steps if step.speed == speed]
        angles = list(dict.fromkeys(step.angle for step in steps))
        turned = {angle: np.mean([_turned(track, step) for step in steps if step.angle == angle], axis=0) for angle in angles}
        held = steps[0].release - steps[0].begin
        ways = np.array([turned[angle][held, :2] for angle in angles])
        velocity = np.array([turned[angle][: held + 1, 2:] for angle in angles]) / speed
        times = np.arange(held + 1) * track.period
        found.append(Response(speed, times, velocity, np.abs(ways[:, 1]) / ways[:, 0]))
    return found


def step_figures(response: Response) -> StepFigures:
    """The figures of one speed."""
    along, across = response.velocity[..., 0], response.velocity[..., 1]
    steady = along[:, -max(1, round(STEADY * len(response.times))) :].mean(axis=1)
    latency = np.array([_reached(response.times, row, FIRST_MOTION) for row in along])
    tenths = np.array(
        [[_reached(response.times, row, share * end) for share in (0.1, 0.9)] for row, end in zip(along, steady, strict=True)]
    )
    coupling = np.abs(across).max(axis=1)
    return StepFigures(
        speed=response.speed,
        latency=float(latency.mean()),
        rise_time=float((tenths[:, 1] - tenths[:, 0]).mean()),
        overshoot=float(np.maximum(along.max(axis=1) / steady - 1.0, 0.0).mean()),
        steady_error=float((steady - 1.0).mean()),
        coupling=float(coupling.mean()),
        coupling_worst=float(coupling.max()),
        drift=float(response.drift.mean()),
        drift_worst=float(response.drift.max()),
    )


def _turned(track: Track, step: Step) -> np.ndarray:
    """Way and velocity along and across a step, until its end: [T, 4]."""
    part = slice(step.begin, step.end)
    cosine, sine = np.cos(step.angle), np.sin(step.angle)
    turn = np.array([[cosine, -sine], [sine, cosine]])
    return np.concatenate([(track.position[part] - track.position[step.begin]) @ turn, track.velocity[part] @ turn], axis=1)


def _reached(times: np.ndarray, speed: np.ndarray, level: float) -> float:
    """When a speed is first at a level, between ticks interpolated; NaN when it never is."""
    above = speed >= level
    if not above.any():
        return float("nan")
    index = int(above.argmax())
    if index == 0:
        return float(times[0])
    share = (level - speed[index - 1]) / (speed[index] - speed[index - 1])
    return float(times[index - 1] + share * (times[index] - times[index - 1]))
