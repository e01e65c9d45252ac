"""What a characterisation found, as one YAML document, one CSV table, and lines for the terminal."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from robots.published import Measure, PublishedFigure
from robots.spec import RobotSpec
from sim3d.characterise.experiment import Plan, Track
from sim3d.characterise.planar_identification import PlanarModel, padded, planar_track
from sim3d.characterise.step_response import Response, StepFigures

UNITS: dict[Measure, str] = {
    "top_speed": "m/s",
    "turning_rate": "rad/s",
    "latency": "s",
    "rise_time": "s",
    "time_constant": "s",
    "overshoot": "of the step",
}
_TURNING = 5
"""Ticks over which a rate of turning is taken."""
_NOISY = 0.01
"""Of the smallest step."""
_END = 0.1
"""The last share of a step, over which the speed at its end is the mean."""
_REST = 0.25
"""The last share of the rest after a sequence, over which the place where it ended is the mean."""
MODEL_FIGURES = ("command_latency", "velocity_time_constant", "acceleration_limit", "speed_limit")


@dataclass(frozen=True)
class Held:
    """How far from a robot a model was at the end of random sequences that it was not fitted to, of the length of their paths."""

    mean: float
    worst: float


@dataclass(frozen=True)
class Characterisation:
    """All that was found.

    Attributes:
        spec: of the kind.
        plan: what was commanded.
        track: what the robot did.
        responses: to the steps, by speed.
        steps: their figures.
        model: the planar model that was identified.
        published: of this kind of machine.
    """

    spec: RobotSpec
    plan: Plan
    track: Track
    responses: list[Response]
    steps: list[StepFigures]
    model: PlanarModel
    published: tuple[PublishedFigure, ...]

    @property
    def noise(self) -> float:
        """Standard deviation of the measured velocity on an axis while the robot was at rest at the beginning [m/s]."""
        return float(self.track.velocity[: self.plan.steps[0].begin].std(axis=0).mean())

    @property
    def measured(self) -> dict[Measure, float]:
        """What there are published figures for, by the fastest steps of all directions."""
        fastest = self.steps[-2] if len(self.steps) > 2 else self.steps[-1]
        return {
            "top_speed": top_speed(self.responses),
            "turning_rate": turning_rate(self.track),
            "latency": fastest.latency,
            "rise_time": fastest.rise_time,
            "time_constant": self.model.velocity_time_constant,
            "overshoot": fastest.overshoot,
        }

    def held(self, spec: RobotSpec, gain: float = 1.0) -> Held | None:
        """How well a planar model with these figures ends where the robot ended; None without sequences."""
        if not self.plan.sequences:
            return None
        setpoints = padded([self.plan.setpoints[begin:end] for begin, end in self.plan.sequences])
        position, _ = planar_track(spec, gain * setpoints)
        errors = []
        for index, (begin, end) in enumerate(self.plan.sequences):
            rest = max(1, round(_REST * (end - begin - _commanded(self.plan.setpoints[begin:end]))))
            way = self.track.position[end - rest : end].mean(axis=0) - self.track.position[begin - rest : begin].mean(axis=0)
            path = np.linalg.norm(np.diff(position[: end - begin, index], axis=0), axis=-1).sum()
            errors.append(float(np.linalg.norm(way - position[end - begin - 1, index]) / path))
        return Held(float(np.mean(errors)), float(np.max(errors)))


def top_speed(found: list[Response]) -> float:
    """The fastest speed at the end of any step [m/s]."""
    return max(float(each.speed * each.velocity[:, -max(1, round(_END * len(each.times))) :, 0].mean(axis=1).max()) for each in found)


def turning_rate(track: Track) -> float:
    """The fastest that the robot turned [rad/s]."""
    turned = np.abs(track.heading[_TURNING:] - track.heading[:-_TURNING])
    return float(turned.max() / (_TURNING * track.period))


def document(found: Characterisation, conditions: dict[str, Any]) -> dict[str, Any]:
    """Everything but the track, in plain data with six digits."""
    model, spec = asdict(found.model), {name: getattr(found.spec, name) for name in MODEL_FIGURES}
    held = {"identified": found.held(found.model.spec(found.spec), found.model.gain), "spec": found.held(found.spec)}
    measured = found.measured
    return _rounded(
        {
            **conditions,
            "ticks": len(found.track.position),
            "missed_ticks": found.track.missed,
            "velocity_noise": found.noise,
            "steps": [asdict(figures) for figures in found.steps],
            "planar_model": model,
            "spec": spec,
            "error_after_sequences": {name: asdict(each) for name, each in held.items() if each is not None},
            "measured": {name: {"value": value, "unit": UNITS[name]} for name, value in measured.items()},
            "published": [
                {
                    "measure": figure.measure,
                    "value": figure.value,
                    "measured": measured[figure.measure],
                    "unit": UNITS[figure.measure],
                    "condition": figure.condition,
                    "source": figure.source,
                }
                for figure in found.published
            ],
        }
    )


def table(found: Characterisation) -> str:
    """The track as CSV: what was commanded, what the robot did, and the velocity of the identified model."""
    _, velocity = planar_track(found.model.spec(found.spec), found.model.gain * found.plan.setpoints[:, None])
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["time", "setpoint_x", "setpoint_y", "x", "y", "velocity_x", "velocity_y", "heading", "model_x", "model_y"])
    columns = np.column_stack(
        [
            np.arange(len(found.plan.setpoints)) * found.track.period,
            found.plan.setpoints,
            found.track.position,
            found.track.velocity,
            found.track.heading,
            velocity[:-1, 0],
        ]
    )
    writer.writerows([f"{value:.6g}" for value in row] for row in columns.tolist())
    return buffer.getvalue()


def lines(found: Characterisation) -> list[str]:
    """What a terminal shows."""
    shown = [f"{'step':>9}  {'latency':>8}  {'rise':>8}  {'overshoot':>9}  {'steady':>8}  {'coupling':>8}  {'drift':>7}"]
    for figures in found.steps:
        times = f"{figures.latency:6.3f} s  {figures.rise_time:6.3f} s"
        shares = f"{figures.overshoot:9.1%}  {figures.steady_error:8.1%}  {figures.coupling_worst:8.1%}  {figures.drift_worst:7.1%}"
        shown.append(f"{figures.speed:5.3g} m/s  {times}  {shares}")
    if found.noise > _NOISY * found.steps[0].speed:
        shown.append(f"velocity noise {found.noise:.2g} m/s: all but rise and steady above is larger by it; repeat the steps (--repeats)")
    shown.append("planar model              identified       spec")
    shown.append(f"  {'gain':24}{found.model.gain:10.3f}{1.0:11.3g}")
    for name in MODEL_FIGURES:
        value, expected = getattr(found.model, name), getattr(found.spec, name)
        shown.append(f"  {name:24}{'not met' if value is None else format(value, '.3f'):>10}{expected:11.3g}")
    held = (found.held(found.model.spec(found.spec), found.model.gain), found.held(found.spec))
    if None not in held:
        shown.append(f"error after {len(found.plan.sequences)} random sequences{held[0].mean:7.2%}{held[1].mean:11.2%}   of the path, mean")
    for figure in found.published:
        condition = f" ({figure.condition})" if figure.condition else ""
        measured = found.measured[figure.measure]
        shown.append(f"{figure.measure}: {measured:.3g}, published {figure.value:g} {UNITS[figure.measure]}{condition}: {figure.source}")
    return shown


def _commanded(setpoints: np.ndarray) -> int:
    """Ticks of a sequence before its rest."""
    return int(np.flatnonzero(np.abs(setpoints).sum(axis=-1))[-1]) + 1


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_rounded(each) for each in value]
    return float(f"{value:.6g}") if isinstance(value, float) and math.isfinite(value) else value
