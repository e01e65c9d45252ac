"""A suite's metres and seconds in the units of a world: every figure of a profile by its dimension."""

from __future__ import annotations

import msgspec

from runtime.figure import Figure, Law
from runtime.link import Fault
from sim3d.profile import Profile
from sim3d.suite.definition import Scale

# Powers of length and time in the unit of each figure that has either (`sim3d.profile`, `runtime.link`); shares, angles, ratios and the
# figures in the action's own unit have none, and stay as they are.
_DIMENSIONS: dict[str, dict[str, tuple[float, float]]] = {
    "sensing": {
        "position_sigma": (1, 0),
        "position_bias": (1, 0),
        "position_walk": (1, -0.5),
        "position_step": (1, 0),
        "velocity_sigma": (1, -1),
        "velocity_bias": (1, -1),
        "velocity_walk": (1, -1.5),
        "velocity_step": (1, -1),
        "heading_walk": (0, -0.5),
        "outlier_sigma": (1, 0),
        "rate": (0, -1),
        "delay": (0, 1),
    },
    "actuation": {"delay": (0, 1), "jitter": (0, 1), "lag": (0, 1)},
    "dynamics": {"friction": (0, -1)},
    "adversary": {"position_error": (1, 0), "velocity_error": (1, -1)},
    "link": {"delay": (0, 1), "jitter": (0, 1), "burst_length": (0, 1), "range": (1, 0), "bandwidth": (0, -1)},
}
_OF_A_FAULT: dict[str, tuple[float, float]] = {"at": (0, 1), "offset": (1, 0)}


def scaled(profile: Profile, scale: Scale) -> Profile:
    """A profile that is written in a suite's metres and seconds, in the units of a world."""
    sections = {name: _section(getattr(profile, name), dimensions, scale) for name, dimensions in _DIMENSIONS.items()}
    faults: tuple[Fault, ...] = tuple(_section(fault, _OF_A_FAULT, scale) for fault in profile.faults)
    return msgspec.structs.replace(profile, **sections, faults=faults)


def _section(section: msgspec.Struct, dimensions: dict[str, tuple[float, float]], scale: Scale) -> msgspec.Struct:
    return msgspec.structs.replace(
        section,
        **{name: _times(getattr(section, name), scale.metre**length * scale.second**time) for name, (length, time) in dimensions.items()},
    )


def _times(figure: Figure, factor: float) -> Figure:
    if not isinstance(figure, Law):
        return figure * factor
    ends = {name: None if getattr(figure, name) is None else tuple(end * factor for end in getattr(figure, name)) for name in _LAWS}
    return msgspec.structs.replace(figure, **ends)


_LAWS = ("uniform", "choice")
