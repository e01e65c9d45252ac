"""What a configuration may say of actors that read any number of robots and landmarks, and of the teams that they learn in."""

from __future__ import annotations

from typing import Literal

from training.learner_configs import Part

TEAM_SIZE = 3
"""Robots and landmarks of the team that entity actors are measured in, in an arena of one unit: simple_spread's."""


class EntitiesConfig(Part):
    """Entity actors (`network.kind: entities`), and teams of 1 to `world.robots` robots.

    Attributes:
        most: robots, and landmarks, of the largest team that exported actors are for.
        nearest: landmarks, and robots with itself, that a robot takes into account at most: its cost is then the same in any team.
        heads: assignments that are computed side by side.
        rounds: in which each of three stages of an assignment is balanced between robots and landmarks.
        least: robots of the smallest team.
        uneven: share of the episodes with one landmark more or less than robots.
        changes: probability that a robot leaves within an episode, and that one arrives.
        hearing: range of what robots hear of each other, drawn for each episode from least to most [simple_spread's units]: a peer beyond
            it is not known. (0, 0) for no limit.
        credit: what each robot is paid for the coverage: that of its `team`, as simple_spread does, or the `difference` that it makes
            itself (difference rewards: Wolpert and Tumer, Advances in Complex Systems 4 (2001) 265).
        words: numbers that each robot says to those that hear it, in each step, to be read in the next; 0 for teams that are silent.
        word_kind: `numbers`, any; or `bits`, each of which is -1 or 1.
        word_loss: share of the messages that are lost while they learn.
        drift: largest speed of landmarks [simple_spread's units/s]. Each episode's is uniform in 0 ... drift, each landmark's direction is
            uniform, and it turns round at the edge of the episode's arena. Above 0 robots read the velocities of landmarks; evaluations are
            flown at drift / 2.
    """

    most: int = 30
    nearest: int = 16
    heads: int = 2
    rounds: int = 5
    least: int = 2
    uneven: float = 0.3
    changes: float = 0.3
    hearing: tuple[float, float] = (0.0, 0.0)
    credit: Literal["team", "difference"] = "difference"
    words: int = 0
    word_kind: Literal["numbers", "bits"] = "numbers"
    word_loss: float = 0.0
    drift: float = 0.0
