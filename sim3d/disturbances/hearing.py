"""What the robots of simulated teams know of each other: through the profile's link if it has one, else at once."""

from __future__ import annotations

from typing import Any

import numpy as np

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
    """

    def __init__(self, profile: Profile, seeds: np.ndarray, robots: int, tick_period: float, lost: float = LOST, like: Any = None) -> None:
        between = profile.between_robots
        self._link = None if between.is_clean else LinkModel(between, seeds, robots, tick_period, like=like)
        self._end = profile.end_tick(tick_period)
        self._lost = lost
        self._measured: Measurement | None = None
        self._through_link: Heard | None = None

    def listen(self, tick: int, measured: Measurement) -> None:
        """One tick: each robot says what it measured. To be called in every tick, in order."""
        self._measured = measured
        if tick >= self._end:
            self._link, self._through_link = None, None
        if self._link is not None:
            self._through_link = self._link.step(tick, measured.position, measured.position, measured.velocity)

    def heard(self) -> Heard:
        """What each robot has heard of its peers by now: [B, N, N - 1, ...]."""
        if self._through_link is not None:
            return self._through_link
        return heard_at_once(self._measured.position, self._measured.velocity)

    def peers(self) -> Peers:
        """What each robot makes of that: [B, N, N - 1, ...]."""
        return believe(self.heard(), self._measured.position, self._lost)


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
        landmarks_velocity=None if landmarks_velocity is None else to_everyone(landmarks_velocity, position),
    )
