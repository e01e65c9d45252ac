"""The sockets between robots: one PUB for me, one SUB for each peer. No broker, no coordinator, no discovery."""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Sequence

import numpy as np
import zmq

from robots.driver import RobotState
from robots.errors import InputError
from robots.socket_events import SocketEvents
from runtime.binding import bind
from runtime.doorkeeper import Doorkeeper, Knock, guard, introduce, prove_shut
from runtime.keys import RobotKeys
from runtime.message import LARGEST_MESSAGE, MESSAGE_VERSION, LocalObservation, encode_message
from runtime.peers import PeerTrack
from runtime.team import Member

MOST_AT_ONCE = 64
"""Frames taken from one peer in one go; a peer that floods cannot hold the control loop."""

RENEWAL = 700_000_000
"""After so long a silence another way to the peer is begun, beside those that there are [ns]: when a link returns, a new connection comes
through at once, while TCP waits ever longer before it tries an old one again. And ZeroMQ reconnects after a loss that it notices, but never
after a breach of its protocol, such as one frame above MAXMSGSIZE; without this a peer's single mistake would silence it for ever."""

MOST_WAYS = 8
"""To one peer at a time; then the oldest is given up, after 5.6 s. None is given up for a newer one alone: where a message takes 0.3 s and
10 % of the packets are lost, an encrypted connection takes 4 to 5 s to come up (`tests/benchmarks/network.py`)."""
MOST_WAYS_IN_ALL = 128
"""To all peers of a large team: each takes four file descriptors, of which a process often has 1024; without any, ZeroMQ aborts it."""

_TOLD = (
    zmq.EVENT_HANDSHAKE_SUCCEEDED
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_DISCONNECTED
)
"""Of each connection to a peer: how it began, and that it ended."""

_STAGE = "inproc://rehearsal"

_OPTIONS = {
    zmq.LINGER: 0,
    # Old measurements are worthless: a few ticks, not ZeroMQ's 1000 messages.
    zmq.SNDHWM: 16,
    zmq.RCVHWM: 1000,
    # Above this ZeroMQ closes the connection; what is too long and below is counted.
    zmq.MAXMSGSIZE: 8 * LARGEST_MESSAGE,
    zmq.RECONNECT_IVL: 50,
    zmq.RECONNECT_IVL_MAX: 500,
}
_HEARTBEATS = {
    # Of the publisher alone, to forget subscribers that lost power. A subscriber that is in the middle of a full queue when its heartbeat
    # fails aborts the whole process (libzmq 4364, 4767: "Assertion failed: !_io_error"): any peer that floods, and any pause of ours,
    # could bring that about. So a SUB has none, nobody is told a time to live, and a silent peer gets a new link (libzmq 1245).
    zmq.HEARTBEAT_IVL: 200,
    zmq.HEARTBEAT_TIMEOUT: 5000,  # on a bad network, an answer takes seconds
    zmq.HEARTBEAT_TTL: 0,
}


