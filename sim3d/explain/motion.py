"""How healthy robots move when they are commanded, learnt from clean missions; and how far a robot deviates from that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sim3d.explain.record import Record
from sim3d.spread_task import separations

NEAR = 1.1
"""Robots closer than this many times both radii together may touch, and who is pushed does not move as it commands."""


@dataclass(frozen=True)
class MotionModel:
    """x[t + 1] - x[t] = A (x[t] - x[t - 1]) + B a[t] + C a[t - 1], for each robot, by least squares.

    In world `spread` it is exact: A = 0.75, B = 0, C = 0.05. Robots in metres and seconds answer a set-point in the same period.

    Attributes:
        weights: [N, 6, 2].
        radius: of the robots [N], m.
    """

    weights: np.ndarray
    radius: np.ndarray

    @classmethod
    def fit(cls, records: Sequence[Record], radius: float | np.ndarray) -> MotionModel:
        """From clean missions of robots of this radius [m]."""
        robots = records[0].position.shape[2]
        radius = np.broadcast_to(np.asarray(radius, dtype=float), (robots,))
        given = np.concatenate([_samples(record) for record in records])
        moved = np.concatenate([np.diff(record.position, axis=1)[:, 1:] for record in records])
        free = np.concatenate([_free(record, radius) for record in records])
        weights = [
            np.linalg.lstsq(given[free[..., robot], robot], moved[free[..., robot], robot], rcond=None)[0] for robot in range(robots)
        ]
        return cls(np.stack(weights), radius)

    def deviation(self, record: Record) -> np.ndarray:
        """How far the command that would explain the motion is from the one that was given, in each control step [B, T, N].

        0 in the first step, and where robots may touch.
        """
        predicted = np.einsum("btnf,nfd->btnd", _samples(record), self.weights)
        off = np.diff(record.position, axis=1)[:, 1:] - predicted
        # What a constant command moves a robot by in a step: both of B and C.
        response = self.weights[:, 2:4] + self.weights[:, 4:6]
        command = np.einsum("btnd,nde->btne", off, np.linalg.pinv(response))
        size = np.where(_free(record, self.radius), np.linalg.norm(command, axis=-1), 0.0)
        return np.concatenate([np.zeros_like(size[:, :1]), size], axis=1)


def _samples(record: Record) -> np.ndarray:
    """[B, T - 1, N, 6]: the motion before, the command of the step, the command before."""
    moved = np.diff(record.position, axis=1)
    return np.concatenate([moved[:, :-1], record.sent[:, 1:], record.sent[:, :-1]], axis=-1)


def _free(record: Record, radius: np.ndarray) -> np.ndarray:
    """Whether a robot was away from all others at both ends of the motion and before it [B, T - 1, N]."""
    reach = NEAR * np.add.outer(radius, radius)
    np.fill_diagonal(reach, 0.0)
    away = (separations(record.position) >= reach).all(axis=-1)
    return away[:, :-2] & away[:, 1:-1] & away[:, 2:]
