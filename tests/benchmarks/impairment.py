"""What is wrong with a network, whoever makes it so: the kernel, the radio, the proxy, or the robots' own link model."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations


@dataclass(frozen=True)
class Impairment:
    """Of a network of robots.

    Attributes:
        loss: share of the packets that each robot does not receive.
        delay: of every packet [s].
        jitter: largest deviation from it, uniform, for each packet: packets overtake one another [s].
        rate: most that each robot can send [bit/s]; 0 for no limit.
        cut: (speaker, listener) between which nothing passes in that direction.
    """

    loss: float = 0.0
    delay: float = 0.0
    jitter: float = 0.0
    rate: float = 0.0
    cut: frozenset[tuple[int, int]] = frozenset()


CLEAN = Impairment()


def full_partition(robots: int) -> Impairment:
    """Nobody hears anybody."""
    return Impairment(cut=frozenset(permutations(range(robots), 2)))
