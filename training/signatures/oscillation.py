"""Oscillation: robots reach a landmark and do not stay there."""

from __future__ import annotations

from sim3d.profile import load_profile
from training.config import SECTIONS, TrainConfig
from training.signatures.past import Past
from training.signatures.signature import Signature

RESTLESS = 0.25
"""Share of robots that came back to a landmark they had left. Trained teams of spread.yaml have 0.11, because robots exchange landmarks on
the way and pass over them; the same team has 0.17 when its commands come 100 ms late, which costs it next to no success, and 0.62 at
200 ms, where it never succeeds."""


def _symptom(past: Past) -> str | None:
    oscillation = past.last("oscillation")
    if oscillation < RESTLESS:
        return None
    return f"{oscillation:.0%} of the robots reach a landmark, leave it and come back"


def _remedy(config: TrainConfig) -> str:
    actuation = load_profile(config.world.profile).actuation
    late = actuation.delay or actuation.jitter or not config.world.dimensionless
    if late and config.actor.front_end == "plain":
        return "actor.front_end: latency_compensation, because commands act late and robots do not know it"
    name = SECTIONS[config.learner]
    if getattr(config, name).gamma < 0.9:
        return f"{name}.gamma: 0.95, so that robots brake before they arrive"
    if config.world.actions == "discrete":
        return "world.actions: continuous; discrete robots rest on a lattice of 0.2 units alone"
    return f"world.horizon: {2 * config.world.horizon}, so that more of the return is earned by staying than by arriving"


OSCILLATION = Signature("oscillation near a landmark", ("oscillation",), 3, _symptom, _remedy)
