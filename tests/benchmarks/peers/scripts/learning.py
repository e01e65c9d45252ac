"""The measured side of a race to a trained team: a process of its own that says from time to time how good its team is.

The scripts of this folder run in the Python of the system that they measure, so they import nothing of fieldswarm but this file.
"""

from __future__ import annotations

import json
import os
import sys
import time

LANDMARKS = slice(4, 10)
"""Where an observation of JaxMARL's and of VMAS' simple_spread has the three landmarks, from the robot: after its velocity and position."""

CAPTURE_RADIUS = 0.1
"""Of mpe2's success: at some step every landmark has a robot that is closer."""


class Race:
    """This process. Its arguments: threads, seed, and after how long it ends [s]. Make it before any library is imported."""

    def __init__(self) -> None:
        self.threads, self.seed, self._limit = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
        os.environ["OMP_NUM_THREADS"] = str(self.threads)
        self._begin = time.monotonic()
        self._said = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)  # what libraries print is no result

    def elapsed(self) -> float:
        """Time since the start [s]."""
        return time.monotonic() - self._begin

    def say(self, steps: int, success: float, episode_return: float) -> None:
        """Say how good the team is after so many env steps, and end when the time is over."""
        print(json.dumps({"steps": steps, "success": success, "return": episode_return}), file=self._said, flush=True)
        if self.elapsed() > self._limit:
            self._said.close()
            os._exit(0)  # the learner's own threads and pools are not waited for
