"""Target networks: copies that follow what is learned slowly, so that a value does not chase itself."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import nn

Module = TypeVar("Module", bound=nn.Module)


def slow_copy(module: Module) -> Module:
    """A copy of its own, without gradients."""
    return copy.deepcopy(module).requires_grad_(False)


@torch.no_grad()
def follow(slow: nn.Module, module: nn.Module, rate: float) -> None:
    """Move every parameter of `slow` by `rate` of the way to that of `module`.

    A rate of 1 copies it (doi 10.1038/nature14236), less makes Polyak's average (arXiv 1509.02971).
    """
    for mine, other in zip(slow.parameters(), module.parameters(), strict=True):
        mine.lerp_(other, rate)
