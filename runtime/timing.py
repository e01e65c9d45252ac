"""How long each stage of a tick takes: a histogram with bins a fifth wide, in constant memory, whatever the length of a run."""

from __future__ import annotations

from collections.abc import Sequence

STAGES = ("late", "sense", "listen", "decide", "gate", "command", "log")
"""Stages of a tick: how late it began (real time), own state and publish, peers' sockets (lockstep: wait for them), from peers to action,
gate, driver, log."""

_PARTS = 4
"""Bins in each doubling."""
_BITS = 40
"""Longest time that is told apart: 2^40 ns, 18 minutes."""


class StageTimes:
    """Counts times in bins whose edges are 2^k (1 + j / 4) ns, j = 0 ... 3."""

    def __init__(self) -> None:
        self._counts = [[0] * (_PARTS * _BITS) for _ in STAGES]
        self._largest = [0] * len(STAGES)

    def add(self, times: Sequence[int]) -> None:
        """Count one tick: a time for each stage [ns]."""
        for stage, time in enumerate(times):
            self._counts[stage][_bin_of(time)] += 1
            if time > self._largest[stage]:
                self._largest[stage] = time

    def summary(self) -> dict[str, dict]:
        """For each stage that took any time: p50 and p99 (upper edges of their bins), the largest, and counts by upper edge, all in us."""
        return {
            stage: {
                "p50": _at_share(counts, largest, 0.5),
                "p99": _at_share(counts, largest, 0.99),
                "max": largest / 1e3,
                "counts": {f"{_upper_edge(index) / 1e3:.4g}": count for index, count in enumerate(counts) if count},
            }
            for stage, counts, largest in zip(STAGES, self._counts, self._largest, strict=True)
            if largest
        }


def _bin_of(time: int) -> int:
    if time < _PARTS:
        return max(time, 0)
    shift = time.bit_length() - 3  # two bits below the highest one choose the part
    return min(_PARTS * (shift + 1) + (time >> shift) - _PARTS, _PARTS * _BITS - 1)


def _upper_edge(index: int) -> int:
    """The first time [ns] that is in a later bin."""
    if index < _PARTS:
        return index + 1
    shift, part = index // _PARTS - 1, index % _PARTS
    return (_PARTS + part + 1) << shift


def _at_share(counts: Sequence[int], largest: int, share: float) -> float:
    """What this share of the times did not exceed [us]."""
    needed, seen = share * sum(counts), 0
    for index, count in enumerate(counts):
        seen += count
        if count and seen >= needed:
            return min(_upper_edge(index), largest) / 1e3
    return 0.0
