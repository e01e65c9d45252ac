"""Real sockets, and someone at the other end who means harm: nothing of it is believed, and all of it is counted."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import zmq

from runtime.doorkeeper import Doorkeeper, guard
from runtime.message import LARGEST_MESSAGE, MESSAGE_VERSION
from runtime.peer_links import PeerLinks
from runtime.peers import PeerTrack
from tests.runtime.stand_ins import frame
from tests.runtime.test_doorkeeper import PUBLIC, SECRETS, keys, pair
from tests.runtime.test_peer_links import member, own, until


class Speaker:
    """The PUB of a peer, which says what the test makes it say. With a secret key it has a door, as a robot has."""

    def __init__(self, endpoint: str, secret: bytes | None) -> None:
        self.context = zmq.Context()
        self._keeper = None if secret is None else Doorkeeper(self.context, PUBLIC.values())
        self._socket = self.context.socket(zmq.PUB)
        self._socket.sndhwm = 100_000
        if secret is not None:
            guard(self._socket, secret)
        self._socket.bind(endpoint)

    def say(self, *frames: bytes) -> None:
        for each in frames:
            self._socket.send(each)

    def say_in_parts(self, *parts: bytes) -> None:
        self._socket.send_multipart(parts)

    def attend(self) -> None:
        if self._keeper is not None:
            self._keeper.answer()


class Scene:
    """r0 listens; whoever is at the endpoint of r1 speaks."""

    def __init__(self, listener: PeerLinks, speaker: Speaker) -> None:
        self.speaker = speaker
        self._listener = listener

    @property
    def track(self) -> PeerTrack:
        return self._listener.tracks[0]

    def pass_time(self) -> None:
        self.speaker.attend()
        self._listener.drain(0.01)

    def begin(self, boot: int = 7) -> None:
        """Speak until r0 hears it: sequence 1 and on, of which only the first counts."""

        def speak() -> None:
            self.speaker.say(frame("r1", 1, boot=boot))
            self.pass_time()

        until(lambda: self.track.accepted > 0, speak)
        deadline = time.monotonic() + 0.1
        while time.monotonic() < deadline:
            self.pass_time()
        self.track.rejected.clear()

    def counts_after(self, *frames: bytes) -> dict[str, int]:
        """What is counted of these frames when all of them have come; `believed` beside the reasons."""
        before, rejected = self.track.accepted, self.track.rejected.total()
        self.speaker.say(*frames)
        until(lambda: self.track.accepted - before + self.track.rejected.total() - rejected >= len(frames), self.pass_time)
        return {"believed": self.track.accepted - before, **self.track.rejected}


Open = Callable[..., Scene]


@pytest.fixture
def scene(free_endpoints: Callable[[int], list[str]]) -> Iterator[Open]:
    with contextlib.ExitStack() as stack:

        def make(encrypted: bool, secret: bytes | None = None, endpoint: str | None = None) -> Scene:
            mine, peers = free_endpoints(2)
            held = keys("r0") if encrypted else None
            speaker = Speaker(peers, (secret or SECRETS["r1"][0]) if encrypted else secret)
            stack.callback(speaker.context.destroy, linger=0)
            listener = PeerLinks(member(0, mine), [member(1, endpoint or peers)], time.monotonic_ns, held)
            stack.callback(listener.close)
            return Scene(listener, speaker)

        yield make


with_and_without_keys = pytest.mark.parametrize("encrypted", [True, False], ids=["encrypted", "plain"])


@with_and_without_keys
def test_a_conversation_that_is_played_again_is_counted_message_by_message(scene: Open, encrypted: bool) -> None:
    here = scene(encrypted)
    here.begin()
    said = [frame("r1", sequence, tick=sequence) for sequence in range(2, 22)]
    assert here.counts_after(*said) == {"believed": 20}
    assert here.counts_after(*said) == {"believed": 0, "sequence": 20}
    assert here.track.newest.tick == 21


@with_and_without_keys
def test_of_messages_out_of_order_those_that_are_overtaken_are_counted(scene: Open, encrypted: bool) -> None:
    here = scene(encrypted)
    here.begin()
    order = [5, 3, 4, 9, 2, 8, 10, 7, 6]
    said = [frame("r1", sequence, tick=sequence) for sequence in order]
    assert here.counts_after(*said) == {"believed": 3, "sequence": 6} and here.track.newest.tick == 10


@with_and_without_keys
def test_an_ended_life_of_a_peer_does_not_speak_again(scene: Open, encrypted: bool) -> None:
    here = scene(encrypted)
    here.begin(boot=7)
    assert here.counts_after(frame("r1", 1, boot=8), frame("r1", 1, boot=9)) == {"believed": 2}
    ghosts = [frame("r1", sequence, boot=boot) for boot in (7, 8) for sequence in (2, 900)]
    assert here.counts_after(*ghosts) == {"believed": 0, "old_boot": 4} and here.track.newest.boot == 9


FORGED: dict[str, list[bytes]] = {
    "identity": [frame("r2", 2), frame("r0", 2), frame("", 2), frame("R1", 2)],
    "version": [frame("r1", 2, version=MESSAGE_VERSION + 1), frame("r1", 2, version=0)],
    "not_finite": [frame("r1", 2, position=(float("nan"), 0.0)), frame("r1", 2, vector=(float("inf"),))],
    "garbage": [b"x", frame("r1", 2)[:-1], frame("r1", 2) + b"\0", b"\xc0" * 200],
    "length": [b"", frame("r1", 2, vector=(0.0,) * 65), b"x" * (LARGEST_MESSAGE + 1), b"x" * (7 * LARGEST_MESSAGE)],
}


@with_and_without_keys
def test_what_a_peer_cannot_have_said_is_counted_by_its_reason(scene: Open, encrypted: bool) -> None:
    here = scene(encrypted)
    here.begin()
    for reason, frames in FORGED.items():
        assert here.counts_after(*frames) == {"believed": 0, reason: len(frames)}
        here.track.rejected.clear()
    here.speaker.say_in_parts(frame("r1", 2), frame("r1", 3))
    until(lambda: here.track.rejected.total() > 0, here.pass_time)
    assert here.track.rejected == {"length": 1} and here.track.newest.sequence == 1


@with_and_without_keys
def test_a_frame_far_too_long_is_not_taken_in_and_the_broken_connection_is_counted(scene: Open, encrypted: bool) -> None:
    here = scene(encrypted)
    here.begin()
    here.speaker.say(b"x" * (8 * LARGEST_MESSAGE + 1))
    until(lambda: here.track.rejected.total() > 0, here.pass_time)
    assert here.track.rejected == {"broken": 1} and here.track.accepted == 1


@pytest.mark.parametrize("who", ["a stranger", "another robot of the team"])
def test_someone_with_another_key_at_the_place_of_a_peer_is_counted_and_not_heard(scene: Open, who: str) -> None:
    here = scene(True, {"a stranger": pair()[0], "another robot of the team": SECRETS["r2"][0]}[who])
    sequence = iter(range(1, 10**6))

    def speak() -> None:
        here.speaker.say(frame("r1", next(sequence)))
        here.pass_time()

    until(lambda: here.track.rejected["handshake"] > 2, speak)
    assert here.track.accepted == 0 and here.track.rejected.keys() == {"handshake"}


class Wire:
    """Carries what r1 sends to r0, and may change it on the way."""

    def __init__(self, target: str) -> None:
        self.sent = bytearray()
        self.tamper: Callable[[bytes], bytes] = lambda data: data
        self.connections = 0
        self._target = ("127.0.0.1", int(target.rpartition(":")[2]))
        self._door = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"tcp://127.0.0.1:{self._door.getsockname()[1]}"
        self._open: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        for each in (self._door, *self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._door.accept()
                self.connections += 1
                far = socket.create_connection(self._target)
                self._open += [near, far]
                threading.Thread(target=self._carry, args=(near, far, lambda data: data), daemon=True).start()
                threading.Thread(target=self._carry, args=(far, near, self._downstream), daemon=True).start()

    def _downstream(self, data: bytes) -> bytes:
        changed = self.tamper(data)
        self.sent += data
        return changed

    def _carry(self, source: socket.socket, sink: socket.socket, change: Callable[[bytes], bytes]) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(change(data))
        for each in (source, sink):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def tapped(free_endpoints: Callable[[int], list[str]]) -> Iterator[tuple[Scene, Wire]]:
    """An encrypted link from r1 to r0, with someone in between."""
    mine, peers = free_endpoints(2)
    speaker, wire = Speaker(peers, SECRETS["r1"][0]), Wire(peers)
    listener = PeerLinks(member(0, mine), [member(1, wire.endpoint)], time.monotonic_ns, keys("r0"))
    yield Scene(listener, speaker), wire
    listener.close()
    wire.close()
    speaker.context.destroy(linger=0)


def flipped(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


def doubled(data: bytes) -> bytes:
    return data + data


@pytest.mark.parametrize("tamper", [flipped, doubled], ids=["changed", "sent twice"])
def test_what_is_tampered_with_on_an_encrypted_wire_is_not_believed(tapped: tuple[Scene, Wire], tamper: Callable[[bytes], bytes]) -> None:
    here, wire = tapped
    here.begin()
    accepted = here.track.accepted
    wire.tamper = tamper
    sequence = iter(range(2, 10**6))

    def speak() -> None:
        here.speaker.say(frame("r1", next(sequence)))
        here.pass_time()

    until(lambda: here.track.rejected.total() > 0, speak)
    # A changed message never counts; of one that is sent twice, the first copy is the message itself.
    assert here.track.accepted - accepted <= (1 if tamper is doubled else 0)
    assert here.track.rejected.keys() <= {"broken", "handshake"}


def test_a_recorded_encrypted_session_cannot_be_played_again(
    tapped: tuple[Scene, Wire], free_endpoints: Callable[[int], list[str]]
) -> None:
    here, wire = tapped
    here.begin()
    assert here.counts_after(*(frame("r1", sequence) for sequence in range(2, 12)))["believed"] == 10
    recorded = bytes(wire.sent)
    with socket.create_server(("127.0.0.1", 0)) as door:
        listener = PeerLinks(
            member(0, free_endpoints(1)[0]), [member(1, f"tcp://127.0.0.1:{door.getsockname()[1]}")], time.monotonic_ns, keys("r0")
        )
        door.settimeout(5.0)
        caller, _ = door.accept()
        caller.sendall(recorded)
        until(lambda: listener.tracks[0].rejected.total() > 0, lambda: listener.drain(0.01))
        caller.close()
        assert listener.tracks[0].accepted == 0 and listener.tracks[0].rejected.keys() == {"handshake"}
        listener.close()


def test_a_stranger_who_listens_is_refused_and_counted_each_time(free_endpoints: Callable[[int], list[str]]) -> None:
    mine = free_endpoints(1)[0]
    listener, context = PeerLinks(member(0, mine), [], time.monotonic_ns, keys("r0")), zmq.Context()
    eavesdropper = context.socket(zmq.SUB)
    eavesdropper.curve_secretkey, eavesdropper.curve_publickey = pair()
    eavesdropper.curve_serverkey = PUBLIC["r0"]
    eavesdropper.reconnect_ivl = 10
    eavesdropper.subscribe(b"")
    for _ in range(3):
        refused = listener.refused
        eavesdropper.connect(mine)
        until(lambda before=refused: listener.refused > before, lambda: (listener.publish(own(1), "ACTIVE", 0), listener.drain(0.01)))
        eavesdropper.disconnect(mine)
    assert not eavesdropper.poll(0)
    listener.close()
    context.destroy(linger=0)
