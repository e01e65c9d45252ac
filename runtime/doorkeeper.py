"""Who may listen to a robot: ZeroMQ asks, for each connection, whether it takes the key (ZAP, RFC 27), and this answers.

The control thread answers in passing, once a tick: no second thread, no event loop. ZeroMQ's CURVE alone lets any key in (it encrypts
without authenticating), so a robot proves at start-up that its own door is shut.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Iterable

import zmq
from zmq.utils import z85

from robots.errors import InputError

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
            if not self._socket.poll(0):
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


def prove_shut(context: zmq.Context, doorkeeper: Doorkeeper, endpoint: str, secret: bytes, server: bytes) -> None:
    """Knock at one's own door, with one's own key and with a strange one.

    Args:
        context: of the bound socket.
        doorkeeper: of the context.
        endpoint: where it is bound.
        secret: own secret key, which must be let in.
        server: own public key.

    Raises:
        InputError: the strange key was let in, or the known one was not.
    """
    _, stranger = zmq.curve_keypair()
    refused = doorkeeper.refused
    for name, key, expected in (("its own", secret, True), ("an unknown", z85.decode(stranger), False)):
        entered = _knock(context, doorkeeper, endpoint, key, server)
        if entered is not expected:
            outcome = {True: "is let in", False: "is refused", None: f"gets no answer within {PROOF_TIMEOUT:g} s"}[entered]
            raise InputError(f"self-test of {endpoint}: {name} key {outcome}")
    doorkeeper.refused = refused  # the self-test is no incident


def _knock(context: zmq.Context, doorkeeper: Doorkeeper, endpoint: str, secret: bytes, server: bytes) -> bool | None:
    """Whether a key is let in; None when there was no answer in time."""
    client = context.socket(zmq.SUB)
    client.linger = 0
    introduce(client, secret, server)
    monitor = client.get_monitor_socket(
        zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_HANDSHAKE_FAILED_AUTH | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    )
    try:
        client.connect(endpoint)
        deadline = time.monotonic() + PROOF_TIMEOUT
        while time.monotonic() < deadline:
            doorkeeper.answer()
            if monitor.poll(1):
                # Event (16 bits) and value (32 bits), zmq_socket_monitor(3). pyzmq's own decoder would bring asyncio and 8 MB with it.
                event, _ = struct.unpack("=HI", monitor.recv_multipart()[0])
                return event == zmq.EVENT_HANDSHAKE_SUCCEEDED
        return None
    finally:
        client.disable_monitor()
        monitor.close()
        client.close()
