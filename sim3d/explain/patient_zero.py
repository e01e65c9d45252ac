"""Which robot of a team failed first: the one whose deviation leaves its threshold before those of the others.

Thresholds are set on clean missions: of each sign (`sim3d.explain.signs`) that which the largest deviation in a mission, of any robot at
any step, exceeds in an n-th part of `FALSE_ALARMS` of them, where there are n signs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

FALSE_ALARMS = 0.01
"""Share of clean missions in which somebody may be named."""
LEAST = 1e-3
"""Smallest threshold, in units of the largest action: without noise clean missions deviate by rounding alone."""
NOBODY = -1


@dataclass(frozen=True)
class Named:
    """Who failed first in B missions.

    Attributes:
        robot: agent number [B]; NOBODY where nobody failed.
        step: control step [B]; 0 where nobody failed.
        sign: number of the sign that gave it away [B], in the order of the thresholds; 0 where nobody failed.
    """

    robot: np.ndarray
    step: np.ndarray
    sign: np.ndarray

    @property
    def anybody(self) -> np.ndarray:
        """Whether somebody is named: booleans [B]."""
        return self.robot != NOBODY


def thresholds(signs: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Sign -> threshold, from the deviations [B, T, N] of clean missions."""
    quantile = 1 - FALSE_ALARMS / len(signs)
    return {
        sign: max(LEAST, float(np.quantile(deviation.max(axis=(1, 2)), quantile, method="higher"))) for sign, deviation in signs.items()
    }


def name_first(signs: Mapping[str, np.ndarray], threshold: Mapping[str, float]) -> Named:
    """Who is first beyond a threshold; of several in the same step the one that is farthest beyond, in multiples of the threshold.

    Args:
        signs: sign -> deviations [B, T, N].
        threshold: of each sign.
    """
    beyond = np.stack([signs[sign] / limit for sign, limit in threshold.items()], axis=-1)
    largest = beyond.max(axis=(2, 3))
    failed = (largest > 1).any(axis=1)
    step = np.where(failed, (largest > 1).argmax(axis=1), 0)
    then = beyond[np.arange(len(step)), step]
    robot, sign = np.unravel_index(then.reshape(len(step), -1).argmax(axis=1), then.shape[1:])
    return Named(np.where(failed, robot, NOBODY), step, np.where(failed, sign, 0))
