"""What a configuration may say of one robot that learns to play against its team."""

from __future__ import annotations

from training.learner_configs import Part


class AdversaryConfig(Part):
    """One robot that learns against the others, whose exported actors never change.

    Attributes:
        victims: bundle of the team, on whose robots it learns; empty for a team that learns together.
        robot: the agent of the team that is replaced.
    """

    victims: str = ""
    robot: int = 0
