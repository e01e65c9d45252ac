"""A replay buffer of whole episodes, from which single transitions are drawn."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from training.rollout import Batch


@dataclass(frozen=True)
class Transitions:
    """M transitions of N robots, each drawn by itself; none is the end of an episode, since episodes are cut at the horizon, not ended.

    Attributes:
        seen: [N, M, D], what the actors read.
        choice: [N, M, ...], as the policy drew it.
        reward: [N, M].
        following: [N, M, D], what the actors read after the step.
    """

    seen: Tensor
    choice: Tensor
    reward: Tensor
    following: Tensor


class Replay:
    """The newest episodes, at most `capacity` of them. An episode's T + 1 observations are stored once, not twice for each transition.

    Args:
        capacity: in episodes.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._added = 0
        self._stored: dict[str, Tensor] = {}

    def __len__(self) -> int:
        """Episodes that are there."""
        return min(self._added, self.capacity)

    def add(self, batch: Batch) -> None:
        """Take in a batch of episodes, at most `capacity`, in place of the oldest."""
        episodes = {name: getattr(batch, name).movedim(2, 0) for name in ("seen", "choice", "reward")}
        if not self._stored:
            self._stored = {name: torch.empty(self.capacity, *part.shape[1:], dtype=part.dtype) for name, part in episodes.items()}
        count = len(episodes["reward"])
        places = (self._added + torch.arange(count)) % self.capacity
        for name, part in episodes.items():
            self._stored[name][places] = part
        self._added += count

    def sample(self, size: int, generator: torch.Generator) -> Transitions:
        """Draw `size` transitions, each as likely as any other, with replacement."""
        seen, choice, reward = (self._stored[name] for name in ("seen", "choice", "reward"))
        episode = torch.randint(len(self), (size,), generator=generator)
        step = torch.randint(reward.shape[1], (size,), generator=generator)
        drawn = (seen[episode, step], choice[episode, step], reward[episode, step], seen[episode, step + 1])
        return Transitions(*(part.transpose(0, 1) for part in drawn))

    def state_dict(self) -> dict[str, object]:
        """The episodes that are there."""
        return {"added": self._added, **{name: part[: len(self)].clone() for name, part in self._stored.items()}}

    def load_state_dict(self, state: dict) -> None:
        """Continue where `state_dict` was taken."""
        self._added = state["added"]
        self._stored = {}
        for name, part in state.items():
            if name != "added":
                self._stored[name] = torch.empty(self.capacity, *part.shape[1:], dtype=part.dtype)
                self._stored[name][: len(self)] = part
