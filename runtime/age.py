"""How old a measurement is, when the clocks of sender and receiver know nothing of each other."""

from __future__ import annotations

import math

WINDOW = 30_000_000_000
"""Over which the smallest offset is remembered [ns]. Clocks that differ by 100 ppm drift 3 ms apart in it."""


class AgeMeter:
    """Ages of the messages of one sender, all times in ns of monotonic clocks: ours and the sender's.

    The age is the time since arrival on our clock, plus what the message waited on its way. Of the latter only the excess can be
    seen: arrival minus stamp is the clocks' offset plus the delay, and its minimum over a window is the offset plus the least delay.
    A delay that all messages of a window share stays hidden.
    """

    def __init__(self) -> None:
        self._arrival: int | None = None
        self._waited = 0
        # The minimum over the last one to two windows, from two buckets: constant memory, whatever the rate.
        self._least: int | None = None
        self._least_before: int | None = None
        self._bucket_began = 0

    def heard(self, arrival: int, stamp: int) -> None:
        """A newer message came at `arrival` [ns, our clock], sent at `stamp` [ns, the sender's clock]."""
        offset = arrival - stamp
        if self._least is None or arrival - self._bucket_began >= WINDOW:
            stale = self._least is None or arrival - self._bucket_began >= 2 * WINDOW
            self._least_before = None if stale else self._least
            self._least, self._bucket_began = offset, arrival
        self._least = min(self._least, offset)
        least = self._least if self._least_before is None else min(self._least, self._least_before)
        self._arrival, self._waited = arrival, offset - least

    def age(self, now: int) -> float:
        """Age of the newest message at `now` [ns, our clock], in s; infinite when nothing was heard."""
        if self._arrival is None:
            return math.inf
        return max(0, now - self._arrival + self._waited) / 1e9
