"""What reaches a robot of its peers' messages: all of them, or what an artificial link lets through."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from robots.driver import RobotState
from runtime.contract import Message
from runtime.heard import Heard
from runtime.link import LinkProfile
from runtime.peers import PeerTrack
from runtime.team import Missions

SILENCE = 1e9
"""Age of the last message of a peer that has spoken in this episode and is not heard any more [s]; infinite is for one that has not."""


class Ears(Protocol):
    """How a robot hears its peers."""

    def hear(self, own: RobotState, tracks: Sequence[PeerTrack], ages: Sequence[float]) -> Heard:
        """Once a tick, when the peers' sockets have been read.

        Args:
            own: my newest measurement.
            tracks: of my M peers, by ascending agent number.
            ages: of their newest messages [s]; infinite where none counts.

        Returns:
            [M, ...], lists.
        """


class OpenEars:
    """Everything is heard as it comes.

    Args:
        words: numbers in what the peers' actors say; a vector that is not as long is silence.
    """

    def __init__(self, words: int = 0) -> None:
        self._silence = (0.0,) * words

    def hear(self, own: RobotState, tracks: Sequence[PeerTrack], ages: Sequence[float]) -> Heard:
        """The newest message of each."""
        position, velocity, age, said = [], [], [], []
        for track, its_age in zip(tracks, ages, strict=True):
            message = track.newest
            if message is not None and message.episode == own.episode:
                position.append(message.position)
                velocity.append(message.velocity)
                age.append(min(its_age, SILENCE))
                said.append(_said(message.vector, self._silence))
            else:
                position.append((0.0, 0.0))
                velocity.append((0.0, 0.0))
                age.append(math.inf)
                said.append(self._silence)
        return Heard(position, velocity, age, said if self._silence else None)


class LinkedEars:
    """Messages pass an artificial link first (`runtime.link_model`), which begins anew with each episode.

    All chance in it follows from the seed of the mission (from its number where the file has no seed), so a simulation of the team in
    one process makes the same of it.

    Args:
        profile: the link, and the faults of the peers.
        missions: for their seeds.
        me: my agent number.
        robots: N.
        period: of the control loop [s].
        message: what the peers' actors say; None from those that are silent.
    """

    def __init__(
        self, profile: LinkProfile, missions: Missions, me: int, robots: int, period: float, message: Message | None = None
    ) -> None:
        # Imported here: a robot without an artificial link has no use for random numbers.
        from runtime.link_model import LinkModel

        self._begin = lambda seed: LinkModel(profile, np.array([seed]), robots, period, (me,), message=message)
        self._silence = (0.0,) * (message.size if message else 0)
        self._seeds = [mission.seed for mission in missions.missions]
        self._me, self._robots = me, robots
        self._peers = [agent for agent in range(robots) if agent != me]
        self._link: LinkModel | None = None
        self._episode = self._elapsed = -1
        self._sequences = [0] * len(self._peers)
        self._heard: Heard | None = None

    def hear(self, own: RobotState, tracks: Sequence[PeerTrack], ages: Sequence[float]) -> Heard:
        """What the link lets through. While my own state does not change, nothing new is heard."""
        if self._link is None or own.episode != self._episode:
            seed = self._seeds[own.episode % len(self._seeds)]
            self._link = self._begin(own.episode if seed is None else seed)
            self._episode, self._elapsed = own.episode, -1
        if own.elapsed > self._elapsed or self._heard is None:
            self._elapsed = own.elapsed
            self._heard = self._through_link(own, tracks, ages)
        return self._heard

    def _through_link(self, own: RobotState, tracks: Sequence[PeerTrack], ages: Sequence[float]) -> Heard:
        position, velocity = np.zeros((1, self._robots, 2)), np.zeros((1, self._robots, 2))
        age, came = np.zeros((1, 1, self._robots)), np.zeros((1, 1, self._robots), dtype=bool)
        said = np.zeros((1, self._robots, len(self._silence)))
        position[0, self._me], velocity[0, self._me] = own.position, own.velocity
        for index, (agent, track, its_age) in enumerate(zip(self._peers, tracks, ages, strict=True)):
            message = track.newest
            if _of_this_episode(track, own) and math.isfinite(its_age) and message.sequence != self._sequences[index]:
                self._sequences[index] = message.sequence
                position[0, agent], velocity[0, agent] = message.position, message.velocity
                age[0, 0, agent], came[0, 0, agent] = its_age, True
                said[0, agent] = _said(message.vector, self._silence)
        heard = self._link.step(own.elapsed, own.position[None, None], position, velocity, age, came, said if self._silence else None)
        words = None if heard.message is None else heard.message[0, 0].tolist()
        return Heard(heard.position[0, 0].tolist(), heard.velocity[0, 0].tolist(), heard.age[0, 0].tolist(), words)


def _said(vector: tuple[float, ...], silence: tuple[float, ...]) -> tuple[float, ...]:
    return vector if len(vector) == len(silence) else silence


def _of_this_episode(track: PeerTrack, own: RobotState) -> bool:
    return track.newest is not None and track.newest.episode == own.episode
