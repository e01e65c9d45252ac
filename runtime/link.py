"""What a link profile says: how bad the radio between robots is, and which robot of the team fails how.

It is the `link` and `faults` part of a profile of `sim3d`, and a file of its own for `fieldswarm run --link`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from robots.errors import InputError
from robots.yaml_input import read_yaml
from runtime.figure import Figure, check_figures, is_always


class Link(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One direction between two robots; each has its own chance (`runtime.link_model` has the laws).

    Attributes:
        delay: mean time that a message takes [s].
        jitter: largest deviation from it, drawn for each message, uniform [s].
        loss: share of the messages that are lost, independently, outside of bursts.
        bursts: share of the time in which the link is in a burst of losses.
        burst_length: mean duration of a burst [s]; at least one tick.
        burst_loss: share of the messages that are lost in a burst.
        duplication: share of the messages that are sent twice; each copy has its own delay and its own luck.
        range: nothing is heard from farther away [m]; 0 for no limit.
        bandwidth: most that passes [bytes/s], a message being `runtime.link_model.MESSAGE_BYTES` and its words; 0 for no limit.
        in_order: a message waits for those that were sent before it, as on a TCP connection, instead of overtaking them.
    """

    delay: Figure = 0.0
    jitter: Figure = 0.0
    loss: Figure = 0.0
    bursts: Figure = 0.0
    burst_length: Figure = 0.0
    burst_loss: Figure = 1.0
    duplication: Figure = 0.0
    range: Figure = 0.0
    bandwidth: Figure = 0.0
    in_order: bool = False

    @property
    def is_perfect(self) -> bool:
        """Whether every message arrives at once."""
        return all(is_always(getattr(self, name), 0.0) for name in ("delay", "jitter", "loss", "bursts", "range", "bandwidth"))


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What goes wrong with one robot, from a moment of the mission on.

    Attributes:
        kind: `stop` (it does not move any more, but still speaks), `silent` (nobody hears it any more, but it still acts), `lie` (the
            position that it tells is wrong) or `late` (it neither moves nor speaks before `at`).
        robot: its agent number; None for another one in each episode, all alike.
        at: since the beginning of the episode [s].
        probability: of the fault, in an episode.
        offset: of a lie, in a direction drawn for each episode [m].
    """

    kind: Literal["stop", "silent", "lie", "late"]
    robot: int | None = None
    at: Figure = 0.0
    probability: Figure = 1.0
    offset: Figure = 0.0


class LinkProfile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file of `fieldswarm run --link`: an artificial link for a team on a bench, or of a simulated team."""

    link: Link = Link()
    faults: tuple[Fault, ...] = ()

    @property
    def is_clean(self) -> bool:
        """Whether peers hear each other at once, and the truth."""
        return self.link.is_perfect and all(fault.kind == "stop" for fault in self.faults)


_SHARE = (0.0, 1.0)
_LATE = (0.0, 60.0)
"""Messages that are under way are kept, and looked through in each tick: 60 s are 3 000 at 50 Hz."""
LINK_BOUNDS = {"delay": _LATE, "jitter": _LATE, "loss": _SHARE, "bursts": _SHARE, "burst_loss": _SHARE, "duplication": _SHARE}


def check_link(profile: LinkProfile, robots: int | None, place: str) -> None:
    """Refuse what no link and no fault can be.

    Args:
        profile: to check.
        robots: N of the team; None when that is not known yet.
        place: names the file in errors.

    Raises:
        InputError: with the place and both values.
    """
    check_figures(profile.link, LINK_BOUNDS, f"{place}: link")
    for index, fault in enumerate(profile.faults):
        where = f"{place}: faults[{index}]"
        check_figures(msgspec.structs.replace(fault, robot=None), {"probability": _SHARE}, where)
        if fault.robot is not None and (fault.robot < 0 or (robots is not None and fault.robot >= robots)):
            known = "0 or more" if robots is None else f"0 ... {robots - 1}"
            raise InputError(f"{where}.robot: is {fault.robot}, must be {known}")


def read_link(path: str | Path, robots: int) -> LinkProfile:
    """Read the file of `--link` for a team of N robots. Raises InputError."""
    profile = read_yaml(path, LinkProfile)
    check_link(profile, robots, str(path))
    return profile
