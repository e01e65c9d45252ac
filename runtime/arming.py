"""Says, once, what a robot waits for when it cannot arm."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from runtime.peers import PeerTrack


class ArmWatch:
    """Prints one line when a robot was not ACTIVE for too long, and one when it is again.

    Args:
        robot: its id.
        timeout: how long it may take [s].
        say: prints one line.
        clock: [ns, monotonic].
    """

    def __init__(self, robot: str, timeout: float, say: Callable[[str], None], clock: Callable[[], int]) -> None:
        self._robot = robot
        self._timeout = timeout
        self._say = say
        self._clock = clock
        self._since = clock()
        self._told = False

    def update(self, armed: bool, waiting_for: Callable[[], str]) -> None:
        """Tell the watch how things are; it asks what is being waited for only when it has to say so."""
        now = self._clock()
        waited = (now - self._since) / 1e9
        if armed:
            if self._told:
                self._say(f"{self._robot}: armed after {waited:.1f} s")
            self._since, self._told = now, False
        elif not self._told and waited >= self._timeout:
            self._say(f"{self._robot}: waiting for {waiting_for()}")
            self._told = True


def missing(own_age: float, tracks: Sequence[PeerTrack], ages: Sequence[float], episode: int, fresh: float) -> str:
    """What keeps a robot from arming, in words.

    Args:
        own_age: of its own newest state [s].
        tracks: the peers that it needs.
        ages: of each peer's newest message of this episode [s].
        episode: the robot's own.
        fresh: largest age that is fresh [s].
    """
    parts = [f"{track.robot} ({_peer(track, age, episode)})" for track, age in zip(tracks, ages, strict=True) if age > fresh]
    if own_age > fresh:
        heard = f"the last one is {own_age:.1f} s old" if math.isfinite(own_age) else "none came from its driver"
        parts.insert(0, f"its own state ({heard})")
    return ", ".join(parts) or "someone to arm it again"


def _peer(track: PeerTrack, age: float, episode: int) -> str:
    if track.newest is None and track.rejected:
        counts = ", ".join(f"{count} {reason}" for reason, count in track.rejected.most_common())
        return f"nothing believable from {track.endpoint}: {counts}"
    if track.newest is None:
        return f"nothing heard from {track.endpoint}"
    if track.newest.episode != episode:
        return f"is in episode {track.newest.episode}, not {episode}"
    return f"last heard {age:.1f} s ago" if math.isfinite(age) else "silent"
