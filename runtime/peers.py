"""What a robot knows of one peer, and how much of it to believe."""

from __future__ import annotations

from collections import Counter, deque

from runtime.age import AgeMeter
from runtime.message import LocalObservation, Rejected, decode_message

REMEMBERED_BOOTS = 256
"""Earlier lives of a peer whose messages are refused; more restarts than this in our one life are not expected."""


class PeerTrack:
    """The newest message of one peer, and counts of everything that came.

    Attributes:
        robot: the peer's id.
        endpoint: where it publishes.
        newest: its newest believed message; None before the first.
        accepted: messages that were believed.
        rejected: reason -> messages that were not: those of `decode_message`, `sequence` (does not grow within a boot) and `old_boot`
            (from a life of the peer that a later one has ended). And what `runtime.peer_links` counts of its connections: `handshake`
            (not made: another key, or none) and `broken` (its end died, or sent a frame that is far too long).
    """

    def __init__(self, robot: str, endpoint: str) -> None:
        self.robot = robot
        self.endpoint = endpoint
        self.newest: LocalObservation | None = None
        self.accepted = 0
        self.rejected: Counter[str] = Counter()
        self._meter = AgeMeter()
        self._ended: deque[int] = deque(maxlen=REMEMBERED_BOOTS)

    def take(self, frame: bytes, arrival: int) -> None:
        """Believe or count one frame that came at `arrival` [ns, our clock]. Nothing is raised, whatever it is."""
        try:
            message = self._judge(frame)
        except Rejected as rejected:
            self.rejected[rejected.reason] += 1
            return
        self._meter.heard(arrival, message.stamp)
        self.newest = message
        self.accepted += 1

    def age(self, now: int) -> float:
        """Age of the newest message at `now` [ns, our clock], in s; infinite before the first."""
        return self._meter.age(now)

    def _judge(self, frame: bytes) -> LocalObservation:
        message = decode_message(frame, self.robot)
        if self.newest is None or message.boot == self.newest.boot:
            if self.newest is not None and message.sequence <= self.newest.sequence:
                raise Rejected("sequence")
            return message
        if message.boot in self._ended:
            raise Rejected("old_boot")
        self._ended.append(self.newest.boot)
        self._meter = AgeMeter()  # another boot of the sender, another clock
        return message
