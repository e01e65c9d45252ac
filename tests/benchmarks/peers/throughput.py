"""Env steps a second of fieldswarm and of its peers: simple_spread, three robots, random continuous actions, on this machine in one run.

The same for all: 25 steps, after each of which observations and rewards of all robots are in memory, then a reset; actions are drawn
beforehand. mpe2, SuperSuit and JaxMARL have the dynamics, observations and rewards of world `spread`; VMAS has its own of the same task.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from statistics import median

from tests.benchmarks.peers.process import INSTALL, PEERS_PYTHON, Asked, PeerFailed, System
from tests.benchmarks.row import Row

EAGER = System("fieldswarm eager", "steps_fieldswarm.py", ("eager",), ours=True)
COMPILED = System("fieldswarm compiled", "steps_fieldswarm.py", ("compiled",), ours=True)
VMAS = System("VMAS", "steps_vmas.py")
JAXMARL = System("JaxMARL", "steps_jaxmarl.py")
TORCHRL = System("BenchMARL (VMAS in TorchRL)", "steps_torchrl.py")
SUPERSUIT = System("mpe2 in SuperSuit", "steps_supersuit.py")
MPE2 = System("mpe2", "steps_mpe2.py")
SYSTEMS = (EAGER, COMPILED, VMAS, JAXMARL, TORCHRL, SUPERSUIT, MPE2)

FIXED_BATCH = {SUPERSUIT: 16, MPE2: 1}
"""Not searched for the best: mpe2 has no batches, and a process of SuperSuit's plays its share one by one."""

COMMON_BATCH = 1024
SMALLEST_BATCH, LARGEST_BATCH, GROWTH = 512, 131_072, 4
CLEARLY_SLOWER = 0.9

ROUNDS = 5
"""Everything is measured in turn, this often, and the median counts: other load on the machine then hits all alike."""

ROUND_TIME = 0.5
"""How long one measurement of a round goes on, at least [s]."""

Measurement = tuple[System, int]
"""A system and its batch."""


def measure(threads: Sequence[int] = (1, 2)) -> list[Row]:
    """Rates of the peers, and ours over theirs: compiled, the best batch of each; and eager, everyone with a batch of 1 024."""
    if not PEERS_PYTHON.exists():
        print(f"peers: nothing to compare with; {INSTALL}", flush=True)
        return []
    return [row for count in threads for row in _measure(count)]


def _measure(threads: int) -> list[Row]:
    processes: dict[System, Asked] = {}
    best: dict[System, int] = {}
    with ExitStack() as running:
        for system in SYSTEMS:
            if system is MPE2 and threads > 1:
                continue
            try:
                process = running.enter_context(system.start(threads))
                best[system] = FIXED_BATCH.get(system) or _best_batch(process)
                process.rate(FIXED_BATCH.get(system, COMMON_BATCH), 0.0)  # compiles
            except PeerFailed as failure:
                print(f"{system.name} skipped: {failure}", flush=True)
                continue
            processes[system] = process
        ours = COMPILED if COMPILED in processes else EAGER
        pairs = [((ours, best[ours]), (peer, best[peer])) for peer in processes if not peer.ours]
        pairs += [((EAGER, COMMON_BATCH), (peer, COMMON_BATCH)) for peer in (VMAS, JAXMARL, TORCHRL) if peer in processes]
        rates: dict[Measurement, list[float]] = {measurement: [] for pair in pairs for measurement in pair}
        for _ in range(ROUNDS):
            for (system, batch), measured in rates.items():
                measured.append(processes[system].rate(batch, ROUND_TIME))
    return [row for our, their in pairs for row in _rows(rates, our, their, threads)]


def _best_batch(process: Asked) -> int:
    """The batch with the highest rate: larger ones are tried until one is clearly slower."""
    highest, best, batch = 0.0, SMALLEST_BATCH, SMALLEST_BATCH
    while batch <= LARGEST_BATCH and (rate := process.rate(batch, ROUND_TIME)) > CLEARLY_SLOWER * highest:
        if rate > highest:
            highest, best = rate, batch
        batch *= GROWTH
    return best


def _rows(rates: dict[Measurement, list[float]], ours: Measurement, theirs: Measurement, threads: int) -> tuple[Row, Row]:
    ratio = median(our / their for our, their in zip(rates[ours], rates[theirs], strict=True))
    return (
        Row(_what(theirs, threads), median(rates[theirs]), "env steps/s"),
        Row(_what(ours, threads), median(rates[ours]), "env steps/s", ratio, theirs[0].name),
    )


def _what(measurement: Measurement, threads: int) -> str:
    system, batch = measurement
    return f"{system.name}, batch {batch:,}, {threads} thread{'s' * (threads > 1)}"
