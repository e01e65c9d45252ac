"""What there was to see of missions at each control step: the truth, what each robot knew, what it remembered, what it commanded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from runtime.observation import View
from sim3d.in_process import Moment


@dataclass(frozen=True)
class Record:
    """B missions of a team over T control steps.

    Attributes:
        position: [B, T + 1, N, 2], m: where the robots were, at each step and at the end.
        velocity: [B, T, N, 2], m/s: of them.
        views: T views [B, N, ...]: what they knew.
        memories: T times those of the actors, before they decided: [B, S] each.
        sent: [B, T, N, 2]: what they commanded, the mean over each step.
    """

    position: np.ndarray
    velocity: np.ndarray
    views: tuple[View, ...]
    memories: tuple[tuple[np.ndarray, ...], ...]
    sent: np.ndarray


class Recorder:
    """Keeps what `sim3d.in_process.run_missions` shows; made for one run."""

    def __init__(self) -> None:
        self._positions: list[np.ndarray] = []
        self._velocities: list[np.ndarray] = []
        self._views: list[View] = []
        self._memories: list[tuple[np.ndarray, ...]] = []
        self._sent: list[list[np.ndarray]] = []

    def __call__(self, moment: Moment) -> None:
        """One tick."""
        if moment.view is not None:
            self._positions.append(moment.state.position)
            self._velocities.append(moment.state.velocity)
            self._views.append(moment.view)
            self._memories.append(moment.memories)
            self._sent.append([])
        self._sent[-1].append(moment.sent)

    def record(self, end: np.ndarray) -> Record:
        """All of it; `end` is where the robots are at last [B, N, 2]."""
        return Record(
            np.stack([*self._positions, end], axis=1),
            np.stack(self._velocities, axis=1),
            tuple(self._views),
            tuple(self._memories),
            np.stack([np.mean(ticks, axis=0) for ticks in self._sent], axis=1),
        )
