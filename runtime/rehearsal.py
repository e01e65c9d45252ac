"""A tick without effect, just before a tick: what it runs is then at hand when it counts.

Between two ticks a processor does other work, or dozes, and its caches are not the robot's any more. A tick that has to fetch its code and
data from memory takes two to three times as long as one that follows on another (`python -m tests.benchmarks.realtime tick`). So everything
that a tick runs is run once more, a millisecond before it, on a twin that commands nothing.
"""

from __future__ import annotations

from runtime.decide import Decider
from runtime.peer_links import PeerLinks
from runtime.states import Inputs, Mode, settle
from runtime.tally import Tally
from runtime.team import Staleness
from runtime.timing import STAGES


class Rehearsal:
    """Runs what a tick runs, but for the driver and the log; nothing is sent, counted or remembered.

    Args:
        twin: decides as the robot does, and is not heeded.
        links: the robot's own.
        staleness: the team's.
        period: of the control loop [s].
    """

    def __init__(self, twin: Decider, links: PeerLinks, staleness: Staleness, period: float) -> None:
        self._twin, self._links, self._staleness, self._period = twin, links, staleness, period
        self._tally = Tally()

    def __call__(self) -> None:
        """Once."""
        self._links.rehearse()
        settle(Mode.ACTIVE, Inputs(0.0, (0.0,) * len(self._links.tracks)), self._staleness, self._period)
        self._twin.rehearse()
        self._tally.ticked(Mode.ACTIVE.value, (), True, 0.0, (0,) * len(STAGES))
