"""Who may connect to a robot: ZeroMQ asks, for each connection, whether it takes the key (ZAP, RFC 27), and this answers.

The control thread answers in passing, once a tick: no second thread, no event loop. ZeroMQ's CURVE alone lets any key in (it encrypts
without authenticating), so a robot proves at start-up that its own door is shut.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

import zmq
from zmq.utils import z85

from robots.errors import InputError
from robots.socket_events import SocketEvents

DOMAIN = b"fieldswarm"
MOST_AT_ONCE = 16
"""Requests answered in one go; strangers that knock in numbers cannot hold the control loop."""
PROOF_TIMEOUT = 2.0
"""Longest wait for the outcome of a handshake with oneself [s]."""


class Doorkeeper:
    """Answers the requests of one context.

    Attributes:
        refused: connections that were turned away.

    Args:
        context: whose sockets it guards; made before any of them is bound.
        known: public keys that may connect, 32 bytes each.
    """

    def __init__(self, context: zmq.Context, known: Iterable[bytes]) -> None:
        self.refused = 0
        self._known = frozenset(known)
        self._socket = context.socket(zmq.REP)
        self._socket.linger = 0
        self._socket.bind("inproc://zeromq.zap.01")

    def answer(self) -> None:
        """Let in who is known, and nobody else. Never waits."""
        for _ in range(MOST_AT_ONCE):
            if not self._socket.get(zmq.EVENTS) & zmq.POLLIN:  # poll() would make a Poller each time
                return
            self._socket.send_multipart(self._judge(self._socket.recv_multipart()))

    def close(self) -> None:
        """Release the socket."""
        self._socket.close()

    def _judge(self, request: list[bytes]) -> list[bytes]:
        # version, request id, domain, address, identity, mechanism, credentials
        identifier = request[1] if len(request) > 1 else b""
        if len(request) == 7 and request[2] == DOMAIN and request[5] == b"CURVE" and request[6] in self._known:
            return [b"1.0", identifier, b"200", b"OK", request[6].hex().encode(), b""]
        self.refused += 1
        return [b"1.0", identifier, b"400", b"not a key of this team", b"", b""]


def guard(server: zmq.Socket, secret: bytes) -> None:
    """Make a socket that will be bound take CURVE connections alone, and none at all when nobody answers for the domain."""
    server.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)
    server.setsockopt(zmq.ZAP_DOMAIN, DOMAIN)
    server.curve_secretkey = secret
    server.curve_server = True


def introduce(client: zmq.Socket, secret: bytes, server: bytes) -> None:
    """Make a socket that will be connected show a key, and talk to the owner of one public key alone."""
    client.curve_secretkey = secret
    client.curve_publickey = z85.decode(zmq.curve_public(z85.encode(secret)))
    client.curve_serverkey = server


@dataclass(frozen=True)
class Knock:
    """One attempt to get in.

    Attributes:
        who: whose key it is, in errors.
        secret: the key.
        enters: whether it has to be let in, or else refused.
        kind: of socket that connects, one that suits the door: ZeroMQ refuses any other, whatever its key.
    """

    who: str
    secret: bytes
    enters: bool
    kind: int


def prove_shut(context: zmq.Context, doorkeeper: Doorkeeper, endpoint: str, server: bytes, knock: Knock) -> None:
    """Knock at one's own door, with a key that one has and with one that nobody knows, which must be refused.

    Args:
        context: of the bound socket.
        doorkeeper: of the context.
        endpoint: where it is bound.
        server: own public key.
        knock: with the key that one has.

    Raises:
        InputError: a key was let in that must not be, or not let in that must be.
    """
    _, unknown = zmq.curve_keypair()
    refused = doorkeeper.refused
    for each in (knock, Knock("an unknown", z85.decode(unknown), False, knock.kind)):
        entered = _enters(context, doorkeeper, endpoint, server, each)
        if entered is not each.enters:
            outcome = {True: "is let in", False: "is refused", None: f"gets no answer within {PROOF_TIMEOUT:g} s"}[entered]
            raise InputError(f"self-test of {endpoint}: {each.who} key {outcome}")
    doorkeeper.refused = refused  # the self-test is no incident


def _enters(context: zmq.Context, doorkeeper: Doorkeeper, endpoint: str, server: bytes, knock: Knock) -> bool | None:
    """Whether a key is let in; None when there was no answer in time."""
    client = context.socket(knock.kind)
    client.linger = 0
    introduce(client, knock.secret, server)
    events = SocketEvents(client, zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_HANDSHAKE_FAILED_AUTH | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL)
    try:
        client.connect(endpoint)
        deadline = time.monotonic() + PROOF_TIMEOUT
        while time.monotonic() < deadline:
            doorkeeper.answer()
            if (event := events.take()) is not None:
                return event == zmq.EVENT_HANDSHAKE_SUCCEEDED
            events.socket.poll(1)
        return None
    finally:
        events.close()
        client.close()
