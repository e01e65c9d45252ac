"""What a robot's failure costs a team, and what comes back of it, from true trajectories.

**Coverage** is the share of the landmarks that have a robot closer than the capture radius, at each control step.

**Before** the fault most teams have covered nothing yet: a mission of 25 steps is mostly driving, and a fault may strike at its beginning.
So coverage is held against that of the *clean twin*, the same team on the same layout with the same chance and without the fault, at the
same control step. Where the team stands on its landmarks when the fault strikes, that is the coverage just before; where it is still on its
way, that is what it would have reached. In the words of resilience curves the twin is the endogenous target (Poulin and Kane, Reliability
Engineering & System Safety 216 (2021) 107926, arXiv 2102.01009); milestones as in Henry and Ramirez-Marquez (the same journal, 99 (2012)
114): the fault, the first step below, the step from which on coverage is held again.

**The end** is that of the mission, for a robot that stops, lies or falls silent does so to the end: the question is whether the others make
up for it. A robot that is late is held against the twin from when it joins, and since nothing fails any more the aftermath belongs to it.

**Below** is below 90 % of the twin's coverage at that step (`statistics.aggregates.KEPT`). **Recovered** are missions that are not below at
the end, whether they ever were or not. The **time to recover** of one that was below and came back runs from its first step below to the
one from which on it is not below any more: a landmark that a robot only passes over does not count. Missions that do not come back have
none; their share is that of those that are not recovered. A fault that strikes shortly before the end leaves time for quick recoveries
only, so the mean of those that there are is too low by that. The **time below** counts all missions, up to the end.

**Lowest** is the least coverage after the fault while the twin stands where it ends: since it holds 90 % of its last coverage. Before that
both are on their way, and the least is what they had when the fault struck.

**Attainable** is the most that the team could hold at the end: a robot that has stopped holds what it stands at, and each of the others one
landmark, or several that lie closer together than two capture radii. A team of three loses a third with a robot that stops beside the
landmarks, however well it does.

**Fairness** is how evenly the work is shared: Jain's index of the paths that the robots drive, (sum x)^2 / (n sum x^2), 1 for equal ones
and 1 / n where one robot drives alone (Jain, Chiu and Hawe, DEC TR-301, 1984). With their coefficient of variation c it is
1 / (1 + c^2); Aloor et al. (arXiv 2410.14916) measure the fairness of goal coverage by 1 / c. Driving wears and drains a robot, and whoever
takes over a landmark drives; the time that each holds a landmark would say little that coverage does not. Robots that have stopped do not
count, in the twin either. Paths begin with the mission: after a fault most robots stand, and what they drive then is noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from runtime.faults import Faults
from runtime.link import Fault
from sim3d.spread_task import distances
from sim3d.statistics.aggregates import KEPT

_ROUNDING = 1e-9
"""Less than any difference of shares: nine of ten landmarks are 90 % of ten."""


@dataclass(frozen=True)
class Strikes:
    """When faults strike in E episodes, and whom they stop.

    Attributes:
        tick: [E], the first in which something fails, or a robot that is late takes part; what is true at its beginning is not touched by
            it yet. -1 where nothing happens.
        stopped: [E, N], robots that do not move any more at the end.
    """

    tick: np.ndarray
    stopped: np.ndarray


@dataclass(frozen=True)
class Recovery:
    """What came of E episodes from one control step to a later one; all arrays are [E].

    Attributes:
        before, after: coverage at the first and the last step.
        lowest: coverage after the first step, while the clean twin stands where it ends.
        affected: whether coverage is below 90 % of the clean twin's at any step.
        recovered: whether it is not at the last one.
        time_to_recover: from the first step below to the one from which on it is held [s]; NaN where it never was below or does not come
            back.
        time_below: [s].
    """

    before: np.ndarray
    after: np.ndarray
    lowest: np.ndarray
    affected: np.ndarray
    recovered: np.ndarray
    time_to_recover: np.ndarray
    time_below: np.ndarray


def strikes(faults: Sequence[Fault], seeds: np.ndarray, robots: int, ticks: int, tick_period: float) -> Strikes:
    """When and whom the faults of a profile strike, as the plant and the peers draw it (`runtime.faults`).

    Args:
        faults: of the profile, in the world's units.
        seeds: [E], of the episodes.
        robots: N.
        ticks: of a mission.
        tick_period: [s].
    """
    drawn = Faults(faults, seeds, robots, np.zeros(0))
    first = np.full(len(seeds), -1)
    absent = drawn.absent(0.0)
    for tick in range(ticks):
        time = tick * tick_period
        absent, was_absent = drawn.absent(time), absent
        fails = drawn.stopped(time) | (drawn.silent(time) & ~absent) | (np.asarray(drawn.lie(time)) != 0).any(axis=-1)
        first[(first < 0) & (fails | (was_absent & ~absent)).any(axis=-1)] = tick
    return Strikes(first, drawn.stopped((ticks - 1) * tick_period))


def covered_landmarks(position: np.ndarray, landmarks: np.ndarray, ticks_per_step: int, capture_radius: float) -> np.ndarray:
    """How many landmarks are covered at each control step, the start included.

    Args:
        position: [E, T + 1, N, 2], m, at every tick.
        landmarks: [E, L, 2], m.
        ticks_per_step: ticks in a control step.
        capture_radius: [m].

    Returns:
        [E, T / ticks_per_step + 1].
    """
    steps = position[:, ::ticks_per_step]
    return (distances(steps, landmarks[:, None]).min(axis=-2) < capture_radius).sum(axis=-1).astype(np.int16)


def path_lengths(position: np.ndarray) -> np.ndarray:
    """How far each robot drives: [E, T + 1, N, 2] to [E, N], m."""
    return np.linalg.norm(np.diff(position, axis=1), axis=-1).sum(axis=1)


def attainable_landmarks(end: np.ndarray, landmarks: np.ndarray, stopped: np.ndarray, capture_radius: float) -> np.ndarray:
    """The most landmarks that can be held at the end by robots of which some have stopped: no team does better.

    Args:
        end: [E, N, 2], m: where the robots are.
        landmarks: [E, L, 2], m.
        stopped: [E, N].
        capture_radius: [m].

    Returns:
        [E]. Exact but where three or more landmarks are near each other; then no less than what can be held.
    """
    held = ((distances(end, landmarks) < capture_radius) & stopped[..., None]).any(axis=1)
    left = ~held
    # Landmarks that one robot may hold at once lie in one group of near ones.
    together = (distances(landmarks, landmarks) < 2 * capture_radius) & left[:, :, None] & left[:, None, :]
    for _ in range(max(landmarks.shape[1] - 1, 1).bit_length()):
        together = together @ together
    first_of_group = left & (together.argmax(axis=-1) == np.arange(landmarks.shape[1]))
    sizes = -np.sort(-np.where(first_of_group, together.sum(axis=-1), 0), axis=-1)
    free = (~stopped).sum(axis=-1)
    by_the_others = np.where(np.arange(landmarks.shape[1]) < free[:, None], sizes, 0).sum(axis=-1)
    return (held.sum(axis=-1) + by_the_others).astype(np.int16)


def jain_index(shares: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """Jain's index of those shares [..., N], not below 0, that are counted: [...], from 1 / n to 1; 1 where nobody has anything."""
    shares = np.where(counted, shares, 0.0)
    total, squares, number = shares.sum(axis=-1), (shares**2).sum(axis=-1), counted.sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(squares > 0, total**2 / (number * squares), 1.0)


