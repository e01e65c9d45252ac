"""The contract of an actor: what a front end, a similarity and a robot make of it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from robots.spec import RobotSpec
from runtime.contract import ActionShape, Contract, Entities, Message, Training
from runtime.observation import field_shapes
from sim3d.spread import CAPTURE_RADIUS, DT, ROBOT_RADIUS
from training.similarity import Similarity

PERIOD_TOLERANCE = 0.01
"""simple_spread's step is fixed, so a policy has seen no other period; 1 % is what rounding a loop's rate needs."""


def contract_for(
    agent: int,
    robots: int,
    spec: RobotSpec,
    similarity: Similarity,
    layout: Sequence[str],
    state: Sequence[float],
    training: Training,
    entities: Entities | msgspec.UnsetType = msgspec.UNSET,
    message: Message | msgspec.UnsetType = msgspec.UNSET,
) -> Contract:
    """The contract of one actor.

    Args:
        agent: which agent of the team.
        robots: N, with as many landmarks.
        spec: of its robot; one that takes forces is simple_spread's own, which has its own units.
        similarity: onto the robot (unused for one that takes forces).
        layout: of the observation.
        state: initial value.
        training: where the actor comes from.
        entities: teams of other sizes that the actor is for.
        message: what it says to its peers.
    """
    dimensionless = spec.action == "force"
    unit = 1.0 if dimensionless else similarity.arena_half_size
    period = DT if dimensionless else similarity.period
    action = (
        ActionShape(kind="force", limit=1.0, unit="1", effect_delay=0.0)
        if dimensionless
        else ActionShape(kind="velocity_setpoint", limit=similarity.top_speed, unit="m/s", effect_delay=period)
    )
    return Contract(
        team_size=robots,
        landmarks=robots,
        agent=agent,
        observation=field_shapes(layout, robots, robots, message.size if message else 0),
        state_initial=tuple(state),
        action=action,
        period=period,
        period_tolerance=PERIOD_TOLERANCE,
        arena_half_size=unit,
        capture_radius=CAPTURE_RADIUS * unit,
        robot_radius=ROBOT_RADIUS * unit,
        robot_kinds=(spec.kind,),
        training=training,
        entities=entities,
        message=message,
    )
