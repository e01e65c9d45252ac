"""What each robot contributes: exact Shapley values over all coalitions of a team.

The robots outside of a coalition do nothing (no-op exclusion): their commands have no effect, so they stand where they started; they still
measure, and tell their peers where they are. The Shapley value (Shapley, Contributions to the Theory of Games II (1953) 307) of robot i is
its mean marginal contribution over all orders in which the team could be put together:

    phi_i = sum over S without i of |S|! (N - |S| - 1)! / N! (v(S + i) - v(S))

They sum to v(all) - v(none); two robots that add the same to every coalition get the same; one that never adds anything gets nothing.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np

from robots.errors import InputError
from runtime.link import Fault
from sim3d.explain.results import Contributions
from sim3d.profile import Profile
from sim3d.statistics.interval import Resampled, interval, layout_weights, shares

MOST_ROBOTS = 8
"""Twice as many coalitions for each robot more: 256 of 8."""


def coalitions(robots: int) -> tuple[str, ...]:
    """All 2^N, from "000" to "111": character i is 1 where robot i is at work. Raises InputError for too many robots."""
    if robots > MOST_ROBOTS:
        raise InputError(
            f"exact contributions of a team of {robots} robots take 2^{robots} coalitions; of at most {MOST_ROBOTS} they can be had"
        )
    return tuple("".join(str(number >> robot & 1) for robot in range(robots)) for number in range(2**robots))


def orders(robots: int) -> np.ndarray:
    """Integers [N, 2^N]: times a figure of each coalition, divided by N!, they give the Shapley values."""
    counts = np.zeros((robots, 2**robots), dtype=np.int64)
    for number in range(2**robots):
        size = number.bit_count()
        for robot in range(robots):
            if number >> robot & 1:
                counts[robot, number] = math.factorial(size - 1) * math.factorial(robots - size)
            else:
                counts[robot, number] = -math.factorial(size) * math.factorial(robots - size - 1)
    return counts


def only(coalition: str, base: Profile) -> Profile:
    """The base profile with only this coalition at work."""
    idle = tuple(Fault(kind="stop", robot=robot) for robot, works in enumerate(coalition) if works == "0")
    return msgspec.structs.replace(base, name=f"only {coalition}", faults=(*base.faults, *idle))


def contributions(figure: str, scores: np.ndarray) -> Contributions:
    """The Shapley values of a figure from 0 to 1, with intervals over layouts.

    Args:
        figure: its name.
        scores: [E, 2^N] of the same episodes in each coalition, in the order of `coalitions`.
    """
    robots = scores.shape[1].bit_length() - 1
    means = shares(scores[None], layout_weights(len(scores)))
    values = means.map(lambda each: each @ orders(robots).T / math.factorial(robots))
    return Contributions(
        figure=figure,
        values=tuple(interval(_column(values, robot), (-1.0, 1.0)) for robot in range(robots)),
        coalitions={name: interval(_column(means, column), (0.0, 1.0)) for column, name in enumerate(coalitions(robots))},
    )


def _column(found: Resampled, column: int) -> Resampled:
    return found.map(lambda each: each[..., column])
