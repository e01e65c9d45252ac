"""The measured side of a comparison: a process of its own that plays episodes when it is asked to, one question at a time.

The scripts of this folder run in the Python of the system that they measure, so they import nothing of fieldswarm but this file.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable

ROBOTS = 3
HORIZON = 25
"""Steps from one reset to the next, of simple_spread_v3."""


class Measured:
    """This process. Make it before any library is imported that looks how many CPUs there are, or prints.

    Attributes:
        threads: the first argument of the process; it is confined to as many CPUs.
    """

    def __init__(self) -> None:
        self.threads = int(sys.argv[1])
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: self.threads])
        os.environ["OMP_NUM_THREADS"] = str(self.threads)
        self._answers = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)  # what libraries print is no answer

    def answer(self, prepare: Callable[[int], Callable[[], int]]) -> None:
        """Answer questions from standard input, a line of JSON each, until it closes.

        A question has `batch` and `seconds`. The answer has `rate` [env steps/s], of whole episodes that take that long together at least,
        and `first` [s], the time of the first episode of a batch size, which compiles and is not in the rate.

        Args:
            prepare: makes from a batch size what plays one episode of the whole batch and returns how many env steps that was.
        """
        prepared: dict[int, Callable[[], int]] = {}
        for line in sys.stdin:
            question = json.loads(line)
            batch, first, begin = question["batch"], 0.0, time.perf_counter()
            if batch not in prepared:
                prepared[batch] = prepare(batch)
                prepared[batch]()
                first = time.perf_counter() - begin
            episode, steps, begin = prepared[batch], 0, time.perf_counter()
            while (elapsed := time.perf_counter() - begin) < question["seconds"]:
                steps += episode()
            print(json.dumps({"rate": steps / elapsed, "first": first}), file=self._answers, flush=True)
