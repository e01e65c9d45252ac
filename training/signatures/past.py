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

    def first(self, name: str) -> float:
        """The oldest value of a column that some row has."""
        return next(row[name] for row in self._rows if name in row)

    def last(self, name: str) -> float:
        """The newest value of a column that some row has."""
        return next(row[name] for row in reversed(self._rows) if name in row)

    def recent(self, name: str, share: float, fewest: int) -> tuple[np.ndarray, float]:
        """The values of a column in the newest `share` of the budget, or the newest `fewest` where those reach further back.

        Returns:
            the values, oldest first, and the env steps from the first to the last of them.
        """
        begin = self._rows[-1]["batch"] - share * self.config.batches
        rows: list[Mapping[str, float]] = []
        for row in reversed(self._rows):
            if row["batch"] <= begin and len(rows) >= fewest:
                break
            if name in row:
                rows.append(row)
        return np.array([row[name] for row in reversed(rows)]), rows[0]["steps"] - rows[-1]["steps"]

    def newest(self, name: str, rows: int) -> list[float]:
        """The values of a column in the newest rows, oldest first."""
        return [row[name] for row in self._rows[-rows:] if name in row]
