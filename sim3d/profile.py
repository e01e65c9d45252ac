"""A profile: one named set of disturbances, read from YAML."""

from __future__ import annotations

import difflib
import math
from pathlib import Path

import msgspec

from robots.errors import InputError
from robots.yaml_input import read_yaml


class Sensing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """White Gaussian noise on what a robot measures of itself, independent on each axis, robot and tick.

    Attributes:
        position_sigma: standard deviation on each axis [m].
        velocity_sigma: standard deviation on each axis [m/s].
        heading_sigma: standard deviation [rad].
    """

    position_sigma: float = 0.0
    velocity_sigma: float = 0.0
    heading_sigma: float = 0.0


class Actuation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What happens to a command on its way.

    Attributes:
        delay: added to the command latency that the robot has anyway [s].
    """

    delay: float = 0.0


class Profile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One set of disturbances, in SI units. In world `spread` one of its units counts as 1 m and one of its seconds (ten steps) as 1 s."""

    name: str
    sensing: Sensing = Sensing()
    actuation: Actuation = Actuation()


def load_profile(name_or_path: str | Path) -> Profile:
    """Read a profile: the file at a path that exists, else the one of that name that comes with fieldswarm.

    Raises:
        InputError: there is no such profile, it cannot be read, or one of its figures is negative or not finite.
    """
    path = Path(name_or_path)
    if not path.is_file():
        path = _shipped(str(name_or_path))
    profile = read_yaml(path, Profile)
    for group in ("sensing", "actuation"):
        for name, value in msgspec.structs.asdict(getattr(profile, group)).items():
            if not (math.isfinite(value) and value >= 0):
                raise InputError(f"{path}: {group}.{name}: is {value}, must be finite and not below 0")
    return profile


def profile_names() -> tuple[str, ...]:
    """The profiles that come with fieldswarm, in alphabetical order."""
    return tuple(sorted(path.stem for path in _profile_folder().glob("*.yaml")))


def _profile_folder() -> Path:
    package = Path(__file__).parent
    installed = package / "configs" / "profiles"
    return installed if installed.is_dir() else package.parent / "configs" / "profiles"


def _shipped(name: str) -> Path:
    names = profile_names()
    if name not in names:
        nearest = difflib.get_close_matches(name, names, n=1)
        hint = f"; did you mean '{nearest[0]}'?" if nearest else ""
        raise InputError(f"profile '{name}' is neither a file nor a known profile; known profiles: {', '.join(names)}{hint}")
    return _profile_folder() / f"{name}.yaml"
