"""An artificial link between robots, applied by the one who receives: in training, in evaluation and on each robot alike.

A message that is sent in each tick is heard later, out of order, or not at all; of what has been heard, the newest counts. What a robot
first hears of a peer in an episode passes at once: a mission begins when the robots have heard each other (`runtime.states`).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from runtime.arrays import array_namespace
from runtime.chance import Array, Numbers, uniforms
from runtime.contract import Message
from runtime.faults import Faults
from runtime.figure import Figure, draw, ends, is_always
from runtime.gilbert_elliott import GilbertElliott
from runtime.heard import Heard
from runtime.link import LinkProfile
from runtime.message import BIT_BYTES, NUMBER_BYTES

MESSAGE_BYTES = 160
"""What a message costs of the bandwidth: 105 bytes of a `LocalObservation` with some reserve, 2 of ZMTP, 52 of TCP and IPv4 headers; what
an actor says comes on top."""
BUCKET = 2.0
"""Messages that a link may send at once after a pause: the depth of its token bucket."""
_SLACK = 1e-6
"""A message that is due this much later counts as due: 0.1 + 0.2 is 0.30000000000000004 [s]."""


@dataclass(frozen=True)
class _Sent:
    """The messages of one tick: position, velocity and words [B, 1, N, 4 + W], when that was measured, and the delay until it is heard
    [B, R, N]."""

    time: float
    motion: Array
    stamp: Array | float
    delay: Array


class LinkModel:
    """The links of one batch of episodes, from its first tick to its last; a new batch takes a new object.

    Every ordered pair of robots has its own chance, which follows from the episode's seed, the pair and the tick: a robot that models
    the links into itself finds the same numbers as a simulation of all.

    Args:
        profile: link and faults.
        seeds: [B].
        robots: N.
        tick_period: time from one message to the next [s].
        receivers: R robots whose ears these are; None for all N.
        like: an array with the wanted library, dtype and device; None for numpy, float64.
        message: what the robots' actors say; None from those that are silent.
    """

    def __init__(
        self,
        profile: LinkProfile,
        seeds: np.ndarray,
        robots: int,
        tick_period: float,
        receivers: Sequence[int] | None = None,
        like: Any = None,
        message: Message | None = None,
    ) -> None:
        like = np.zeros(0) if like is None else like
        receivers = tuple(range(robots)) if receivers is None else tuple(receivers)
        link, rows = profile.link, list(receivers)

        def drawn(name: str) -> Array:
            return draw(getattr(link, name), seeds, (robots, robots), f"link.{name}", like)[:, rows]

        def chance(purpose: str, *figures: Figure) -> _Rows | None:
            needed = any(not is_always(figure, 0.0) for figure in figures)
            return _Rows(uniforms(seeds, (robots, robots), f"link {purpose}", like), rows) if needed else None

        # Constant over an episode, for each ordered pair: how strong is what is then drawn for each message.
        self._delay, self._jitter, self._duplication = drawn("delay"), drawn("jitter"), drawn("duplication")
        self._range, self._bandwidth = (None if is_always(getattr(link, name), 0.0) else drawn(name) for name in ("range", "bandwidth"))
        self._loss = GilbertElliott(drawn("loss"), drawn("bursts"), drawn("burst_length") / tick_period, drawn("burst_loss"))
        # For each message: it is lost, with a probability that depends on the state of a Markov chain ...
        self._burst = chance("burst", link.bursts)
        self._lost = chance("loss", link.loss, link.bursts)
        # ... or comes after delay + jitter * U(-1, 1), not below zero; and with some probability so does a copy of it.
        self._late = chance("jitter", link.jitter)
        self._copied = chance("copy", link.duplication)
        self._copy_lost = chance("copy loss", link.loss, link.bursts)
        self._copy_late = chance("copy jitter", link.jitter)
        self._faults = Faults(profile.faults, seeds, robots, like)
        self._in_order = link.in_order
        self._longest = ends(link.delay)[1] + ends(link.jitter)[1]
        self._tick_period = tick_period
        self._tick = -1
        self._time = 0.0
        words = message.size if message else 0
        self._bytes = MESSAGE_BYTES + words * (BIT_BYTES if message and message.kind == "bits" else NUMBER_BYTES)
        self._tokens = self._delay * 0.0 + BUCKET * self._bytes
        self._queue = self._delay * 0.0
        self._ever = self._delay < 0.0
        self._everyone = ~self._ever
        self._sent: deque[_Sent] = deque()
        nowhere = draw(0.0, seeds, (len(rows), robots, 4 + words), "", like)
        self._newest = (nowhere, nowhere[..., 0] - math.inf)
        xp = array_namespace(like)
        device = getattr(like, "device", None)
        self._ears = xp.asarray([[row] for row in range(len(rows))], dtype=xp.int64, device=device)
        peers = np.array([[other for other in range(robots) if other != me] for me in receivers], dtype=np.int64)
        self._peers = xp.asarray(peers.reshape(len(rows), robots - 1), device=device)

    def step(
        self,
        tick: int,
        own_position: Array,
        position: Array,
        velocity: Array,
        age: Array | float = 0.0,
        came: Array | bool = True,
        message: Array | None = None,
    ) -> Heard:
        """One tick: the robots speak, and hear what is due.

        Args:
            tick: since the episode began; it grows with each call, and ticks may be left out.
            own_position: [B, R, 2], m: where the receivers believe to be.
            position: [B, N, 2], m: where each robot says that it is.
            velocity: [B, N, 2], m/s: of it.
            age: [B, R, N], s: how old that is already; 0 in a simulation.
            came: [B, R, N] booleans: whether there is a message of this tick; always in a simulation.
            message: [B, N, W]: what its actor has said; None in a team that is silent.

        Returns:
            What each receiver has heard of its N - 1 peers, by ascending agent number: [B, R, N - 1, ...].
        """
        if tick <= self._tick:
            raise ValueError(f"links were stepped to tick {tick} after tick {self._tick}")
        now = tick * self._tick_period
        position = position + self._faults.lie(now)
        xp = array_namespace(position)
        spoken = self._everyone & ~self._faults.silent(now)[:, None, :] & came
        near = spoken if self._range is None else spoken & self._within_range(own_position, position)
        passes = near if self._bandwidth is None else near & self._within_bandwidth(now, spoken)
        delay = self._delays(tick, passes, now - self._time)
        # The first that is heard of a peer passes at once.
        first = near & ~self._ever
        delay = xp.where(first, 0.0, delay)
        self._ever = self._ever | first
        told = [position, velocity] if message is None else [position, velocity, message]
        self._sent.append(_Sent(now, xp.concat(told, axis=-1)[:, None], now - age, delay))
        self._tick, self._time = tick, now
        self._receive()
        return self._heard()

    def _within_range(self, own_position: Array, position: Array) -> Array:
        """Which robots are near enough [B, R, N]."""
        apart = own_position[:, :, None, :] - position[:, None, :, :]
        xp = array_namespace(apart)
        return (self._range <= 0.0) | (xp.sqrt(xp.sum(apart * apart, axis=-1)) <= self._range)

    def _within_bandwidth(self, now: float, spoken: Array) -> Array:
        """Which messages the token buckets let pass [B, R, N]."""
        xp = array_namespace(self._tokens)
        self._tokens = xp.clip(self._tokens + self._bandwidth * (now - self._time), max=BUCKET * self._bytes)
        enough = self._tokens >= self._bytes - _SLACK
        self._tokens = xp.where(enough & spoken, self._tokens - self._bytes, self._tokens)
        return (self._bandwidth <= 0.0) | enough

    def _delays(self, tick: int, passes: Array, passed: float) -> Array:
        """How long the messages of this tick take [B, R, N], s; infinite for those that are lost."""
        xp = array_namespace(self._delay)
        if self._burst is not None:
            self._loss.advance(self._burst.at(tick))
        delay = self._one_copy(tick, self._lost, self._late)
        if self._copied is not None:
            copy = self._one_copy(tick, self._copy_lost, self._copy_late)
            delay = xp.where(self._copied.at(tick) < self._duplication, xp.minimum(delay, copy), delay)
        delay = xp.where(passes, delay, math.inf)
        if self._in_order:
            self._queue = self._queue - passed
            delay = xp.maximum(delay, self._queue)
            self._queue = xp.where(xp.isfinite(delay), delay, self._queue)
        return delay

    def _one_copy(self, tick: int, lost: _Rows | None, late: _Rows | None) -> Array:
        xp = array_namespace(self._delay)
        delay = self._delay
        if late is not None:
            delay = xp.clip(delay + self._jitter * (2.0 * late.at(tick) - 1.0), min=0.0)
        return delay if lost is None else xp.where(self._loss.lost(lost.at(tick)), math.inf, delay)

    def _receive(self) -> None:
        """Keep the newest of what is due; one that a later one has overtaken is dropped, as `runtime.peers` does."""
        xp = array_namespace(self._delay)
        motion, stamp = self._newest
        for sent in self._sent:
            due = sent.delay <= self._time - sent.time + _SLACK
            motion = xp.where(due[..., None], sent.motion, motion)
            stamp = xp.where(due, sent.stamp, stamp)
        self._newest = (motion, stamp)
        while self._sent and self._time - self._sent[0].time >= self._longest - _SLACK:
            self._sent.popleft()

    def _heard(self) -> Heard:
        motion, stamp = (values[:, self._ears, self._peers] for values in self._newest)
        return Heard(motion[..., :2], motion[..., 2:4], self._time - stamp, motion[..., 4:] if motion.shape[-1] > 4 else None)


class _Rows:
    """The numbers of the links into some robots, out of those of all: the same whoever asks."""

    def __init__(self, numbers: Numbers, rows: list[int]) -> None:
        self._numbers, self._rows = numbers, rows

    def at(self, tick: int) -> Array:
        return self._numbers.at(tick)[:, self._rows]
