"""What a learner learns from: whole episodes of a team."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass
class Batch:
    """T steps of B episodes of N robots.

    Attributes:
        seen: [T + 1, N, B, D], what the actors read; the last one is that after the last step.
        judged: [T + 1, N, B, E], what the critics read, or [T + 1, 1, B, E] where all read the same.
        choice: [T, N, B, ...], as the policy drew it.
        log_probability: [T, N, B].
        reward: [T, N, B].
        present: [T, N, B], whether a robot is there before and after the step, so that there is something to learn from it; None where all
            always are.
    """

    seen: Tensor
    judged: Tensor
    choice: Tensor
    log_probability: Tensor
    reward: Tensor
    present: Tensor | None = None
