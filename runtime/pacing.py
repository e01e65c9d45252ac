"""What a tick waits for: the clock (real time), or everyone else (lockstep)."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from robots.driver import Driver, PlantGone, RobotState
from runtime.age import AgeMeter
from runtime.peer_links import PeerLinks
from runtime.peers import PeerTrack

NANO = 1_000_000_000
EARLY = 1e-3
"""A loop that is to be punctual wakes so long before a deadline [s]: waking takes up to 0.2 ms, a rehearsal in cold caches 0.3 to 0.6."""
REPEAT = 0.02
"""In lockstep, longest time between two calls of `idle` [s]."""
PATIENCE_WITH_PLANT = 3.0
"""In lockstep, longest silence of the plant in units of `lockstep_timeout`: it may itself be waiting for robots that wait for others."""


class Pacing(Protocol):
    """How the node gets from one tick to the next.

    Attributes:
        missed: ticks that were skipped because the one before took too long.
        late: by which the present tick began after its deadline [ns]; zero where there is none.
    """

    missed: int
    late: int

    def next_state(self, driver: Driver, idle: Callable[[], None], rehearse: Callable[[], None]) -> RobotState | None:
        """Wait for the next tick; the newest own state not yet read, or None. Raises PlantGone.

        `idle` is called during a long wait, and `rehearse` shortly before a deadline.
        """

    def gather(self, links: PeerLinks, tick: int, idle: Callable[[], None]) -> int:
        """Take in what the peers say, for the tick of my own state; how much of that time was spent waiting for them [ns]."""

    def own_age(self, meter: AgeMeter, now: int) -> float:
        """Age of my newest state [s]."""

    def peer_age(self, track: PeerTrack, tick: int, now: int) -> float:
        """Age of a peer's newest message [s]; infinite when there is none that counts."""


class RealTime:
    """Ticks at absolute deadlines on a monotonic clock, so that the period does not drift; a missed one is never made up.

    Args:
        period: of the loop [s].
        clock: [ns].
        sleep: for so long [s].
        early: wake so long before each deadline, to rehearse the tick and then to look at the clock until it is time [s]; 0 to sleep until
            then. A loop with less than ten times that between two ticks does without: for it the last tick is rehearsal enough.
    """

    def __init__(
        self,
        period: float,
        clock: Callable[[], int] = time.monotonic_ns,
        sleep: Callable[[float], None] = time.sleep,
        early: float = 0.0,
    ) -> None:
        self.missed = self.late = 0
        self._period = round(period * NANO)
        self._early = round(early * NANO) if period >= 10 * early else 0
        self._clock = clock
        self._sleep = sleep
        self._deadline: int | None = None

    def next_state(self, driver: Driver, idle: Callable[[], None], rehearse: Callable[[], None]) -> RobotState | None:
        """Sleep to the deadline, then read what is there."""
        self._wait(rehearse)
        return driver.read(0.0)

    def gather(self, links: PeerLinks, tick: int, idle: Callable[[], None]) -> int:
        """Read what is there, and never wait."""
        links.drain()
        return 0

    def own_age(self, meter: AgeMeter, now: int) -> float:
        """By my own clock."""
        return meter.age(now)

    def peer_age(self, track: PeerTrack, tick: int, now: int) -> float:
        """By my own clock."""
        return track.age(now)

    def _wait(self, rehearse: Callable[[], None]) -> None:
        now = self._clock()
        self._deadline = now if self._deadline is None else self._deadline + self._period
        if now - self._deadline >= self._period:
            skipped = (now - self._deadline) // self._period
            self.missed += skipped
            self._deadline += skipped * self._period
        if self._deadline - self._early > now:
            self._sleep((self._deadline - self._early - now) / NANO)
            if self._early:
                rehearse()
            now = self._clock()
        while now < self._deadline:
            now = self._clock()
        self.late = max(0, now - self._deadline)


class Lockstep:
    """The plant waits for every robot's command, and each robot acts when its peers' messages of the same tick are in.

    Messages of one tick have age zero, so N processes compute what one process would.

    Args:
        timeout: longest wait for a peer's message of a tick; from then on it is lost, until it is heard again [s].
        clock: [ns].
    """

    def __init__(self, timeout: float, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self.missed = self.late = 0
        self._timeout = timeout
        self._clock = clock
        self._begun = False
        self._lost: set[str] = set()

    def next_state(self, driver: Driver, idle: Callable[[], None], rehearse: Callable[[], None]) -> RobotState | None:
        """Wait for the plant. Before its first state for ever: it may be waiting for other robots. Raises PlantGone."""
        limit = PATIENCE_WITH_PLANT * self._timeout if self._begun else math.inf
        deadline = self._clock() + limit * NANO
        while (state := driver.read(REPEAT)) is None:
            idle()
            if self._clock() > deadline:
                raise PlantGone(f"the plant sent no state for {limit:g} s")
        self._begun = True
        return state

    def gather(self, links: PeerLinks, tick: int, idle: Callable[[], None]) -> int:
        """Wait until each peer that is not lost has spoken of this tick. None can be ahead: the plant waits for my command, too."""
        links.drain()
        began = self._clock()
        while missing := self._missing(links.tracks, tick):
            if self._clock() - began > self._timeout * NANO:
                self._lost |= missing
                break
            links.drain(REPEAT)
            idle()
        return self._clock() - began

    def own_age(self, meter: AgeMeter, now: int) -> float:
        """Zero, for time stands still until I have commanded."""
        return 0.0

    def peer_age(self, track: PeerTrack, tick: int, now: int) -> float:
        """Zero when it has spoken of this tick."""
        return 0.0 if _spoke(track, tick) else math.inf

    def _missing(self, tracks: Sequence[PeerTrack], tick: int) -> set[str]:
        self._lost -= {track.robot for track in tracks if _spoke(track, tick)}
        return {track.robot for track in tracks if not _spoke(track, tick)} - self._lost


def _spoke(track: PeerTrack, tick: int) -> bool:
    return track.newest is not None and track.newest.tick == tick
