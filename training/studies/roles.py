"""Do robots specialise? Mutual information between who a robot is and the role that it plays, in bits.

A role is which of the N landmarks a robot stands on at the end of an episode. Landmarks are drawn alike, so what they are told apart by is
a choice, and there are three:

- `number`: the landmark's place in the observation. It says nothing about the arena; robots that share all their weights and read the same
  order have no other way to agree who goes where than what they see, so separate networks may settle on it, and shared ones on ids.
- `east`: the landmark's rank from west to east. Robots may divide the arena among themselves.
- `choice`: the landmark's rank among all by distance from the robot's own start. A robot that always takes its nearest has precedence over
  one that takes what is left.

Roles are counted where a robot stands on a landmark: closer than its radius, as in `success_body`. Of N equally frequent robots that never
change roles the information is log2 N (1.585 bits for three), of robots that do not care who they are 0.
"""

from __future__ import annotations

import numpy as np

from sim3d.spread_task import distances

NOWHERE = -1
"""Role of a robot that stands on no landmark."""
SHUFFLES = 20
LEAST = 100
"""Robots on landmarks, over all episodes, that an estimate needs."""
_SEED = 4_000_037


def roles_at_end(position: np.ndarray, landmarks: np.ndarray, radius: float) -> dict[str, np.ndarray]:
    """The role of each robot at the end of each episode.

    Args:
        position: [E, T + 1, N, 2].
        landmarks: [E, L, 2].
        radius: of a robot.

    Returns:
        For each way to tell landmarks apart [E, N] integers, 0 to L - 1 or NOWHERE.
    """
    reach = distances(position[:, -1], landmarks)
    number = np.where(reach.min(axis=-1) < radius, reach.argmin(axis=-1), NOWHERE)
    east = _ranks(landmarks[..., 0])[:, None].repeat(position.shape[2], axis=1)
    choice = _ranks(distances(position[:, 0], landmarks))
    return {"number": number, "east": _role(east, number), "choice": _role(choice, number)}


def specialisation(roles: np.ndarray, roles_there_are: int) -> float:
    """Mutual information between robot and role [bits], less what it would be by chance; NaN of fewer than LEAST robots on landmarks.

    Chance is the mean over SHUFFLES in which the robots of each episode swap their names at random. It has as many robots on landmarks in
    the same episodes, so the bias of the estimate, which is upwards in few samples (Paninski, Neural Computation 15 (2003) 1191), goes
    with it.

    Args:
        roles: [E, N], as of `roles_at_end`.
        roles_there_are: L.
    """
    if (roles != NOWHERE).sum() < LEAST:
        return float("nan")
    generator = np.random.default_rng(_SEED)
    chance = [mutual_information(generator.permuted(roles, axis=1), roles_there_are) for _ in range(SHUFFLES)]
    return mutual_information(roles, roles_there_are) - float(np.mean(chance))


def mutual_information(roles: np.ndarray, roles_there_are: int) -> float:
    """Of robot and role [bits], from their frequencies in [E, N]; robots without a role are not counted."""
    counts = np.stack([np.bincount(own[own != NOWHERE], minlength=roles_there_are) for own in roles.T])
    joint = counts / counts.sum()
    apart = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    happens = joint > 0
    return float((joint[happens] * np.log2(joint[happens] / apart[happens])).sum())


def _ranks(values: np.ndarray) -> np.ndarray:
    """The place of each number in the order of its last axis, from 0."""
    return np.argsort(np.argsort(values, axis=-1, kind="stable"), axis=-1, kind="stable")


def _role(ranks: np.ndarray, number: np.ndarray) -> np.ndarray:
    """The rank, of [E, N, L], of the landmark of that number [E, N]."""
    rank = np.take_along_axis(ranks, np.maximum(number, 0)[..., None], axis=-1)[..., 0]
    return np.where(number == NOWHERE, NOWHERE, rank)
