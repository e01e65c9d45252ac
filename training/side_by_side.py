"""Networks that learn at the same time, each from the same batch and by itself."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

Networks = TypeVar("Networks", bound=nn.Module)


@dataclass(frozen=True)
class Pupil(Generic[Networks]):
    """What learns by itself: one robot's network, or the one that all share.

    Attributes:
        robots: whose it is.
        network: on the same memory as the team's.
        optimizer: of this network alone.
    """

    robots: slice
    network: Networks
    optimizer: torch.optim.Optimizer

    def improve(self, loss: Tensor, max_grad_norm: float) -> None:
        """One step down the gradient of `loss`, which is cut to a norm of `max_grad_norm`."""
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), max_grad_norm)
        self.optimizer.step()


def pupils(networks: Networks, robots: int, shared: bool, learning_rate: float) -> list[Pupil[Networks]]:
    """A team's networks as those that learn by themselves.

    Args:
        networks: of the team; the robot is the first dimension of every parameter, unless all share.
        robots: N.
        shared: whether all share one.
        learning_rate: of Adam.
    """
    parts = [(slice(robots), networks)] if shared else [(slice(robot, robot + 1), _in_place(networks, robot)) for robot in range(robots)]
    return [Pupil(part, network, torch.optim.Adam(network.parameters(), lr=learning_rate, eps=1e-5, fused=True)) for part, network in parts]


def _in_place(networks: Networks, robot: int) -> Networks:
    """One robot's networks as a team of one, on the same memory: what it learns, the team's know."""
    one = copy.deepcopy(networks)
    for mine, ours in zip(one.parameters(), networks.parameters(), strict=True):
        mine.data = ours.data[robot : robot + 1]
    return one


Result = TypeVar("Result")


def side_by_side(jobs: Sequence[Callable[[], Result]], threads: int) -> list[Result]:
    """Run jobs that share nothing they change, in at most `threads` threads; results in order, the same for any number of threads.

    torch lets go of Python's lock while it computes.
    """
    if threads == 1:
        return [job() for job in jobs]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda job: job(), jobs))
