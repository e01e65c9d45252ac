"""What the robots of simulated teams know of each other: through the profile's link if it has one, else at once."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from runtime.contract import Message
from runtime.heard import Heard, Peers, believe, heard_at_once
from runtime.link_model import LinkModel
from runtime.observation import View, to_everyone
from runtime.team import Staleness
from sim3d.disturbances.sensing import Measurement
from sim3d.profile import Profile
from sim3d.world import Array

LOST = Staleness().lost


class Hearing:
    """The ears of all robots of B teams, from an episode's first tick to its last; a new batch takes a new object.

    Args:
        profile: its `link` and `faults` count here.
        seeds: [B].
        robots: N.
        tick_period: of the world [s].
        lost: age from which on a message says nothing any more [s].
        like: an array with the library, dtype and device of the measurements; None for numpy, float64.
        message: what the robots' actors say; None from those that are silent.
        heeded: age up to which that counts [s].
    """

    def __init__(
        self,
        profile: Profile,
        seeds: np.ndarray,
        robots: int,
        tick_period: float,
        lost: float = LOST,
        like: Any = None,
        message: Message | None = None,
        heeded: float = math.inf,
    ) -> None:
        between = profile.between_robots
        self._link = None if between.is_clean else LinkModel(between, seeds, robots, tick_period, like=like, message=message)
        self._end = profile.end_tick(tick_period)
        self._lost, self._heeded = lost, heeded
        self._measured: Measurement | None = None
        self._said: Array | None = None
        self._through_link: Heard | None = None

    def listen(self, tick: int, measured: Measurement, said: Array | None = None) -> None:
        """One tick: each robot says what it measured, and what its actor said last [B, N, W]. To be called in every tick, in order."""
        self._measured, self._said = measured, said
        if tick >= self._end:
            self._link, self._through_link = None, None
        if self._link is not None:
            self._through_link = self._link.step(tick, measured.position, measured.position, measured.velocity, message=said)

    def heard(self) -> Heard:
        """What each robot has heard of its peers by now: [B, N, N - 1, ...]."""
        if self._through_link is not None:
            return self._through_link
        return heard_at_once(self._measured.position, self._measured.velocity, self._said)

    def peers(self) -> Peers:
        """What each robot makes of that: [B, N, N - 1, ...]."""
        return believe(self.heard(), self._measured.position, self._lost, self._heeded)


def team_view(
    measured: Measurement, landmarks: Array, peers: Peers, command_latency: Array, sent: Array, landmarks_velocity: Array | None = None
) -> View:
    """All that the robots of B teams can observe.

    Args:
        measured: of themselves.
        landmarks: [B, L, 2], m, world frame; where they are now.
        peers: as `Hearing.peers` gives them.
        command_latency: [B, N], s, as far as each robot knows its own.
        sent: [B, N, 2], what each robot was last commanded, after its safety gate.
        landmarks_velocity: [B, L, 2], m/s, world frame; None where they stand still.
    """
    position = measured.position
    return View(
        own_position=position,
        own_velocity=measured.velocity,
        landmarks=to_everyone(landmarks, position),
        peers=peers.position,
        peers_velocity=peers.velocity,
        peers_age=peers.age,
        peers_known=peers.known,
        command_latency=command_latency[..., None],
        own_setpoint=sent,
        peers_message=peers.message,
        landmarks_velocity=None if landmarks_velocity is None else to_everyone(landmarks_velocity, position),
    )
