"""Work for executors, in a module that workers on any machine can import."""

from __future__ import annotations

import os
import signal


class Adder:
    """Adds what is shared to each task; says in which process, how often that was set up, and how many threads it may have."""

    made = 0

    def __init__(self, shared: int) -> None:
        Adder.made += 1
        self._shared = shared

    def __call__(self, task: int) -> tuple[int, int, int, str]:
        if task == -1:
            os.kill(os.getpid(), signal.SIGKILL)
        if task == -2:
            raise ValueError("task -2 cannot be")
        return task + self._shared, os.getpid(), Adder.made, os.environ.get("OMP_NUM_THREADS", "")
