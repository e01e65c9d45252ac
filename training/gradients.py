"""Gradients of networks that learn side by side."""

from __future__ import annotations

import torch
from torch import nn


def clip_each_robot(networks: nn.Module, largest: float) -> None:
    """Scale each robot's gradient to a norm of at most `largest`; the robot is the first dimension of every parameter.

    A network that all robots share is a team of one here.
    """
    gradients = [parameter.grad for parameter in networks.parameters()]
    squares = torch.stack([(gradient * gradient).flatten(1).sum(1) for gradient in gradients]).sum(0)
    scale = (largest / (squares.sqrt() + 1e-6)).clamp(max=1.0)
    for gradient in gradients:
        gradient.mul_(scale.reshape(-1, *[1] * (gradient.dim() - 1)))
