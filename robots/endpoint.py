"""ZeroMQ endpoints: which ones there are, and whether what is sent to one stays on this machine."""

from __future__ import annotations

import ipaddress

from robots.errors import InputError


def check_endpoint(endpoint: str, place: str, may_be_empty: bool = False) -> None:
    """Refuse what ZeroMQ cannot bind or connect to. Raises InputError."""
    if not endpoint and may_be_empty:
        return
    scheme, separator, rest = endpoint.partition("://")
    if scheme == "ipc" and separator and rest:
        return
    host, colon, port = rest.rpartition(":")
    is_port = port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) < 65536
    if scheme != "tcp" or not separator or not host or not colon or not is_port:
        raise InputError(f"{place}: is '{endpoint}', must be tcp://HOST:PORT (port 1 ... 65535) or ipc://PATH")


def host_and_port(endpoint: str) -> tuple[str, int]:
    """The two of a sound tcp endpoint."""
    host, _, port = endpoint.removeprefix("tcp://").rpartition(":")
    return host.strip("[]"), int(port)


def is_local(endpoint: str) -> bool:
    """Whether what is sent to a sound endpoint stays on this machine: ipc, `localhost`, or a loopback address."""
    if endpoint.startswith("ipc://"):
        return True
    host, _ = host_and_port(endpoint)
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def own_side(endpoint: str) -> str:
    """What the owner of an endpoint binds: the endpoint itself, or its port on all addresses where a host name stands for them.

    Those who connect resolve the name, again for each new connection, so a robot may move to another address while the team runs.
    """
    if endpoint.startswith("ipc://"):
        return endpoint
    host, port = host_and_port(endpoint)
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return endpoint if host in ("localhost", "*") else f"tcp://*:{port}"
    return endpoint


def refuse_plaintext(endpoint: str, place: str, why: str) -> None:
    """What leaves the machine in plain text needs someone's word that it may.

    Args:
        endpoint: a sound one, of a link without keys.
        place: names it in the error.
        why: it has no keys, and what to do.

    Raises:
        InputError: it is not on this machine.
    """
    if not is_local(endpoint):
        raise InputError(f"{place} {endpoint} is not on loopback, and {why}")
