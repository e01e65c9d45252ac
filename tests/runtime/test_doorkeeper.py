"""Encrypted links on real sockets: the team is let in, nobody else is, and each peer's messages are tied to its key."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
import zmq
from zmq.utils import z85

from robots.errors import InputError
from runtime import doorkeeper as door
from runtime.doorkeeper import Doorkeeper, guard, introduce
from runtime.keys import RobotKeys
from runtime.peer_links import PeerLinks
from tests.runtime.stand_ins import frame
from tests.runtime.test_peer_links import member, own, until

Start = Callable[..., PeerLinks]


def pair() -> tuple[bytes, bytes]:
    """Secret and public key."""
    public, secret = zmq.curve_keypair()
    return z85.decode(secret), z85.decode(public)


SECRETS = dict(zip(("r0", "r1", "r2"), (pair() for _ in range(3)), strict=True))
PUBLIC = {robot: public for robot, (_, public) in SECRETS.items()}


def keys(robot: str) -> RobotKeys:
    return RobotKeys(SECRETS[robot][0], PUBLIC)


@pytest.fixture
def start() -> Iterator[Start]:
    opened: list[PeerLinks] = []

    def open_links(me: int, endpoints: list[str], held: RobotKeys | None) -> PeerLinks:
        peers = [member(agent, endpoint) for agent, endpoint in enumerate(endpoints) if agent != me]
        opened.append(PeerLinks(member(me, endpoints[me]), peers, time.monotonic_ns, held))
        return opened[-1]

    yield open_links
    for links in opened:
        links.close()


@pytest.fixture
def context() -> Iterator[zmq.Context]:
    created = zmq.Context()
    yield created
    created.destroy(linger=0)


def talk(*links: PeerLinks, seconds: float = 0.6) -> None:
    """Everyone speaks and listens for a while."""
    deadline, tick = time.monotonic() + seconds, 0
    while time.monotonic() < deadline:
        tick += 1
        for each in links:
            each.publish(own(tick), "ACTIVE", time.monotonic_ns())
            each.drain(0.005)


def test_a_team_with_keys_hears_each_other(start: Start, free_endpoints: Callable[[int], list[str]]) -> None:
    endpoints = free_endpoints(3)
    links = [start(agent, endpoints, keys(f"r{agent}")) for agent in range(3)]
    until(lambda: all(track.accepted > 3 for each in links for track in each.tracks), lambda: talk(*links, seconds=0.05))
    assert [each.refused for each in links] == [0, 0, 0]


def test_an_unknown_key_hears_nothing_and_is_counted(
    start: Start, free_endpoints: Callable[[int], list[str]], context: zmq.Context
) -> None:
    endpoints = free_endpoints(2)
    links = start(0, endpoints, keys("r0"))
    stranger, plain = context.socket(zmq.SUB), context.socket(zmq.SUB)
    introduce(stranger, pair()[0], PUBLIC["r0"])
    for listener in (stranger, plain):
        listener.subscribe(b"")
        listener.connect(endpoints[0])
    talk(links)
    assert not stranger.poll(0) and not plain.poll(0) and links.refused > 0


IMPOSTORS = {"plain": None, "a stranger": pair()[0], "another robot of the team": SECRETS["r2"][0], "r1 itself": SECRETS["r1"][0]}


@pytest.mark.parametrize("who", IMPOSTORS)
def test_a_peers_words_count_only_under_its_own_key(
    start: Start, free_endpoints: Callable[[int], list[str]], context: zmq.Context, who: str
) -> None:
    endpoints = free_endpoints(2)
    links = start(0, endpoints, keys("r0"))
    keeper = Doorkeeper(context, PUBLIC.values())
    speaker = context.socket(zmq.PUB)
    if IMPOSTORS[who] is not None:
        guard(speaker, IMPOSTORS[who])
    speaker.bind(endpoints[1])
    deadline, sequence = time.monotonic() + 0.7, 0
    while time.monotonic() < deadline:
        sequence += 1
        keeper.answer()
        speaker.send(frame("r1", sequence))
        links.drain(0.005)
    assert (links.tracks[0].accepted > 0) == (who == "r1 itself")
    assert links.tracks[0].rejected.keys() == (set() if who == "r1 itself" else {"handshake"})


def test_a_robot_whose_door_does_not_shut_does_not_start(
    start: Start, free_endpoints: Callable[[int], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with CURVE alone, which lets any key in."""
    monkeypatch.setattr(Doorkeeper, "_judge", lambda self, request: [b"1.0", request[1], b"200", b"OK", b"", b""])
    with pytest.raises(InputError, match="an unknown key is let in"):
        start(0, free_endpoints(2), keys("r0"))


def test_a_robot_that_its_own_door_refuses_does_not_start(start: Start, free_endpoints: Callable[[int], list[str]]) -> None:
    with pytest.raises(InputError, match="its own key is refused"):
        start(0, free_endpoints(2), _with_strange_door())


def _with_strange_door() -> RobotKeys:
    """Its public key is right where it introduces itself, and unknown at the door."""

    class Forgetful(dict):
        def values(self) -> list[bytes]:
            return [PUBLIC["r1"]]

    return RobotKeys(SECRETS["r0"][0], Forgetful(PUBLIC))


def test_a_door_that_does_not_answer_is_no_proof(
    start: Start, free_endpoints: Callable[[int], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Doorkeeper, "answer", lambda self: None)
    monkeypatch.setattr(door, "PROOF_TIMEOUT", 0.2)
    with pytest.raises(InputError, match=r"gets no answer within 0\.2 s"):
        start(0, free_endpoints(2), keys("r0"))


def test_without_a_doorkeeper_a_guarded_socket_lets_nobody_in(context: zmq.Context, free_endpoints: Callable[[int], list[str]]) -> None:
    """ZeroMQ's own default would let everybody in."""
    endpoint = free_endpoints(1)[0]
    server, client = context.socket(zmq.PUB), context.socket(zmq.SUB)
    guard(server, SECRETS["r0"][0])
    server.bind(endpoint)
    introduce(client, SECRETS["r1"][0], PUBLIC["r0"])
    client.subscribe(b"")
    client.connect(endpoint)
    for _ in range(40):
        server.send(b"secret")
        assert not client.poll(10)


@pytest.mark.parametrize("spoil", [{2: b"other"}, {5: b"PLAIN"}, {6: b"x" * 32}, {6: b""}])
def test_only_the_teams_keys_by_curve_for_this_domain_pass(context: zmq.Context, spoil: dict[int, bytes]) -> None:
    keeper = Doorkeeper(context, PUBLIC.values())
    request = [b"1.0", b"7", b"fieldswarm", b"127.0.0.1", b"", b"CURVE", PUBLIC["r1"]]
    assert keeper._judge(request)[:3] == [b"1.0", b"7", b"200"]
    spoiled = [spoil.get(index, part) for index, part in enumerate(request)]
    assert keeper._judge(spoiled)[2] == b"400" and keeper.refused == 1
    for short in ([], request[:1], request[:6], [*request, b""]):
        assert keeper._judge(short)[2] == b"400"
