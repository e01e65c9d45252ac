"""Real sockets on loopback: messages arrive, noise is counted, nothing blocks, and nobody shares an endpoint."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import zmq

from robots.driver import RobotState
from robots.errors import InputError
from runtime import peers
from runtime.message import LARGEST_MESSAGE, decode_message
from runtime.peer_links import PeerLinks
from runtime.team import Member
from tests.runtime.stand_ins import frame


def own(tick: int) -> RobotState:
    return RobotState(tick, 0, tick, 0, np.array([tick, -1.0]), np.array([0.1, 0.2]), 0.3)


def member(agent: int, endpoint: str) -> Member:
    return Member(id=f"r{agent}", kind="omni", agent=agent, endpoint=endpoint)


Start = Callable[[Member, list[Member]], PeerLinks]


@pytest.fixture
def start() -> Iterator[Start]:
    opened: list[PeerLinks] = []

    def open_links(me: Member, others: list[Member]) -> PeerLinks:
        opened.append(PeerLinks(me, others, time.monotonic_ns))
        return opened[-1]

    yield open_links
    for links in opened:
        links.close()


@pytest.fixture
def publisher(free_endpoints: Callable[[int], list[str]]) -> Iterator[tuple[zmq.Socket, str]]:
    """A stranger's PUB at the endpoint of a peer."""
    context, endpoint = zmq.Context(), free_endpoints(1)[0]
    created = context.socket(zmq.PUB)
    created.bind(endpoint)
    yield created, endpoint
    context.destroy(linger=0)


def until(condition: Callable[[], bool], work: Callable[[], None], timeout: float = 5.0) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        work()


def test_a_team_hears_each_other_and_keeps_the_newest(start: Start, free_endpoints: Callable[[int], list[str]]) -> None:
    team = [member(agent, endpoint) for agent, endpoint in enumerate(free_endpoints(3))]
    links = [start(me, [peer for peer in team if peer is not me]) for me in team]

    def tell(tick: int) -> None:
        for each in links:
            each.publish(own(tick), "ACTIVE", time.monotonic_ns())
        for each in links:
            each.drain(0.02)

    until(lambda: all(track.newest for each in links for track in each.tracks), lambda: tell(0))
    for tick in range(1, 29):
        tell(tick)
    # A PUB drops what a busy machine does not send in time, so the last one is told again.
    until(lambda: all(track.newest.tick == 29 for each in links for track in each.tracks), lambda: tell(29))
    assert links[0].tracks[1].newest.robot == "r2" and links[0].tracks[1].newest.position == (29.0, -1.0)
    assert all(not track.rejected for each in links for track in each.tracks)
    assert links[0].tracks[0].age(time.monotonic_ns()) < 1.0


def test_a_rehearsal_is_heard_by_nobody(start: Start, free_endpoints: Callable[[int], list[str]]) -> None:
    team = [member(agent, endpoint) for agent, endpoint in enumerate(free_endpoints(2))]
    one, other = start(team[0], team[1:]), start(team[1], team[:1])
    until(lambda: one.tracks[0].newest is not None, lambda: (other.publish(own(0), "ACTIVE", 0), one.drain(0.02)))
    accepted = one.tracks[0].accepted
    for _ in range(3):
        other.rehearse()
    one.drain(0.1)
    assert one.tracks[0].accepted - accepted <= 1 and not one.tracks[0].rejected and other.sent >= accepted


