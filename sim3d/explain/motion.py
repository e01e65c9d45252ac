"""How healthy robots move when they are commanded, learnt from clean missions; and how far a robot deviates from that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sim3d.explain.record import Record
from sim3d.spread_task import separations

LAGS = 4
"""Commands that a motion may come of: that of its own step, and those of the steps before. What a profile delays by three steps fits in."""
NEAR = 1.1
"""Robots closer than this many times both radii together may touch, and who is pushed does not move as it commands."""


@dataclass(frozen=True)
class MotionModel:
    """d[t] = A d[t - 1] + sum over k of B_k a[t - k], for each robot, by least squares; d is the motion in a control step, a the command.

    In world `spread` it is exact: A = 0.75, B_1 = 0.05. Robots in metres and seconds answer a set-point in the same step. Before the start
    robots rest, and nothing is commanded.

    Attributes:
        weights: [N, 2 + 2 LAGS, 2].
        radius: of the robots [N], m.
    """

    weights: np.ndarray
    radius: np.ndarray

    @classmethod
    def fit(cls, records: Sequence[Record], radius: float | np.ndarray) -> MotionModel:
        """From clean missions of robots of this radius [m]."""
        robots = records[0].position.shape[2]
        radius = np.broadcast_to(np.asarray(radius, dtype=float), (robots,))
        given = np.concatenate([_given(record) for record in records])
        moved = np.concatenate([np.diff(record.position, axis=1) for record in records])
        free = np.concatenate([_free(record, radius) for record in records])
        weights = [
            np.linalg.lstsq(given[free[..., robot], robot], moved[free[..., robot], robot], rcond=None)[0] for robot in range(robots)
        ]
        return cls(np.stack(weights), radius)

    def deviation(self, record: Record) -> np.ndarray:
        """How far a steady command that explains the motion is from what was commanded, in each control step [B, T, N].

        0 where robots may touch.
        """
        off = np.diff(record.position, axis=1) - np.einsum("btnf,nfd->btnd", _given(record), self.weights)
        robots, inputs = self.weights.shape[:2]
        response = self.weights[:, 2:].reshape(robots, inputs // 2 - 1, 2, 2).sum(axis=1)
        command = np.einsum("btnd,nde->btne", off, np.linalg.pinv(response))
        return np.where(_free(record, self.radius), np.linalg.norm(command, axis=-1), 0.0)


def _given(record: Record) -> np.ndarray:
    """What each motion is made of: the motion before, and the commands [B, T, N, 2 + 2 LAGS]."""
    moved = np.diff(record.position, axis=1)
    return np.concatenate([_earlier(moved, 1), *(_earlier(record.sent, steps) for steps in range(LAGS))], axis=-1)


def _earlier(values: np.ndarray, steps: int) -> np.ndarray:
    """[B, T, ...] of some steps ago; zero before the start."""
    return np.concatenate([0.0 * values[:, :steps], values[:, : values.shape[1] - steps]], axis=1)


def _free(record: Record, radius: np.ndarray) -> np.ndarray:
    """Whether a robot was away from all others at both ends of a motion and before it [B, T, N]."""
    reach = NEAR * np.add.outer(radius, radius)
    np.fill_diagonal(reach, 0.0)
    away = (separations(record.position) >= reach).all(axis=-1)
    return away[:, :-1] & away[:, 1:] & np.concatenate([away[:, :1], away[:, :-2]], axis=1)
