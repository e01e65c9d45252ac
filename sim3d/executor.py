"""Where independent tasks run: in this process, in a pool of processes, or on a Ray cluster.

Every executor does the same: `prepare(shared)` once for each worker, which gives `work`, then `work(task)` for each task. What a worker
keeps from one task to the next it sets up in `prepare`. Results come as tasks end, in any order.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Protocol, TypeVar

from robots.errors import InputError

Shared = TypeVar("Shared")
Task = TypeVar("Task")
Result = TypeVar("Result")

EXECUTORS = ("in-process", "processes", "ray")


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


class InProcess:
    """One task after the other, here."""

    def run(
        self, prepare: Callable[[Shared], Callable[[Task], Result]], shared: Shared, tasks: Sequence[Task]
    ) -> Generator[tuple[Task, Result], None, None]:
        """As `Executor.run`."""
        work = prepare(shared)
        for task in tasks:
            yield task, work(task)


def make_executor(name: str, workers: int) -> Executor:
    """An executor by its name.

    Args:
        name: one of EXECUTORS.
        workers: processes of a pool; of Ray how many tasks run at once, 0 for one on each of its CPUs.

    Raises:
        InputError: a pool without workers, or Ray is not installed.
    """
    if name == "in-process":
        return InProcess()
    if name == "ray":
        try:
            from sim3d.executor_ray import RayCluster
        except ModuleNotFoundError as error:
            if error.name != "ray":
                raise
            raise InputError("executor 'ray' needs the extra 'cluster': pip install 'fieldswarm[cluster]'") from None
        return RayCluster(workers)
    if workers < 1:
        raise InputError(f"--workers: is {workers}, executor 'processes' needs at least 1")
    from sim3d.executor_processes import ProcessPool

    return ProcessPool(workers)