def test_a_rehearsal_judges_what_a_tick_would_judge(
    start: Start, free_endpoints: Callable[[int], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    believed = []
    monkeypatch.setattr(peers, "decode_message", lambda frame, robot: believed.append(decode_message(frame, robot)) or believed[-1])
    links = start(member(0, free_endpoints(1)[0]), [])
    for _ in range(5):
        links.rehearse()
    assert [message.sequence for message in believed] == [1, 2, 3, 4, 5] and links.sent == 0


def test_noise_is_counted_by_reason_and_the_good_message_still_counts(
    start: Start, publisher: tuple[zmq.Socket, str], free_endpoints: Callable[[int], list[str]]
) -> None:
    noise, endpoint = publisher
    links = start(member(0, free_endpoints(1)[0]), [member(1, endpoint)])
    track = links.tracks[0]

    def joined() -> bool:
        noise.send(b"hello?")
        links.drain(0.05)
        return track.rejected["garbage"] > 0

    until(joined, lambda: None)
    for bad in (frame("r2", 1), frame("r1", 1, heading=float("nan")), frame("r1", 1, version=9)):
        noise.send(bad)
    noise.send_multipart([frame("r1", 1), b"second part"])
    noise.send(frame("r1", 2, tick=2))
    until(lambda: track.newest is not None, lambda: links.drain(0.05))
    assert track.newest.tick == 2
    assert track.rejected.keys() == {"garbage", "identity", "not_finite", "version", "length"}


def test_a_frame_that_is_too_long_is_not_read_and_does_not_silence_the_peer_for_ever(
    start: Start, publisher: tuple[zmq.Socket, str], free_endpoints: Callable[[int], list[str]]
) -> None:
    """ZeroMQ closes the connection instead, and does not connect again by itself."""
    noise, endpoint = publisher
    links = start(member(0, free_endpoints(1)[0]), [member(1, endpoint)])
    track, sequence = links.tracks[0], iter(range(1, 1000))

    def speak() -> None:
        noise.send(frame("r1", next(sequence)))
        links.drain(0.02)

    until(lambda: track.newest is not None, speak)
    noise.send(b"x" * (8 * LARGEST_MESSAGE + 1))
    heard = track.accepted
    until(lambda: track.accepted > heard + 1, speak)
    assert track.rejected == {"broken": 1}


def test_a_flood_does_not_hold_the_loop(
    start: Start, publisher: tuple[zmq.Socket, str], free_endpoints: Callable[[int], list[str]]
) -> None:
    noise, endpoint = publisher
    links = start(member(0, free_endpoints(1)[0]), [member(1, endpoint)])
    track, deadline, longest = links.tracks[0], time.monotonic() + 10.0, 0

    while track.rejected["garbage"] < 500:
        assert time.monotonic() < deadline
        for _ in range(200):
            noise.send(b"noise")
        before = track.rejected["garbage"]
        links.drain(0.01)
        longest = max(longest, track.rejected["garbage"] - before)
    assert 0 < longest <= 64


def test_publishing_to_nobody_never_blocks(start: Start, free_endpoints: Callable[[int], list[str]]) -> None:
    links = start(member(0, free_endpoints(1)[0]), [])
    began = time.monotonic()
    for tick in range(1000):
        links.publish(own(tick), "STANDBY", 0)
    assert time.monotonic() - began < 2.0 and links.sent == 1000


@pytest.mark.parametrize("scheme", ["tcp", "ipc"])
def test_an_endpoint_in_use_is_refused_by_name(
    start: Start, free_endpoints: Callable[[int], list[str]], tmp_path: Path, scheme: str
) -> None:
    endpoint = free_endpoints(1)[0] if scheme == "tcp" else f"ipc://{tmp_path}/r0"
    start(member(0, endpoint), [])
    with pytest.raises(InputError, match=f"robot r0: cannot publish at {endpoint}: Address already in use"):
        start(member(0, endpoint), [])


def test_an_endpoint_of_another_machine_is_refused_by_name(start: Start) -> None:
    with pytest.raises(InputError, match=r"robot r0: cannot publish at tcp://192\.0\.2\.1:5710"):
        start(member(0, "tcp://192.0.2.1:5710"), [])


def test_an_ipc_endpoint_left_behind_by_a_crash_can_be_used_again(start: Start, tmp_path: Path) -> None:
    first = start(member(0, f"ipc://{tmp_path}/r0"), [])
    first.close()
    start(member(0, f"ipc://{tmp_path}/r0"), [])


PAUSED_LISTENER = """
import sys, time
from runtime.peer_links import PeerLinks
from runtime.team import Member
me, peer = (Member(id=f"r{n}", kind="omni", agent=n, endpoint=sys.argv[n + 1]) for n in (0, 1))
links = PeerLinks(me, [peer], time.monotonic_ns)
for _ in range(3):
    deadline = time.monotonic() + 0.3
    while time.monotonic() < deadline:
        links.drain(0.01)
    time.sleep(1.5)
for _ in range(100):
    links.drain()
print(links.tracks[0].accepted + links.tracks[0].rejected.total())
links.close()
"""


def test_a_pause_while_a_peer_floods_does_not_end_the_process(free_endpoints: Callable[[int], list[str]]) -> None:
    """ZeroMQ itself aborts when a heartbeat fails beside a full queue (libzmq 4364, 4767)."""
    endpoints, context = free_endpoints(2), zmq.Context()
    flooder = context.socket(zmq.PUB)
    for option, value in ((zmq.HEARTBEAT_IVL, 200), (zmq.HEARTBEAT_TIMEOUT, 600), (zmq.LINGER, 0)):
        flooder.set(option, value)
    flooder.bind(endpoints[1])
    process = subprocess.Popen(
        [sys.executable, "-c", PAUSED_LISTENER, *endpoints], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    sequence = 0
    while process.poll() is None:
        sequence += 1
        flooder.send(frame("r1", sequence))
        if sequence % 100 == 0:
            time.sleep(0.005)
    said, error = process.communicate()
    context.destroy(linger=0)
    assert process.returncode == 0, error
    assert int(said) > 100
