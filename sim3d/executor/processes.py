"""A pool of processes on this machine, one thread each; none of them outlives the process that started them."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from sim3d.executor.interface import Result, Shared, Task, WorkerLost

_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""Processes are what shares the machine out; threads beside them only wait for each other."""


class ProcessPool:
    """Tasks in processes. They are spawned: a script that uses them guards its entry with `if __name__ == "__main__"`.

    Args:
        workers: how many.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers

    def run(
        self, prepare: Callable[[Shared], Callable[[Task], Result]], shared: Shared, tasks: Sequence[Task]
    ) -> Generator[tuple[Task, Result], None, None]:
        """As `sim3d.executor.interface.Executor.run`."""
        if not tasks:
            return
        workers = min(self._workers, len(tasks))
        with _environment(_ONE_THREAD):
            pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=_begin, initargs=(prepare, shared))
            try:
                pending: dict[Future[Any], Task] = {pool.submit(_do, task): task for task in tasks}
                while pending:
                    done = wait(pending, return_when=FIRST_COMPLETED).done
                    # What was finished first: when a worker dies, all that is left fails at once.
                    for future in sorted(done, key=lambda each: each.exception() is not None):
                        yield pending.pop(future), future.result()
            except BrokenProcessPool:
                raise WorkerLost("a worker process ended in the middle of its work") from None
            finally:
                pool.shutdown(cancel_futures=True)


_work: Callable[[Any], Any] | None = None
"""Of this worker."""


def _begin(prepare: Callable[[Any], Callable[[Any], Any]], shared: Any) -> None:
    # Ctrl-C reaches the whole group of processes; the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow_parent, daemon=True).start()
    global _work
    _work = prepare(shared)


def _do(task: Any) -> Any:
    return _work(task)


def _follow_parent() -> None:
    """End with the parent, however it ends: a worker that waits for its next task would wait for ever."""
    multiprocessing.parent_process().join()
    os._exit(1)


@contextlib.contextmanager
def _environment(changes: dict[str, str]) -> Iterator[None]:
    """For processes that are started within."""
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
