"""By which signs a robot that fails gives itself away, in units of action: what its actor, and those of its peers, would have done else.

The measure is the policy's own cost of Shefin et al. (Interpretable Failure Analysis in Multi-Agent Reinforcement Learning Systems, AAMAS
2026, arXiv 2602.08104): the *action commitment cost* J(o, a) = -log pi(a | o), with the action a held fixed, and its Taylor remainder
L(eta) = J(o + eta, a) - J(o, a) - grad J(o, a)' eta. An exported actor is the mean mu(o) of a Gaussian of constant width s. At the
observation that an action came of, J is at its minimum and its gradient is zero, so the remainder is all there is:

    L(eta) = |mu(o + eta) - mu(o)|^2 / (2 s^2)

Its root is reported, |mu(o + eta) - mu(o)|, which needs no s. Their eta is a perturbation. Ours is the error of what a robot was told,
against the truth, and it is taken apart by who told it; so a robot that reacts as its actor should to what a peer does, or to what a peer
makes it believe, is not suspected for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from runtime.actor import OnnxActor
from runtime.observation import View, observe, of_others
from sim3d.explain.motion import MotionModel
from sim3d.explain.record import Record

SIGNS = {
    "senses": "what it knows of itself is wrong, and it acts on that",
    "radio": "what it tells two of its peers, or they tell it, arrives wrong or late or not at all, and who hears it acts on that",
    "motion": "it does not move as it commands",
}
"""Sign -> what it says of a robot."""


def signs_of(record: Record, actors: Sequence[OnnxActor], motion: MotionModel) -> dict[str, np.ndarray]:
    """How far each robot deviates at each control step.

    Args:
        record: of B missions.
        actors: by agent; `action.limit` of their contracts is 1 here.
        motion: of healthy robots.

    Returns:
        Sign -> [B, T, N].
    """
    steps = [_told(record, step, actors) for step in range(len(record.views))]
    senses, heard = (np.stack([each[index] for each in steps], axis=1) for index in (0, 1))
    limit = np.array([actor.contract.action.limit for actor in actors])
    return {"senses": senses, "radio": _radio(heard), "motion": motion.deviation(record) / limit}


def _told(record: Record, step: int, actors: Sequence[OnnxActor]) -> tuple[np.ndarray, np.ndarray]:
    """What errors in what the robots were told at one step change in their actions.

    Returns:
        By errors in what each measured of itself [B, N], and in what each heard (second axis) of each (third axis): [B, N, N].
    """
    told, true = record.views[step], truth(record, step)
    robots = len(actors)

    def actions(view: View) -> np.ndarray:
        return actions_of(view, record.memories[step], actors)

    def difference(view: View) -> np.ndarray:
        return np.linalg.norm(actions(view) - right, axis=-1)

    right = actions(true)
    senses = difference(replace(true, own_position=told.own_position, own_velocity=told.own_velocity))
    heard = np.zeros((*right.shape[:2], robots))
    for slot in range(robots - 1):
        speaker = [slot + (slot >= me) for me in range(robots)]
        heard[:, np.arange(robots), speaker] = difference(_with_peer(true, told, slot))
    return senses, heard


def truth(record: Record, step: int) -> View:
    """What the robots would know if all that they are told were true and new."""
    told, position, velocity = record.views[step], record.position[:, step], record.velocity[:, step]
    return replace(
        told,
        own_position=position,
        own_velocity=velocity,
        peers=of_others(position),
        peers_velocity=of_others(velocity),
        peers_age=np.zeros_like(told.peers_age),
        peers_known=np.ones_like(told.peers_known),
    )


def actions_of(view: View, memories: Sequence[np.ndarray], actors: Sequence[OnnxActor]) -> np.ndarray:
    """What the actors do [B, N, 2], in units of their largest action, when they know this [B, N, ...] and remember that."""
    observations = {layout: observe(layout, view) for layout in {actor.contract.layout for actor in actors}}
    return np.stack(
        [
            actor.act(observations[actor.contract.layout][:, agent], memory)[0].astype(float) / actor.contract.action.limit
            for agent, (actor, memory) in enumerate(zip(actors, memories, strict=True))
        ],
        axis=1,
    )


def _with_peer(true: View, told: View, slot: int) -> View:
    """The truth, but for what is told of one peer."""

    def put(name: str) -> np.ndarray:
        values = getattr(true, name).copy()
        values[:, :, slot] = getattr(told, name)[:, :, slot]
        return values

    return replace(true, **{name: put(name) for name in ("peers", "peers_velocity", "peers_age", "peers_known")})


def _radio(heard: np.ndarray) -> np.ndarray:
    """[B, T, N] from [B, T, N, N].

    Between two robots nobody can say whose fault it is: not before one of them gets on as badly with another. So it is the second largest
    that counts of what has gone wrong so far between a robot and each of its peers, one way or the other.
    """
    between = np.maximum.accumulate(np.maximum(heard, np.swapaxes(heard, -1, -2)), axis=1)
    return np.sort(between, axis=-1)[..., -2] if between.shape[-1] > 1 else between[..., 0]
