"""What one run of a robot amounted to: counts, times, states passed through."""

from __future__ import annotations

import gc
import math
import resource
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from runtime.peer_links import PeerLinks
from runtime.stop_listener import Stops
from runtime.timing import StageTimes

REMEMBERED_TIMES = 1 << 16
"""Compute times kept for the percentiles: the newest 20 minutes at 50 Hz, in constant memory."""
REMEMBERED_MODES = 1000
"""State changes kept; more are only counted."""


class Tally:
    """Counts what happens in the ticks.

    Attributes:
        ticks: in which the robot commanded.
        actor_runs: how often the actor ran.
        episodes: missions begun.
        own_rejected: own states that were not finite.
        interventions: reason -> ticks in which the gate changed the action for it.
        modes: state -> ticks spent in it.
        history: (seconds since the start, tick or -1, state), the first changes.
        mode_changes: all of them.
    """

    def __init__(self) -> None:
        self.ticks = 0
        self.actor_runs = 0
        self.episodes = 0
        self.own_rejected = 0
        self.interventions: Counter[str] = Counter()
        self.modes: Counter[str] = Counter()
        self.history: list[tuple[float, int, str]] = []
        self.mode_changes = 0
        self._stages = StageTimes()
        self._compute = np.full(REMEMBERED_TIMES, 0.0, dtype=np.float32)  # written, so that all of it is there from the start

    def entered(self, t: float, tick: int, mode: str) -> None:
        """Note a state change at `t` [s since the start]."""
        self.mode_changes += 1
        if len(self.history) < REMEMBERED_MODES:
            self.history.append((round(t, 4), tick, mode))

    def ticked(self, mode: str, reasons: Sequence[str], acted: bool, compute: float, stages: Sequence[int]) -> None:
        """Note one tick.

        Args:
            mode: state in it.
            reasons: for which the gate changed the action.
            acted: whether the actor ran.
            compute: what it took without waiting [us].
            stages: how long each took [ns] (`runtime.timing.STAGES`).
        """
        self._stages.add(stages)
        self._compute[self.ticks % REMEMBERED_TIMES] = compute
        self.ticks += 1
        self.modes[mode] += 1
        self.actor_runs += acted
        self.interventions.update(reasons)

    def summary(self, links: PeerLinks, stops: Stops, missed: int) -> dict:
        """Everything as plain data, with what the links to peers and operator count, and the ticks that were missed."""
        compute = np.sort(self._compute[: min(self.ticks, REMEMBERED_TIMES)])
        p50, p99, largest = (_at_share(compute, share) for share in (0.5, 0.99, 1.0))
        return {
            "ticks": self.ticks,
            "missed_ticks": missed,
            "episodes": self.episodes,
            "actor_runs": self.actor_runs,
            "compute_us": {"p50": p50, "p99": p99, "max": largest},
            "stages_us": self._stages.summary(),
            "interventions": dict(self.interventions),
            "own_rejected": self.own_rejected,
            "messages": {
                "sent": links.sent,
                "refused_keys": links.refused,
                "peers": {track.robot: {"accepted": track.accepted, "rejected": dict(track.rejected)} for track in links.tracks},
            },
            "stops": {"accepted": stops.taken, "rejected": dict(stops.rejected), "refused_keys": stops.refused},
            "modes": dict(self.modes),
            "mode_changes": self.mode_changes,
            "mode_history": [{"t": t, "tick": tick, "mode": mode} for t, tick, mode in self.history],
            "process": {
                "max_resident_mb": largest_resident(),
                "torch": "torch" in sys.modules,
                "pybullet": "pybullet" in sys.modules,
                "frozen_objects": gc.get_freeze_count(),
            },
        }


def _at_share(ordered: np.ndarray, share: float) -> float | None:
    """The value that this share of ordered values does not exceed; np.percentile would load another 2 MB of numpy."""
    return round(float(ordered[math.ceil(share * len(ordered)) - 1]), 1) if len(ordered) else None


def largest_resident() -> float:
    """Most memory that this process has had resident [MB]."""
    try:
        # getrusage inherits the figure of the process that started us; this one is ours alone.
        status = Path("/proc/self/status").read_text()
        kilobytes = int(status.partition("VmHWM:")[2].split()[0])
    except (OSError, IndexError, ValueError):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        kilobytes = peak // 1024 if sys.platform == "darwin" else peak
    return round(kilobytes / 1024, 1)
