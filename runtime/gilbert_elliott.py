"""Losses that come in bursts: a Markov chain with a good and a bad state, each with its own share of losses.

E. N. Gilbert, Bell System Technical Journal 39 (1960) 1253; E. O. Elliott, BSTJ 42 (1963) 1977. It is netem's `loss gemodel`.
"""

from __future__ import annotations

from runtime.arrays import array_namespace
from runtime.chance import Array

_NEVER = 1e-9
"""A share of the time that is as good as none."""


class GilbertElliott:
    """The state of a batch of links, one step a tick; it begins as it is on average.

    Args:
        loss: share of losses in the good state [...].
        bursts: share of the time in the bad state [...].
        burst_length: mean time in the bad state [ticks] [...]; at least 1. Where the bad state has more than half of the time, longer if
            need be, so that the good state can last one tick.
        burst_loss: share of losses in the bad state [...].
    """

    def __init__(self, loss: Array, bursts: Array, burst_length: Array, burst_loss: Array) -> None:
        xp = array_namespace(loss)
        self._loss, self._bursts, self._burst_loss = loss, bursts, burst_loss
        # In balance bursts * recover = (1 - bursts) * fail; both are probabilities.
        inside = (bursts > _NEVER) & (bursts < 1)
        odds = xp.where(inside, bursts, 0.5) / (1.0 - xp.where(inside, bursts, 0.5))
        self._recover = xp.minimum(1.0 / xp.clip(burst_length, min=1.0), 1.0 / odds)
        self._fail = self._recover * odds
        # A share of 0 never fails, one of 1 never recovers.
        self._fail = xp.where(bursts <= _NEVER, 0.0, self._fail)
        self._recover = xp.where(bursts >= 1, 0.0, self._recover)
        self.bad: Array = None

    def advance(self, chance: Array) -> None:
        """One tick further, by uniform numbers [...]."""
        if self.bad is None:
            self.bad = chance < self._bursts
        else:
            self.bad = (self.bad & (chance >= self._recover)) | (~self.bad & (chance < self._fail))

    def lost(self, chance: Array) -> Array:
        """Which messages of this tick are lost [...], by uniform numbers that have nothing to do with those of the state."""
        share = self._loss if self.bad is None else array_namespace(chance).where(self.bad, self._burst_loss, self._loss)
        return chance < share
