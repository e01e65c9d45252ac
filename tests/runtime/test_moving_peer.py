"""A robot that moves to another address is heard there: its name in the team file is looked up again for each new connection."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zmq

from robots.endpoint import own_side
from runtime.keys import load_robot_keys, make_keys
from runtime.peer_links import PeerLinks
from runtime.stop_listener import StopListener
from runtime.team import Member
from tests.runtime.stand_ins import frame
from tests.runtime.test_peer_links import own, until

LISTENER = """
import sys, time
from runtime.peer_links import PeerLinks
from runtime.team import Member
me, peer = (Member(id=f"r{n}", kind="omni", agent=n, endpoint=sys.argv[n + 1]) for n in (0, 1))
links, heard = PeerLinks(me, [peer], time.monotonic_ns), None
while True:
    links.drain(0.01)
    newest = links.tracks[0].newest
    if newest is not None and newest.boot != heard:
        heard = newest.boot
        print(heard, flush=True)
"""
OWN_HOSTS = 'mount --bind "$1" /etc/hosts && shift && exec "$@"'


def with_own_hosts(hosts: Path, *command: str) -> list[str]:
    """A command that finds these hosts in /etc/hosts, in a mount namespace of its own."""
    return ["unshare", "--mount", "sh", "-c", OWN_HOSTS, "sh", str(hosts), *command]


@pytest.fixture
def hosts(tmp_path: Path) -> Path:
    path = tmp_path / "hosts"
    path.write_text("127.0.0.1 localhost\n127.0.0.2 r1.test\n")
    tried = subprocess.run(with_own_hosts(path, "true"), capture_output=True, check=False)
    if tried.returncode:
        pytest.skip("this system lets nobody have an /etc/hosts of his own")
    return path


class Speaker:
    """r1 at an address, in one of its lives."""

    def __init__(self, context: zmq.Context, address: str, port: str, boot: int) -> None:
        self.socket = context.socket(zmq.PUB)
        self.socket.bind(f"tcp://{address}:{port}")
        self._boot, self._sequence = boot, 0

    def speak(self) -> None:
        self._sequence += 1
        self.socket.send(frame("r1", self._sequence, boot=self._boot))


@pytest.fixture
def context() -> Iterator[zmq.Context]:
    created = zmq.Context()
    yield created
    created.destroy(linger=0)


@pytest.mark.parametrize("leaves", [True, False], ids=["leaves its old address", "falls silent there, as when it is switched off"])
def test_a_peer_is_heard_at_the_address_to_which_it_moved(
    hosts: Path, context: zmq.Context, free_endpoints: Callable[[int], list[str]], leaves: bool
) -> None:
    mine, port = free_endpoints(1)[0], free_endpoints(1)[0].rpartition(":")[2]
    command = with_own_hosts(hosts, sys.executable, "-c", LISTENER, mine, f"tcp://r1.test:{port}")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as listener:
        try:
            speakers = [Speaker(context, "127.0.0.2", port, boot=1)]
            assert heard_by(listener, speakers[0]) == "1"
            if leaves:
                speakers[0].socket.close(linger=0)
            hosts.write_text("127.0.0.1 localhost\n127.0.0.3 r1.test\n")
            assert heard_by(listener, Speaker(context, "127.0.0.3", port, boot=2)) == "2"
        finally:
            listener.kill()


def heard_by(listener: subprocess.Popen, speaker: Speaker) -> str:
    """What the listener says next, while someone speaks."""
    poller = zmq.Poller()
    poller.register(listener.stdout, zmq.POLLIN)
    deadline = time.monotonic() + 20.0
    while not poller.poll(20):
        assert time.monotonic() < deadline and listener.poll() is None
        speaker.speak()
    return listener.stdout.readline().strip()


def test_a_robot_with_a_name_is_reached_at_all_its_addresses(context: zmq.Context, free_endpoints: Callable[[int], list[str]]) -> None:
    """So it may get another one while it runs; it need not know its own name."""
    port, stop_port = (endpoint.rpartition(":")[2] for endpoint in free_endpoints(2))
    me = Member(id="r0", kind="omni", agent=0, endpoint=f"tcp://no-such.invalid:{port}", stop=f"tcp://no-such.invalid:{stop_port}")
    links, stops = PeerLinks(me, [], time.monotonic_ns), StopListener(me)
    for address in ("127.0.0.1", "127.0.0.7"):
        listener, caller = context.socket(zmq.SUB), context.socket(zmq.DEALER)
        listener.subscribe(b"")
        listener.connect(f"tcp://{address}:{port}")
        caller.connect(f"tcp://{address}:{stop_port}")
        caller.send(b"no request")
        until(lambda listener=listener: bool(listener.poll(10)), lambda: links.publish(own(1), "ACTIVE", 0))
        until(lambda: stops.rejected["garbage"] > 0, lambda: (stops.hear(), time.sleep(0.01)))
        stops.rejected.clear()
    links.close()
    stops.close()


def test_a_robot_with_a_name_proves_its_doors_shut_without_knowing_it(tmp_path: Path, free_endpoints: Callable[[int], list[str]]) -> None:
    make_keys(["r0"], tmp_path / "keys")
    endpoint, stop = (each.replace("127.0.0.1", "no-such.invalid") for each in free_endpoints(2))
    me, keys = Member(id="r0", kind="omni", agent=0, endpoint=endpoint, stop=stop), load_robot_keys(tmp_path / "keys", "r0", ["r0"])
    PeerLinks(me, [], time.monotonic_ns, keys).close()
    StopListener(me, keys).close()


@pytest.mark.parametrize(
    ("endpoint", "bound"),
    [
        ("tcp://10.0.0.1:5710", "tcp://10.0.0.1:5710"),
        ("tcp://[::1]:5710", "tcp://[::1]:5710"),
        ("tcp://localhost:5710", "tcp://localhost:5710"),
        ("tcp://robot-0.local:5710", "tcp://*:5710"),
        ("tcp://*:5710", "tcp://*:5710"),
        ("ipc:///run/r0", "ipc:///run/r0"),
    ],
)
def test_an_address_is_bound_as_it_stands(endpoint: str, bound: str) -> None:
    assert own_side(endpoint) == bound
