"""A curriculum over disturbances: the same laws, weaker."""

from __future__ import annotations

import msgspec

from runtime.figure import Figure, Law
from sim3d.profile import Profile
from training.config import WorldConfig
from training.schedule import share_done

GROWING = {
    "sensing": ("position_sigma", "velocity_sigma", "heading_sigma"),
    "actuation": ("delay", "jitter"),
}
"""Figures that are zero where nothing is disturbed, and grow."""


def profile_at(profile: Profile, world: WorldConfig, progress: float) -> Profile:
    """The disturbances of a run whose progress goes from 0 to 1; they grow within the curriculum's share of it."""
    return scaled(profile, share_done(progress, world.curriculum))


def scaled(profile: Profile, strength: float) -> Profile:
    """The profile with its noise and delays multiplied by `strength`, from 0 (none) to 1 (as it is)."""
    if strength == 1.0:
        return profile
    sections = {}
    for section, names in GROWING.items():
        figures = getattr(profile, section)
        sections[section] = msgspec.structs.replace(figures, **{name: _times(getattr(figures, name), strength) for name in names})
    return msgspec.structs.replace(profile, **sections)


def _times(figure: Figure, strength: float) -> Figure:
    if not isinstance(figure, Law):
        return figure * strength
    bounds = {name: tuple(value * strength for value in getattr(figure, name)) for name in ("uniform", "choice") if getattr(figure, name)}
    return msgspec.structs.replace(figure, **bounds)
