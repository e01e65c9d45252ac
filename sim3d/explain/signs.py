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
    "voice": "what two peers hear of it, or it of them, is wrong or late or missing, and who hears it acts on that",
    "silence": "what one peer hears of it, or it of that one, is late, and so is more of what it hears and says than of what that one does",
    "motion": "it does not move as it commands",
}
"""Sign -> what it says of a robot."""
TINY = 1e-6
"""Rounding of sums of ages [s]."""


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
    between = _between(heard)
    limit = np.array([actor.contract.action.limit for actor in actors])
    return {
        "senses": senses,
        "voice": np.sort(between, axis=-1)[..., -2] if len(actors) > 1 else senses * 0.0,
        "silence": np.where(_later(record), between, 0.0).max(axis=-1),
        "motion": motion.deviation(record) / limit,
    }


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


def _between(heard: np.ndarray) -> np.ndarray:
    """What has gone wrong so far between every two robots, one way or the other: [B, T, N, N] of [B, T, N, N].

    Nobody can say whose fault that is, before one of the two gets on as badly with another.
    """
    return np.maximum.accumulate(np.maximum(heard, np.swapaxes(heard, -1, -2)), axis=1)


def _later(record: Record) -> np.ndarray:
    """Between which two robots messages have been late so far, and who of the two is later with the others.

    Returns:
        Booleans [B, T, N, N]: the one who is later, the other one.
    """
    age = np.stack([view.peers_age for view in record.views], axis=1).cumsum(axis=1)
    robots = age.shape[2]
    between = np.zeros((*age.shape[:3], robots))
    for slot in range(robots - 1):
        speaker = [slot + (slot >= me) for me in range(robots)]
        between[:, :, np.arange(robots), speaker] = age[..., slot]
    between = between + np.swapaxes(between, -1, -2)
    punctual = np.where(np.eye(robots, dtype=bool), np.inf, between).min(axis=(-1, -2), keepdims=True)
    others = between.sum(axis=-1, keepdims=True) - between
    return (between > punctual + TINY) & (others > np.swapaxes(others, -1, -2) + TINY)
