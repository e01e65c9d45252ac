"""The states of a robot, and the one table that says how it goes from one to the next.

A robot moves in ACTIVE and in no other state. It goes there from STANDBY when everything that it needs is fresh, falls back to HOLD
when something is missing, returns by itself when that is fresh again, and stays in SAFE_STOP until someone arms it again.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from runtime.team import Staleness


class Mode(str, Enum):
    """State of one robot."""

    INIT = "INIT"
    STANDBY = "STANDBY"
    ACTIVE = "ACTIVE"
    HOLD = "HOLD"
    SAFE_STOP = "SAFE_STOP"
    FAULT = "FAULT"


@dataclass(frozen=True)
class Inputs:
    """All that the next state depends on.

    Attributes:
        own_age: of the newest own measurement [s]; infinite before the first.
        peer_ages: of the newest message of each peer that the mission needs [s]; infinite for one that was not heard in this episode.
        stop: someone asked for a controlled stop.
        rearm: someone armed the robot again, after a SAFE_STOP.
        fault: something failed that no waiting mends.
    """

    own_age: float = math.inf
    peer_ages: tuple[float, ...] = ()
    stop: bool = False
    rearm: bool = False
    fault: bool = False


# State -> (condition, next state), the first condition that holds decides. `runtime/README.md` has the same table.
TABLE: dict[Mode, tuple[tuple[str, Mode], ...]] = {
    Mode.INIT: (("fault", Mode.FAULT), ("stop", Mode.SAFE_STOP), ("own_seen", Mode.STANDBY)),
    Mode.STANDBY: (("fault", Mode.FAULT), ("stop", Mode.SAFE_STOP), ("all_fresh", Mode.ACTIVE)),
    Mode.ACTIVE: (("fault", Mode.FAULT), ("stop", Mode.SAFE_STOP), ("own_gone", Mode.SAFE_STOP), ("something_lost", Mode.HOLD)),
    Mode.HOLD: (("fault", Mode.FAULT), ("stop", Mode.SAFE_STOP), ("own_gone", Mode.SAFE_STOP), ("all_fresh", Mode.ACTIVE)),
    Mode.SAFE_STOP: (("fault", Mode.FAULT), ("rearmed", Mode.STANDBY)),
    Mode.FAULT: (),
}


def stale_after(staleness: Staleness, period: float) -> float:
    """Age beyond which a measurement that comes every `period` [s] is no longer fresh [s]."""
    return max(staleness.stale_periods * period, staleness.stale_floor)


def next_mode(mode: Mode, inputs: Inputs, staleness: Staleness, period: float) -> Mode:
    """The state after this one: one step through the table.

    Args:
        mode: now.
        inputs: see there. An age that equals its threshold has not passed it.
        staleness: the thresholds.
        period: of the control loop [s].
    """
    return next((following for condition, following in TABLE[mode] if _CONDITIONS[condition](inputs, staleness, period)), mode)


def settle(mode: Mode, inputs: Inputs, staleness: Staleness, period: float) -> tuple[Mode, ...]:
    """The states that are passed through until none changes any more, without the present one; in a tick often none."""
    passed: list[Mode] = []
    while (following := next_mode(mode, inputs, staleness, period)) is not mode:
        passed.append(following)
        mode = following
    return tuple(passed)


def _all_fresh(inputs: Inputs, staleness: Staleness, period: float) -> bool:
    fresh = stale_after(staleness, period)
    return inputs.own_age <= fresh and all(age <= fresh for age in inputs.peer_ages)


def _something_lost(inputs: Inputs, staleness: Staleness, period: float) -> bool:
    return not (inputs.own_age <= staleness.own_hold and all(age <= staleness.lost for age in inputs.peer_ages))


def _rearmed(inputs: Inputs, staleness: Staleness, period: float) -> bool:
    return inputs.rearm and inputs.own_age <= stale_after(staleness, period) and not inputs.stop


_CONDITIONS: dict[str, Callable[[Inputs, Staleness, float], bool]] = {
    "fault": lambda inputs, staleness, period: inputs.fault,
    "stop": lambda inputs, staleness, period: inputs.stop,
    "own_seen": lambda inputs, staleness, period: math.isfinite(inputs.own_age),
    # Not "older than": an age that is no number is none that can be trusted.
    "own_gone": lambda inputs, staleness, period: not inputs.own_age <= staleness.own_stop,
    "something_lost": _something_lost,
    "all_fresh": _all_fresh,
    "rearmed": _rearmed,
}
