"""Who takes which landmark, as each robot computes it for all that it knows: scores balanced between robots and landmarks by turns.

Sinkhorn networks (arXiv 1802.08665): a landmark that many want becomes dear, as in an auction, and a gradient goes through all of it.
"""

from __future__ import annotations

import torch
from torch import Tensor

STAGES = (0.25, 0.5, 1.0)
"""Shares of the scores that are balanced one after the other, each from the prices of the one before: epsilon scaling, as sharp assignments
are found in optimal transport (arXiv 1610.06519). 15 rounds in all then do as much for ten robots as 25 of the full scores."""
FAINTEST = -20.0
"""Least score of a landmark, counted from the robot's best: with a sharpness of 16, of one that is 1.25 units farther away."""
RELAXATION, FARTHEST = 0.6, 1e3
"""Each round goes so much farther, in logarithms (over-relaxed Sinkhorn, arXiv 1711.01851), by this factor at most: who is left over where
robots are more than landmarks takes many rounds to find out, and this is worth two of them."""
LEAST = 1e-12
"""Least divisor. It is a bound, not a summand: what onnxruntime computed where such a constant was added was what it is without it."""


def own_share(score: Tensor, known: Tensor, spots_known: Tensor, rounds: int) -> Tensor:
    """What part of the first robot goes to each landmark; all of it, unless robots are more than landmarks.

    Args:
        score: what each robot makes of each landmark [heads, R, L, M].
        known: [R, M], 1 for robots that there are, else 0; the first is there.
        spots_known: [L, M], of landmarks.
        rounds: of each of three stages.

    Returns:
        [heads, L, M].
    """
    there = known[:, None] * spots_known  # [R, L, M]
    # A robot's scores count from its best one: what all its landmarks have in common is taken off by the balance anyway.
    best = torch.where(there > 0, score, -1e9).amax(2, keepdim=True).detach()
    score = (score - best).clamp(FAINTEST, 0.0)
    # Where landmarks are more, nobody takes the rest, and wants all of them alike; where robots are more, the rest goes nowhere, and
    # that is worth as much to each: by a robot's own count the more, the worse its best landmark is.
    least = torch.where(known > 0, best[:, :, 0], 1e9).amin(1, keepdim=True)
    leave = (least - best[:, :, 0]).clamp(FAINTEST, 0.0)
    surplus = known.sum(0) - spots_known.sum(0)
    few, many = (-surplus).clamp(min=0.0), surplus.clamp(min=0.0)
    # Only the last stage is learned through; those before give it prices to begin with.
    price = spots_known.expand_as(score[:, 0])
    for stage in STAGES[:-1]:
        wishes = torch.exp(stage * score.detach()) * there, torch.exp(stage * leave)
        _, price = _balance(*wishes, price, known, spots_known, few, many, rounds)
        # As prices of twice the scores; only their ratios count.
        price = (price / price.amax(1, keepdim=True).clamp(min=LEAST)).square()
    wish = torch.exp(score) * there  # [heads, R, L, M]
    robot, price = _balance(wish, torch.exp(leave), price, known, spots_known, few, many, rounds)
    return wish[:, 0] * price * robot[:, :1]


def _balance(
    wish: Tensor, leave: Tensor, price: Tensor, known: Tensor, spots_known: Tensor, few: Tensor, many: Tensor, rounds: int
) -> tuple[Tensor, Tensor]:
    """What makes of wishes [heads, R, L, M] what each robot gives to each landmark.

    Args:
        wish: for each landmark.
        leave: to go nowhere [heads, R, M].
        price: to begin with [heads, L, M].
        known: [R, M], robots.
        spots_known: [L, M].
        few, many: landmarks that no robot is left for, and robots that no landmark is left for [M].
        rounds: in which it is balanced.

    Returns:
        Factors of robots [heads, R, M] and of landmarks [heads, L, M].
    """
    robot = known / (wish * price[:, None]).sum(2).clamp(min=LEAST)
    nowhere = many / (leave * robot).sum(1).clamp(min=LEAST)
    for _ in range(rounds):
        nobody = few / price.sum(1).clamp(min=LEAST)
        price = _farther(price, spots_known / ((wish * robot[:, :, None]).sum(1) + nobody[:, None]).clamp(min=LEAST))
        nowhere = _farther(nowhere, many / (leave * robot).sum(1).clamp(min=LEAST))
        robot = known / ((wish * price[:, None]).sum(2) + leave * nowhere[:, None]).clamp(min=LEAST)
    return robot, price


def _farther(before: Tensor, now: Tensor) -> Tensor:
    """A little farther than a round takes a factor; both zero for what is not there."""
    return now * (now / before.clamp(min=LEAST)).clamp(1.0 / FARTHEST, FARTHEST) ** RELAXATION
