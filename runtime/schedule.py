"""When the actor runs, and when what it says takes effect."""

from __future__ import annotations

from collections import deque

import numpy as np

from robots.spec import RobotSpec
from runtime.contract import Contract


class HeldAction:
    """Holds an action from one run of the actor to the next, and issues it so that the robot *follows* it when the policy meant it to.

    The contract's `effect_delay` says how long after the observation an action is meant to take effect. A robot trails its command by
    its response time, so the command goes out that much earlier: max(0, effect_delay - response_time) after the observation.

    Times are ticks since the episode began. The grid of runs starts at the first tick that is asked for, so a robot that arms in
    mid-episode acts at once; a tick that was missed delays one run and leaves the grid where it was.

    Args:
        every: ticks from one run of the actor to the next, at least 1.
        delay: ticks from an observation to the issue of its action, at least 0.
        shape: of one action, with any leading dimensions: `(2,)` on a robot, `(B, N, 2)` for a batch of teams.
    """

    def __init__(self, every: int, delay: int = 0, shape: tuple[int, ...] = (2,)) -> None:
        if every < 1 or delay < 0:
            raise ValueError(f"every is {every} (at least 1), delay is {delay} (at least 0)")
        self.every = every
        self.delay = delay
        self._next: int | None = None
        self._held = np.zeros(shape)
        self._waiting: deque[tuple[int, np.ndarray]] = deque()

    @classmethod
    def for_robot(cls, contract: Contract, spec: RobotSpec, loop_period: float, shape: tuple[int, ...] = (2,)) -> HeldAction:
        """The schedule of one actor on one kind of robot, whose control loop has a period of `loop_period` [s]."""
        delay = max(0.0, contract.action.effect_delay - spec.response_time)
        return cls(round(contract.period / loop_period), round(delay / loop_period), shape)

    def due(self, elapsed: int) -> bool:
        """Whether the actor has to run at this tick."""
        return self._next is None or elapsed >= self._next

    def offer(self, action: np.ndarray, elapsed: int) -> None:
        """Hand over the action that came of the observation of tick `elapsed`."""
        start = elapsed if self._next is None else self._next
        self._next = start + self.every * ((elapsed - start) // self.every + 1)
        self._waiting.append((elapsed + self.delay, action))

    def at(self, elapsed: int) -> np.ndarray:
        """The action to command at this tick: zero until the first one is due."""
        while self._waiting and self._waiting[0][0] <= elapsed:
            self._held = self._waiting.popleft()[1]
        return self._held
