"""Where independent tasks run: in this process, in a pool of processes, or on a Ray cluster.

Every executor does the same: `prepare(shared)` once for each worker, which gives `work`, then `work(task)` for each task. What a worker
keeps from one task to the next it sets up in `prepare`. Results come as tasks end, in any order.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Protocol, TypeVar

Shared = TypeVar("Shared")
Task = TypeVar("Task")
Result = TypeVar("Result")


class WorkerLost(RuntimeError):
    """A worker ended in the middle of a task: killed, or out of memory."""


class Executor(Protocol):
    """Runs tasks."""

    def run(
        self, prepare: Callable[[Shared], Callable[[Task], Result]], shared: Shared, tasks: Sequence[Task]
    ) -> Generator[tuple[Task, Result], None, None]:
        """Each task with its result, as they end.

        Closing the iterator early drops the tasks that have not begun.

        Args:
            prepare: a function at the top level of a module; called once a worker.
            shared: its argument. It is sent to each worker once; like tasks and results it can be pickled.
            tasks: to run.

        Raises:
            WorkerLost: a worker ended in the middle of a task.
        """
