"""The record of a run: metrics.csv, TensorBoard, and a progress bar with success and speed."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from runtime.atomic import write_atomically


class RunLog:
    """Writes one row a batch; a resumed run drops the rows after its checkpoint and writes them again.

    Args:
        directory: of the run.
        batches_done: batches that the run already has.
        batches: in the budget.
        batch_steps: env steps in a batch.
    """

    def __init__(self, directory: Path, batches_done: int, batches: int, batch_steps: int) -> None:
        self._path = directory / "metrics.csv"
        self._rewrite([row for row in self._read() if int(row["batch"]) <= batches_done])
        self._board = SummaryWriter(str(directory / "tensorboard"), purge_step=batches_done * batch_steps + 1)
        self._batch_steps = batch_steps
        self._bar = tqdm(
            total=batches * batch_steps,
            initial=batches_done * batch_steps,
            unit="step",
            unit_scale=True,
            desc="train",
            dynamic_ncols=True,
            mininterval=0.5,
        )
        self._shown: dict[str, str] = {}

    def rows(self) -> Iterator[dict[str, float]]:
        """The rows so far, each with the columns that it has; exactly the numbers that were written."""
        for row in self._read():
            yield {name: float(value) for name, value in row.items() if value}

    def _read(self) -> list[dict[str, str]]:
        if not self._path.exists():
            return []
        with self._path.open(newline="") as file:
            return [row for row in csv.DictReader(file) if None not in row.values()]

    def _rewrite(self, rows: list[dict[str, str]], more: Iterable[str] = ()) -> None:
        """Write the whole file: these rows, with columns of theirs and `more`, which are empty in them."""
        self._header = [*rows[0], *more] if rows else []
        text = io.StringIO(newline="")
        if rows:
            writer = csv.DictWriter(text, self._header, restval="")
            writer.writeheader()
            writer.writerows(rows)
        write_atomically(self._path, text.getvalue().encode())

    def write(self, batch: int, figures: dict[str, float], evaluation: dict[str, float]) -> dict[str, float]:
        """Log one batch: `figures` of the learner, and `evaluation` (empty in batches without one); returns the row."""
        row = {"batch": batch, "steps": batch * self._batch_steps, **figures, **evaluation}
        new = [name for name in row if name not in self._header]
        if self._header and new:  # a run that an older version began had fewer columns
            self._rewrite(self._read(), new)
        with self._path.open("a", newline="") as file:
            if not self._header:  # the first batch is always evaluated, so its row has every column
                self._header = list(row)
                csv.DictWriter(file, self._header).writeheader()
            writer = csv.DictWriter(file, self._header, restval="")
            writer.writerow(row)
        for name, value in figures.items():
            self._board.add_scalar(f"train/{name}", value, row["steps"])
        for name, value in evaluation.items():
            self._board.add_scalar(f"evaluation/{name}", value, row["steps"])
        self._shown["return"] = f"{figures['return']:.1f}"
        if evaluation:
            self._shown["success"] = f"{evaluation['success']:.3f}"
        self._bar.set_postfix(self._shown, refresh=False)
        self._bar.update(self._batch_steps)
        return row

    def say(self, batch: int, lines: Iterable[str]) -> None:
        """Lines above the progress bar and in TensorBoard, about one batch."""
        for line in lines:
            self._bar.write(line, file=sys.stderr)
            self._board.add_text("signatures", line, batch * self._batch_steps)

    def close(self) -> None:
        """Release the files."""
        self._bar.close()
        self._board.close()
