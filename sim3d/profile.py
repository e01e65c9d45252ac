"""A profile: one named set of disturbances, read from YAML.

Every figure is a number, for evaluation, or a law from which it is drawn for each episode and robot, for training (`runtime.figure.Law`).
"""

from __future__ import annotations

import difflib
import math
from pathlib import Path

import msgspec

from robots.errors import InputError
from robots.yaml_input import read_yaml
from runtime.figure import Figure, check_figures
from runtime.link import Fault, Link, LinkProfile, check_link


class Sensing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a robot measures of itself (laws: `sim3d.disturbances.sensing`). `*` is `position` [m], `velocity` [m/s] or `heading` [rad].

    Attributes:
        *_sigma: white Gaussian noise on each axis, its standard deviation.
        *_bias: standard deviation of an offset that is constant over an episode.
        *_walk: random walk on top of it: standard deviation after one second, growing with the square root of time.
        *_step: quantisation: measurements are multiples of it; 0 for none.
        outliers: share of the ticks in which a position is grossly wrong.
        outlier_sigma: by how much then, on each axis: standard deviation [m].
        dropout: share of the measurements that are lost; the one before is repeated.
        rate: measurements a second [Hz], to the nearest whole number of ticks; in between the last one is repeated. 0 for every tick.
        delay: age of what is measured [s].
    """

    position_sigma: Figure = 0.0
    velocity_sigma: Figure = 0.0
    heading_sigma: Figure = 0.0
    position_bias: Figure = 0.0
    velocity_bias: Figure = 0.0
    heading_bias: Figure = 0.0
    position_walk: Figure = 0.0
    velocity_walk: Figure = 0.0
    heading_walk: Figure = 0.0
    position_step: Figure = 0.0
    velocity_step: Figure = 0.0
    heading_step: Figure = 0.0
    outliers: Figure = 0.0
    outlier_sigma: Figure = 0.0
    dropout: Figure = 0.0
    rate: Figure = 0.0
    delay: Figure = 0.0


class Actuation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What happens to a command on its way (laws: `sim3d.disturbances.actuation`); `unit` is the action's own: m/s, or simple_spread's u.

    Attributes:
        delay: added to the command latency that the robot has anyway [s].
        jitter: largest deviation of the latency from its mean, drawn anew in each tick [s].
        deadband: a command whose norm is below this has no effect [unit].
        gain: what is applied for a command of 1.
        saturation: largest norm that is applied [unit]; 0 for no such limit.
        lag: time constant of a first-order response [s].
    """

    delay: Figure = 0.0
    jitter: Figure = 0.0
    deadband: Figure = 0.0
    gain: Figure = 1.0
    saturation: Figure = 0.0
    lag: Figure = 0.0


class Dynamics(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a robot differs from its spec, constant over an episode (`sim3d.world.Dynamics`).

    Attributes:
        mass: of that in the spec.
        motor_gain: force of the motors, of that in the spec.
        friction: deceleration for each m/s of speed, beside what the world has anyway [1/s].
    """

    mass: Figure = 1.0
    motor_gain: Figure = 1.0
    friction: Figure = 0.0


class Adversary(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An attacker who knows the team and chooses what all its sensors get wrong, within bounds (`sim3d.disturbances.spoofing`).

    Attributes:
        position_error: most that a measured position is wrong by, on each axis [m].
        velocity_error: the same of a measured velocity [m/s].
        trials: errors that the attacker tries on a mission before it chooses; each is a mission to compute.
    """

    position_error: float = 0.0
    velocity_error: float = 0.0
    trials: int = 16

    @property
    def attacks(self) -> bool:
        """Whether anything is wrong at all."""
        return self.position_error > 0 or self.velocity_error > 0


class Profile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One set of disturbances, in SI units. In world `spread` one of its units counts as 1 m and one of its seconds (ten steps) as 1 s.

    Attributes:
        name: of the set.
        sensing, actuation, dynamics, link, faults, adversary: what is disturbed, and how.
        until: when sensing, actuation, link, faults and adversary are as in `clean` again [s]; None for never. Dynamics stay as they are.
    """

    name: str
    sensing: Sensing = Sensing()
    actuation: Actuation = Actuation()
    dynamics: Dynamics = Dynamics()
    link: Link = Link()
    faults: tuple[Fault, ...] = ()
    adversary: Adversary = Adversary()
    until: float | None = None

    @property
    def between_robots(self) -> LinkProfile:
        """What the robots need to know of it: all that concerns what they hear of each other."""
        return LinkProfile(link=self.link, faults=self.faults)

    def end_tick(self, tick_period: float) -> float:
        """The first tick in which nothing but dynamics differs from `clean` any more; infinite without an end."""
        # By rounding, 3 * 0.1 is a little more than 0.3.
        return math.inf if self.until is None else math.ceil(self.until / tick_period - 1e-6)


_SHARE = (0.0, 1.0)
BOUNDS: dict[str, dict[str, tuple[float, float]]] = {
    "sensing": {"outliers": _SHARE, "dropout": _SHARE},
    "actuation": {},
    "dynamics": {"mass": (0.1, 10.0)},
}
"""Figures that are bounded by more than not being negative."""


def load_profile(name_or_path: str | Path) -> Profile:
    """Read a profile: the file at a path that exists, else the one of that name that comes with fieldswarm.

    Raises:
        InputError: there is no such profile, it cannot be read, or one of its figures is out of its bounds.
    """
    path = Path(name_or_path)
    if not path.is_file():
        path = _shipped(str(name_or_path))
    profile = read_yaml(path, Profile)
    check_profile(profile, str(path))
    if profile.until is not None:
        _check_end(profile, str(path))
    return profile


def check_profile(profile: Profile, place: str) -> None:
    """Refuse figures that no disturbance can have; `place` names their file in errors. Raises InputError."""
    for group, bounds in BOUNDS.items():
        check_figures(getattr(profile, group), bounds, f"{place}: {group}")
    check_link(profile.between_robots, None, place)
    for name in ("position_error", "velocity_error"):
        bound = getattr(profile.adversary, name)
        if not (math.isfinite(bound) and bound >= 0):
            raise InputError(f"{place}: adversary.{name}: is {bound}, must be finite and not below 0")
    if profile.adversary.trials < 1:
        raise InputError(f"{place}: adversary.trials: is {profile.adversary.trials}, must be at least 1")


def refuse_adversary(profile: Profile, place: str) -> None:
    """For those who do not know a team's actors, and so cannot say what an adversary finds. Raises InputError."""
    if profile.adversary.attacks:
        raise InputError(f"{place}: adversary: tries its errors on the actors before it chooses one; only an evaluation in one process can")


def _check_end(profile: Profile, place: str) -> None:
    if not (math.isfinite(profile.until) and profile.until >= 0):
        raise InputError(f"{place}: until: is {profile.until}, must be finite and not below 0")
    if not profile.between_robots.is_clean:
        # Robots in processes of their own are told of the link and its faults, and nothing of their end.
        raise InputError(f"{place}: until: is {profile.until:g}, and a link or faults that robots hear of have no end")


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
