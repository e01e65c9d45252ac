"""The safety gates of the robots of simulated teams: to each robot the limits of its kind, and a barrier against its own neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from robots.spec import RobotSpec
from runtime.barrier import Barrier, Neighbours, barrier_for
from runtime.safety import Gated, Limits, gate
from runtime.team import Separation
from sim3d.disturbances.hearing import Hearing
from sim3d.disturbances.sensing import Measurement


@dataclass(frozen=True)
class _Alike:
    """Robots of one kind that have neighbours of the same kinds, in the same order."""

    agents: list[int]
    limits: Limits
    barrier: Barrier | None


class TeamGate:
    """What the gates of all N robots of B teams do to their commands.

    Args:
        specs: of the robots, by agent.
        separation: how they are kept apart; None for not at all.
        period: of their control loop [s].
    """

    def __init__(self, specs: Sequence[RobotSpec], separation: Separation | None, period: float) -> None:
        kinds = [spec.kind for spec in specs]
        alike: dict[tuple[RobotSpec, tuple[str, ...]], list[int]] = {}
        for agent, spec in enumerate(specs):
            alike.setdefault((spec, (*kinds[:agent], *kinds[agent + 1 :])), []).append(agent)
        self._groups = [
            _Alike(agents, Limits.of(spec, period), barrier_for(spec, neighbours, separation, period))
            for (spec, neighbours), agents in alike.items()
        ]

    def __call__(self, wanted: np.ndarray, sent: np.ndarray, measured: Measurement, hearing: Hearing) -> Gated:
        """One tick.

        Args:
            wanted: what the policies want, [B, N, 2].
            sent: what was commanded one tick ago, [B, N, 2].
            measured: by the robots of themselves.
            hearing: what they know of each other, with `listen` done for this tick.
        """
        neighbours: Neighbours | None = None
        if any(group.barrier is not None for group in self._groups):
            peers, heard = hearing.peers(), hearing.heard()
            neighbours = Neighbours(peers.position, peers.velocity, np.where(np.isfinite(heard.age), peers.age, np.inf))
        parts = [_gated(group, wanted, sent, measured, neighbours) for group in self._groups]
        return parts[0] if len(parts) == 1 else self._together(parts, wanted)

    def _together(self, parts: Sequence[Gated], wanted: np.ndarray) -> Gated:
        action, changed = np.empty(wanted.shape), {}
        for group, part in zip(self._groups, parts, strict=True):
            action[:, group.agents] = part.action
            for reason, where in part.changed.items():
                changed.setdefault(reason, np.zeros(wanted.shape[:2], dtype=bool))[:, group.agents] = where
        return Gated(action, changed)


def _gated(group: _Alike, wanted: np.ndarray, sent: np.ndarray, measured: Measurement, neighbours: Neighbours | None) -> Gated:
    # Every robot of a team of one kind: views instead of copies.
    own = slice(None) if len(group.agents) == wanted.shape[1] else group.agents
    apart = None
    if group.barrier is not None and neighbours is not None:
        known = Neighbours(neighbours.position[:, own], neighbours.velocity[:, own], neighbours.age[:, own])
        apart = group.barrier.half_planes(measured.position[:, own], measured.velocity[:, own], known)
    return gate(group.limits, wanted[:, own], sent[:, own], measured.position[:, own], apart=apart)
