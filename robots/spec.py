"""What a robot kind is: its size, limits and response, read from `robots/<kind>/spec.yaml`."""

from __future__ import annotations

import difflib
import math
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

from robots.errors import InputError
from robots.yaml_input import read_yaml

ActionKind = Literal["force", "velocity_setpoint"]


class RobotSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One robot kind. SI units; the kind `point` is the dimensionless robot of simple_spread, in its own units.

    Attributes:
        kind: name of the kind, equal to its folder.
        action: what a command is: `velocity_setpoint` [m/s, world frame] or `force` (simple_spread's u, in [-1, 1] per axis).
        radius: of the circle that holds the body [m].
        mass: [kg].
        speed_limit: largest planar speed the runtime will command [m/s]; for `force`, the largest that forces can lead to.
        acceleration_limit: largest change of the planar velocity [m/s^2].
        cruise_speed: speed per axis at which missions are run unless the user asks otherwise [m/s].
        velocity_time_constant: of the velocity loop, first order [s].
        command_latency: from the runtime's command to the first motion [s].
        loop_rate: of the control loop [Hz].
        watchdog: the platform stops by itself after this long without a command [s].
    """

    kind: str
    action: ActionKind
    radius: float
    mass: float
    speed_limit: float
    acceleration_limit: float
    cruise_speed: float
    velocity_time_constant: float
    command_latency: float
    loop_rate: float
    watchdog: float

    @property
    def loop_period(self) -> float:
        """Period of the control loop [s]."""
        return 1.0 / self.loop_rate

    @property
    def response_time(self) -> float:
        """Time by which the motion trails a command: latency plus the time constant of the velocity loop [s]."""
        return self.command_latency + self.velocity_time_constant


def robot_folder(kind: str) -> Path:
    """The folder with a kind's spec, model and notes. Raises InputError for a kind that is not there."""
    folder = Path(__file__).parent / kind
    if kind not in robot_kinds():
        nearest = difflib.get_close_matches(kind, robot_kinds(), n=1)
        hint = f"; did you mean '{nearest[0]}'?" if nearest else ""
        raise InputError(f"robot kind '{kind}' is unknown; known kinds: {', '.join(robot_kinds())}{hint}")
    return folder


@cache
def robot_kinds() -> tuple[str, ...]:
    """All kinds that come with the package, in alphabetical order."""
    return tuple(sorted(path.parent.name for path in Path(__file__).parent.glob("*/spec.yaml")))


@cache
def load_spec(kind: str) -> RobotSpec:
    """The spec of one kind. Raises InputError for an unknown kind or an invalid file."""
    path = robot_folder(kind) / "spec.yaml"
    spec = read_yaml(path, RobotSpec)
    if spec.kind != kind:
        raise InputError(f"{path}: kind: is '{spec.kind}', the folder is '{kind}'")
    for name in ("radius", "mass", "speed_limit", "acceleration_limit", "cruise_speed", "loop_rate", "loop_period", "watchdog"):
        if not 0 < getattr(spec, name) < math.inf:
            raise InputError(f"{path}: {name}: is {getattr(spec, name)}, must be finite and above 0")
    for name in ("velocity_time_constant", "command_latency"):
        if not 0 <= getattr(spec, name) < math.inf:
            raise InputError(f"{path}: {name}: is {getattr(spec, name)}, must be finite and not below 0")
    return spec
