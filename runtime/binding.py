"""Bind a socket at an endpoint that nobody else serves."""

from __future__ import annotations

import contextlib
import socket

import zmq

from robots.endpoint import own_side
from robots.errors import InputError


def bind(server: zmq.Socket, endpoint: str, purpose: str) -> str:
    """Bind, or say why not.

    Args:
        server: to bind.
        endpoint: a sound one, as others reach it.
        purpose: what it is for, in the error: `robot r0: cannot publish`.

    Returns:
        Where it is reached from this machine.

    Raises:
        InputError: the endpoint is not this machine's, or in use.
    """
    if _is_served(endpoint):
        raise InputError(f"{purpose} at {endpoint}: Address already in use")
    try:
        server.bind(own_side(endpoint))
    except zmq.ZMQError as error:
        raise InputError(f"{purpose} at {endpoint}: {error.strerror}") from None
    return own_side(endpoint).replace("tcp://*:", "tcp://127.0.0.1:")


def _is_served(endpoint: str) -> bool:
    """Whether someone serves an ipc endpoint; ZeroMQ would silently take it from him."""
    path = endpoint.removeprefix("ipc://")
    if path == endpoint:
        return False
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
        probe.connect(path)
        return True
    return False