class PeerLinks:
    """Publishes my local observations and keeps the newest of each peer.

    Every socket belongs to one peer, so a message cannot claim to be from another; all of them are used by one thread. With keys, a
    socket takes what the owner of that peer's key has sent, and only robots of the team can listen to me.

    Attributes:
        boot: random number of this life of the robot.
        tracks: one a peer, by ascending agent number.
        sent: messages published.

    Args:
        me: this robot.
        peers: the others, by ascending agent number.
        clock: arrival times [ns, monotonic].
        keys: of the team; None for messages in plain text.

    Raises:
        InputError: the door does not shut, my endpoint cannot be bound, or a peer's cannot be connected to.
    """

    def __init__(self, me: Member, peers: Sequence[Member], clock: Callable[[], int], keys: RobotKeys | None = None) -> None:
        self.boot = secrets.randbits(63)
        self.tracks = tuple(PeerTrack(peer.id, peer.endpoint) for peer in peers)
        self.sent = 0
        self._robot = me.id
        self._clock = clock
        self._keys = keys
        self._context = zmq.Context()
        self._poller = zmq.Poller()
        self._ways: dict[PeerTrack, list[zmq.Socket]] = {track: [] for track in self.tracks}
        self._of_socket: dict[zmq.Socket, PeerTrack] = {}
        self._events: dict[zmq.Socket, SocketEvents] = {}
        self._connected: set[zmq.Socket] = set()
        self._alive: dict[PeerTrack, int] = {}
        self._renewal = 0
        try:
            # Before anything is bound: CURVE without someone who answers lets everyone in.
            self._doorkeeper = None if keys is None else Doorkeeper(self._context, keys.public.values())
            self._publisher = self._socket(zmq.PUB)
            if keys is not None:
                guard(self._publisher, keys.secret)
            door = bind(self._publisher, me.endpoint, f"robot {me.id}: cannot publish")
            if keys is not None:
                mine = Knock("its own", keys.secret, True, zmq.SUB)
                prove_shut(self._context, self._doorkeeper, door, keys.public[me.id], mine)
            for track in self.tracks:
                self._subscribe(track)
            self._stage, self._audience, self._myself = self._socket(zmq.PUB), self._socket(zmq.SUB), PeerTrack(me.id, "")
            self._stage.bind(_STAGE)
            self._audience.subscribe(b"")
            self._audience.connect(_STAGE)
            self._seats = zmq.Poller()
            self._seats.register(self._audience, zmq.POLLIN)
            self._rehearsed = 0
        except BaseException:
            self.close()
            raise

    @property
    def refused(self) -> int:
        """Connections that were turned away, for their key."""
        return 0 if self._doorkeeper is None else self._doorkeeper.refused

    def publish(self, state: RobotState, mode: str, stamp: int, said: tuple[float, ...] = ()) -> None:
        """Tell the peers what I measured.

        Args:
            state: my newest measurement.
            mode: my state.
            stamp: when it reached me [ns, my monotonic clock]; a measurement that is told again grows old for the peers, too.
            said: what my actor said last.
        """
        self.sent += 1
        # A PUB drops what a slow peer does not take; it never blocks.
        self._publisher.send(self._compose(state, mode, stamp, self.sent, said), zmq.NOBLOCK)

    def rehearse(self) -> None:
        """Publish a message and take it in, as a tick does; both ends are my own, and nobody else hears it."""
        self._rehearsed += 1
        state = RobotState(0, 0, 0, 0, np.zeros(2), np.zeros(2), 0.0)
        self._stage.send(self._compose(state, "INIT", self._clock(), self._rehearsed), zmq.NOBLOCK)
        for subscriber, _ in self._seats.poll(0):
            self._myself.take(_frame_from(subscriber), self._clock())

    def drain(self, timeout: float = 0.0) -> None:
        """Take in what has come, after waiting at most `timeout` [s] for the first."""
        if self._doorkeeper is not None:
            self._doorkeeper.answer()
        now = 0
        for _ in range(MOST_AT_ONCE):
            ready = self._poller.poll(math.ceil(timeout * 1000))
            now, timeout = self._clock(), 0.0
            if not ready:
                break
            for subscriber, _ in ready:
                track = self._of_socket.get(subscriber)
                if track is None:  # given up just now: another way to the same peer was quicker
                    continue
                track.take(_frame_from(subscriber), now)
                self._alive[track] = now
                while len(ways := self._ways[track]) > 1:
                    self._give_up(ways[0] if ways[0] is not subscriber else ways[1])
        if now >= self._renewal:
            self._renew_silent(now)

    def close(self) -> None:
        """Release the endpoint and all links. May be called twice."""
        self._context.destroy(linger=0)

    def _compose(self, state: RobotState, mode: str, stamp: int, sequence: int, said: tuple[float, ...] = ()) -> bytes:
        position, velocity = state.position.tolist(), state.velocity.tolist()
        return encode_message(
            LocalObservation(
                version=MESSAGE_VERSION,
                robot=self._robot,
                boot=self.boot,
                sequence=sequence,
                stamp=stamp,
                tick=state.tick,
                episode=state.episode,
                mode=mode,
                position=(position[0], position[1]),
                velocity=(velocity[0], velocity[1]),
                heading=float(state.heading),
                vector=said,
            )
        )

    def _renew_silent(self, now: int) -> None:
        self._renewal = now + RENEWAL // 10
        for subscriber in self._events:
            self._count_ends(subscriber)
        for track, ways in self._ways.items():
            if now - self._alive[track] >= RENEWAL:
                if len(ways) >= max(2, min(MOST_WAYS, MOST_WAYS_IN_ALL // len(self.tracks))):
                    self._give_up(ways[0])
                self._subscribe(track)

    def _count_ends(self, subscriber: zmq.Socket) -> None:
        """Connections that were not the peer's, by its key, and such as broke when they had come up."""
        events, track = self._events[subscriber], self._of_socket[subscriber]
        while (event := events.take()) is not None:
            if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
                self._connected.add(subscriber)
            elif event != zmq.EVENT_DISCONNECTED:
                track.rejected["handshake"] += 1
            elif subscriber in self._connected:  # a handshake that failed is disconnected, too
                self._connected.remove(subscriber)
                track.rejected["broken"] += 1

    def _give_up(self, subscriber: zmq.Socket) -> None:
        self._count_ends(subscriber)
        self._connected.discard(subscriber)
        self._events.pop(subscriber).close()
        self._ways[self._of_socket.pop(subscriber)].remove(subscriber)
        self._poller.unregister(subscriber)
        subscriber.close()

    def _socket(self, kind: int) -> zmq.Socket:
        created = self._context.socket(kind)
        for option, value in (_OPTIONS | (_HEARTBEATS if kind == zmq.PUB else {})).items():
            created.set(option, value)
        return created

    def _subscribe(self, track: PeerTrack) -> None:
        subscriber = self._socket(zmq.SUB)
        # Everything, and no CONFLATE: it breaks multipart messages, and what it drops cannot be counted (libzmq 3171).
        subscriber.subscribe(b"")
        self._events[subscriber] = SocketEvents(subscriber, _TOLD)
        if self._keys is not None:
            introduce(subscriber, self._keys.secret, self._keys.public[track.robot])
        try:
            subscriber.connect(track.endpoint)
        except zmq.ZMQError as error:
            raise InputError(f"robot {self._robot}: cannot listen to {track.robot} at {track.endpoint}: {error.strerror}") from None
        self._ways[track].append(subscriber)
        self._of_socket[subscriber] = track
        self._alive[track] = self._clock()
        self._poller.register(subscriber, zmq.POLLIN)


def _frame_from(subscriber: zmq.Socket) -> bytes:
    """What has come. A message has one part; one with more is refused as an empty one is."""
    frame = subscriber.recv(zmq.NOBLOCK, copy=False)
    if frame.more:
        subscriber.recv_multipart(zmq.NOBLOCK)
        return b""
    return frame.bytes
