"""What a run has shown so far: the rows of its metrics.csv, as numbers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from training.config import TrainConfig


class Past:
    """The rows of a run up to now. A row has the figures of one batch, and in batches with an evaluation those of the evaluation as well.

    Args:
        config: of the run.
    """

    def __init__(self, config: TrainConfig) -> None:
        self.config = config
        self._rows: list[Mapping[str, float]] = []

    def add(self, row: Mapping[str, float]) -> None:
        """Take in the row of the next batch."""
        self._rows.append(row)

    @property
    def share_done(self) -> float:
        """Share of the budget that is spent, from 0 to 1."""
        return self._rows[-1]["batch"] / self.config.batches

    def steps_in(self, share: float) -> float:
        """Env steps in a share of the budget."""
        return share * self.config.batches * self.config.batch_steps

    def first(self, name: str) -> float:
        """The oldest value of a column that some row has."""
        return next(row[name] for row in self._rows if name in row)

    def last(self, name: str) -> float:
        """The newest value of a column that some row has."""
        return next(row[name] for row in reversed(self._rows) if name in row)

    def recent(self, name: str, share: float) -> np.ndarray:
        """The values of a column in the newest `share` of the budget, oldest first."""
        begin = self._rows[-1]["batch"] - share * self.config.batches
        values = []
        for row in reversed(self._rows):
            if row["batch"] <= begin:
                break
            if name in row:
                values.append(row[name])
        return np.array(values[::-1])

    def newest(self, name: str, rows: int) -> list[float]:
        """The values of a column in the newest rows, oldest first."""
        return [row[name] for row in self._rows[-rows:] if name in row]
