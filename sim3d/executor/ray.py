"""Tasks on a Ray cluster: the one that RAY_ADDRESS names, else one that is started on this machine and ended again.

Every machine of the cluster has fieldswarm installed, with the extra `sim` and the same versions; files travel with the tasks. Ray runs a
task again, up to three times, when the machine or the process that ran it is lost (https://docs.ray.io/en/latest/ray-core/fault-tolerance.html).
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Generator, Sequence
from typing import Any

import ray

from sim3d.executor.interface import Result, Shared, Task, WorkerLost

_RETRIES = 3
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class RayCluster:
    """Tasks on one CPU of a cluster each.

    Args:
        workers: how many tasks may run at once; 0 for as many as there are CPUs.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers

    def run(
        self, prepare: Callable[[Shared], Callable[[Task], Result]], shared: Shared, tasks: Sequence[Task]
    ) -> Generator[tuple[Task, Result], None, None]:
        """As `sim3d.executor.interface.Executor.run`."""
        if not tasks:
            return
        elsewhere = "RAY_ADDRESS" in os.environ
        ray.init(
            num_cpus=None if elsewhere else self._workers or None,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            runtime_env={"env_vars": _ONE_THREAD},
        )
        try:
            kept = ray.put(shared)
            do = ray.remote(num_cpus=1, max_retries=_RETRIES)(_do)
            waiting = list(reversed(tasks))
            running: dict[Any, Task] = {}
            while waiting or running:
                while waiting and len(running) < (self._workers or len(tasks)):
                    task = waiting.pop()
                    # In a list, or Ray would send the object itself with every task.
                    running[do.remote(prepare, kept.hex(), [kept], task)] = task
                (ended, *_), _ = ray.wait(list(running), num_returns=1)
                yield running.pop(ended), ray.get(ended)
        except (ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError, ray.exceptions.NodeDiedError) as error:
            raise WorkerLost(f"Ray lost a worker {_RETRIES + 1} times: {type(error).__name__}") from None
        finally:
            ray.shutdown()


_prepared: dict[str, Callable[[Any], Any]] = {}
"""Of this worker, by the object that it was prepared with; Ray runs many tasks in one process."""


def _do(prepare: Callable[[Any], Callable[[Any], Any]], name: str, shared: list[Any], task: Any) -> Any:
    if name not in _prepared:
        _prepared.clear()
        _prepared[name] = prepare(ray.get(shared[0]))
    return _prepared[name](task)
