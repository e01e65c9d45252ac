"""Bullet engines in worker processes: each holds a share of the episodes, and none of them outlives its parent."""

from __future__ import annotations

import multiprocessing
import signal
import traceback
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from robots.spec import RobotSpec
from sim3d.bullet_engine import Engines
from sim3d.world import Dynamics


class WorkerFailed(RuntimeError):
    """A worker process raised an error (its traceback is in the text) or ended."""


class Workers:
    """Does what `Engines` does, with the batch split over processes.

    The processes are spawned, so a script that uses them guards its entry with `if __name__ == "__main__"`. They start when first needed.

    Args:
        specs: of the N robots of an episode.
        count: of processes.
    """

    def __init__(self, specs: Sequence[RobotSpec], count: int) -> None:
        self._specs, self._count = specs, count
        self._workers: list[_Worker] = []
        self._busy = 0

    def reset(self, starts: np.ndarray, dynamics: Dynamics | None = None) -> np.ndarray:
        """As `Engines.reset`. Raises WorkerFailed."""
        self._busy = min(self._count, len(starts))
        while len(self._workers) < self._busy:
            self._workers.append(_Worker(len(self._workers), self._specs))
        shares = np.array_split(starts, self._busy)
        ends = np.cumsum([len(share) for share in shares]).tolist()
        parts = [dynamics if dynamics is None else dynamics[end - len(share) : end] for share, end in zip(shares, ends, strict=True)]
        return self._ask("reset", list(zip(shares, parts, strict=True)))

    def advance(self, setpoints: np.ndarray, ticks: int) -> np.ndarray:
        """As `Engines.advance`. Raises WorkerFailed."""
        return self._ask("advance", [(share, ticks) for share in np.array_split(setpoints, self._busy)])

    def close(self) -> None:
        """End the processes. May be called twice."""
        for worker in self._workers:
            worker.close()
        self._workers = []

    def _ask(self, method: str, arguments: list[tuple[Any, ...]]) -> np.ndarray:
        busy = self._workers[: self._busy]
        try:
            for worker, its_arguments in zip(busy, arguments, strict=True):
                worker.send(method, its_arguments)
            return np.concatenate([worker.receive() for worker in busy])
        except BaseException:
            # Answers that nobody waits for any more would be taken for the answers to the next question.
            self.close()
            raise


class _Worker:
    def __init__(self, number: int, specs: Sequence[RobotSpec]) -> None:
        context = multiprocessing.get_context("spawn")
        self._number = number
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs, specs), name=f"bullet-{number}", daemon=True)
        self._process.start()
        # With the worker's end held by the worker alone, its death is the end of the file here.
        theirs.close()

    def send(self, method: str, arguments: tuple[Any, ...]) -> None:
        try:
            self._pipe.send((method, arguments))
        except OSError:
            raise self._ended() from None

    def receive(self) -> np.ndarray:
        try:
            poses, error = self._pipe.recv()
        except (EOFError, OSError):
            raise self._ended() from None
        if error:
            raise WorkerFailed(f"bullet worker {self._number} raised an error:\n{error}")
        return poses

    def close(self) -> None:
        self._pipe.close()
        self._process.join(timeout=5.0)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def _ended(self) -> WorkerFailed:
        self._process.join(timeout=5.0)
        return WorkerFailed(f"bullet worker {self._number} ended unexpectedly (exit status {self._process.exitcode})")


def _work(pipe: Connection, specs: Sequence[RobotSpec]) -> None:
    # Ctrl-C reaches the whole group of processes; the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    engines = Engines(specs)
    while True:
        try:
            method, arguments = pipe.recv()
        except (EOFError, OSError):
            engines.close()
            return
        try:
            answer = (getattr(engines, method)(*arguments), "")
        except Exception:
            answer = (None, traceback.format_exc())
        try:
            pipe.send(answer)
        except OSError:
            return
