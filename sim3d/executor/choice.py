"""The executors by name, each imported when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence

from robots.errors import InputError
from sim3d.executor.interface import Executor, Result, Shared, Task

EXECUTORS = ("in-process", "processes", "ray")


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
            from sim3d.executor.ray import RayCluster
        except ModuleNotFoundError as error:
            if error.name != "ray":
                raise
            raise InputError("executor 'ray' needs the extra 'cluster': pip install 'fieldswarm[cluster]'") from None
        return RayCluster(workers)
    if workers < 1:
        raise InputError(f"--workers: is {workers}, executor 'processes' needs at least 1")
    from sim3d.executor.processes import ProcessPool

    return ProcessPool(workers)