def recovery(coverage: np.ndarray, clean: np.ndarray, begins: np.ndarray, end: int, period: float) -> Recovery:
    """Hold the coverage of episodes against that of their clean twins, from when a fault strikes to the end.

    Args:
        coverage: [E, K], at each control step, from 0 to 1.
        clean: [E, K], of the clean twins.
        begins: [E], the step at which the fault strikes, below `end`.
        end: the last step that counts.
        period: of a control step [s].
    """
    coverage, clean = coverage[:, : end + 1], clean[:, : end + 1]
    steps = np.arange(end + 1)
    below = (coverage < KEPT * clean - _ROUNDING) & (steps >= begins[:, None])
    affected, recovered = below.any(axis=1), ~below[:, end]
    first, last = below.argmax(axis=1), end - below[:, ::-1].argmax(axis=1)
    stands = np.logical_and.accumulate((clean >= KEPT * clean[:, end:] - _ROUNDING)[:, ::-1], axis=1)[:, ::-1]
    return Recovery(
        before=np.take_along_axis(coverage, begins[:, None], axis=1)[:, 0],
        after=coverage[:, end],
        lowest=np.where(stands & (steps > begins[:, None]), coverage, np.inf).min(axis=1),
        affected=affected,
        recovered=recovered,
        time_to_recover=np.where(affected & recovered, (last + 1 - first) * period, np.nan),
        # What is true at the last step is not true for any time of this mission.
        time_below=below[:, :end].sum(axis=1) * period,
    )
