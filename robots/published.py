"""What the makers of a machine, or those who measured one, have published of how it moves: `robots/<kind>/published.yaml`."""

from __future__ import annotations

from typing import Literal

import msgspec

from robots.spec import robot_folder
from robots.yaml_input import read_yaml

Measure = Literal["top_speed", "turning_rate", "latency", "rise_time", "time_constant", "overshoot"]


class PublishedFigure(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One figure.

    Attributes:
        measure: which of those that `fieldswarm characterise` measures: `top_speed` [m/s], `turning_rate` [rad/s], `latency`, `rise_time`,
            `time_constant` [s], `overshoot` [of the step].
        value: in the unit of the measure.
        condition: under which it holds; empty for none that is known.
        source: where it stands.
    """

    measure: Measure
    value: float
    condition: str = ""
    source: str


class Published(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All figures of one kind."""

    figures: tuple[PublishedFigure, ...] = ()


def published(kind: str) -> tuple[PublishedFigure, ...]:
    """The published figures of one kind; none where there is no file. Raises InputError for an unknown kind or an invalid file."""
    path = robot_folder(kind) / "published.yaml"
    return read_yaml(path, Published).figures if path.is_file() else ()
