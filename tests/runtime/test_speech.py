"""What actors say to each other: from one robot's actor into another's observation, and no further than it should."""

from __future__ import annotations

import json
import math
from pathlib import Path

import msgspec
import numpy as np
import pytest

from robots.driver import RobotState
from robots.errors import InputError
from runtime.actor import OnnxActor
from runtime.bundle import write_manifest
from runtime.contract import Message, decode_contract, encode_contract
from runtime.ears import LinkedEars, OpenEars
from runtime.heard import Heard, believe
from runtime.link import Link, LinkProfile
from runtime.link_model import MESSAGE_BYTES, LinkModel
from runtime.log_lines import Tick
from runtime.message import BIT_BYTES, NUMBER_BYTES, decode_message, encode_message
from runtime.peers import PeerTrack
from runtime.team import Mission, Missions
from tests.runtime.factory import make_actor, make_contract
from tests.runtime.speaking_factory import WORDS, speaking_actor, speaking_contract, weights_of
from tests.runtime.stand_ins import Clock, frame, message, state
from tests.runtime.test_log_replay import again, logged
from tests.runtime.test_node import Bench, peers_say

PERIOD = 0.1
MISSIONS = Missions(missions=(Mission(landmarks=((0.0, 0.0),), seed=3),))
SAID = (0.5, -2.0, 7.0)
NUMBERS = Message(size=WORDS, kind="numbers")


def track(vector: tuple[float, ...], sequence: int = 1) -> PeerTrack:
    heard = PeerTrack("r1", "")
    heard.take(frame("r1", sequence, vector=vector), 0)
    return heard


def ears(link: Link | None) -> OpenEars | LinkedEars:
    return OpenEars(WORDS) if link is None else LinkedEars(LinkProfile(link=link), MISSIONS, 0, 2, PERIOD, NUMBERS)


@pytest.mark.parametrize("link", [None, Link(delay=0.0, loss=1e-9)])
@pytest.mark.parametrize(("vector", "expected"), [(SAID, SAID), ((), (0.0,) * WORDS), ((1.0,) * (WORDS + 1), (0.0,) * WORDS)])
def test_what_a_peer_says_is_heard_and_what_no_actor_of_the_team_says_is_silence(link, vector, expected):
    heard = ears(link).hear(state(0), [track(vector)], [0.0])
    assert [tuple(said) for said in heard.message] == [expected]


def test_a_silent_team_hears_no_messages():
    assert OpenEars().hear(state(0), [track(SAID)], [0.0]).message is None


def test_a_message_that_is_late_on_the_link_comes_with_its_words():
    listening = ears(Link(delay=0.2))
    first = listening.hear(state(0), [track((1.0, 1.0, 1.0), 1)], [0.0])  # what is first heard of a peer passes at once
    listening.hear(state(1), [track(SAID, 2)], [0.0])
    before = listening.hear(state(2), [track((3.0, 3.0, 3.0), 3)], [0.0])
    after = listening.hear(state(3), [track((4.0, 4.0, 4.0), 4)], [0.0])
    assert [tuple(each.message[0]) for each in (first, before, after)] == [(1.0, 1.0, 1.0), (1.0, 1.0, 1.0), SAID]


@pytest.mark.parametrize(("age", "heeded"), [(0.0, True), (PERIOD, True), (PERIOD + 1e-3, False), (0.49, False), (math.inf, False)])
def test_words_are_silence_after_a_control_period_for_a_robot_and_for_a_batch(age, heeded):
    one = believe(Heard([(1.0, 2.0)], [(0.0, 0.0)], [age], [SAID]), [0.0, 0.0], 0.5, PERIOD).as_arrays()
    batch = believe(Heard(*(np.array([each]) for each in ([[1.0, 2.0]], [[0.0, 0.0]], [age], [SAID]))), np.zeros((1, 2)), 0.5, PERIOD)
    expected = SAID if heeded else (0.0,) * WORDS
    assert tuple(one.message[0]) == tuple(batch.message[0, 0]) == expected
    assert one.known[0] == float(age <= 0.5)  # its position still counts


def bench(kind: str = "numbers", ticks: int = 6, **options: object) -> Bench:
    """Robot r0 of three, with peers that speak."""

    def plan(clock: Clock) -> list[RobotState]:
        return [state(tick, position=np.array([0.02 * tick, 0.1]), velocity=np.array([0.2, 0.0])) for tick in range(ticks)]

    words = (0.1, -0.2, 0.3) if kind == "numbers" else (1, -1, 1)
    peers = peers_say(vector=words, position=(0.5, 0.5))
    return Bench(plan, peers, "lockstep", "point", actor=speaking_actor(speaking_contract(kind=kind)), words=WORDS, **options)


@pytest.mark.parametrize("kind", ["numbers", "bits"])
def test_a_robot_says_in_each_tick_what_its_actor_said_in_the_last_run(kind, tmp_path):
    running = bench(kind, log=tmp_path / "r0.jsonl")
    assert running.node.run().kind == "end"
    running.node._log.close()
    ticks = [json.loads(line) for line in (tmp_path / "r0.jsonl").read_text().splitlines()]
    ticks = [line for line in ticks if line["line"] == "tick"]
    said = running.links.spoken
    assert said[0] == () and len(ticks) == len(said) == 6
    contract = speaking_contract(kind=kind)
    for before, tick, words in zip(ticks, ticks[1:], said[1:], strict=False):
        expected = np.array(before["observation"], dtype=np.float32) @ weights_of(contract)[1]
        np.testing.assert_allclose(words, np.sign(expected) if kind == "bits" else expected, rtol=1e-5)
        heard = np.array(tick["observation"])[-2 * WORDS :]
        assert list(heard) == [*tick["peers"]["r1"]["message"], *tick["peers"]["r2"]["message"]] and heard.any()
    if kind == "bits":
        assert {type(word) for words in said for word in words} == {int}


def test_what_a_robot_repeats_within_a_tick_is_what_it_said_first():
    """In lockstep a peer may hear of a tick only when this robot, which has acted in it, waits for the next one and repeats itself."""
    running = bench(ticks=4)
    for tick in range(3):
        running.node._tick()
        first = running.links.spoken[-1]
        running.node._publish()
        assert running.links.published[-1][0] == tick and running.links.spoken[-1] == first != running.node._decider.said


def test_a_robot_that_holds_says_nothing():
    """Its actor does not run, so what it said last is of a moment that has passed."""
    running = bench(ticks=12, lockstep_timeout=0.5)
    speak = running.links._before_drain
    running.links._before_drain = lambda links: None if 4 <= links.published[-1][0] < 8 else speak(links)
    running.node.run()
    modes = dict(zip((tick for tick, *_ in running.links.published), (mode for _, mode, _ in running.links.published), strict=True))
    assert "HOLD" in modes.values()
    said = [(mode, words) for (_, mode, _), words in zip(running.links.published, running.links.spoken, strict=True)]
    assert {words for mode, words in said if mode == "HOLD"} == {()} and any(words for mode, words in said if mode == "ACTIVE")


def test_a_robot_that_begins_anew_has_said_nothing():
    running = bench()
    running.node.run()
    assert running.node._decider.said
    running.node._decider.begin_episode()
    assert running.node._decider.said == ()


def test_a_log_with_messages_is_computed_again_and_a_changed_word_is_found_out(tmp_path: Path):
    path = tmp_path / "r0.jsonl"
    lines, actor = logged(bench(ticks=8, log=path), path), speaking_actor(speaking_contract())
    same = again(lines, actor)
    assert same.difference is None and same.actor_runs == 8
    changed = next(line for line in lines if isinstance(line, Tick) and line.tick == 5)
    changed.peers["r1"].message[0] += 1e-9
    assert again(lines, actor).difference.tick == 5


@pytest.mark.parametrize(("kind", "each"), [("numbers", NUMBER_BYTES), ("bits", BIT_BYTES)])
def test_words_cost_what_they_take_in_a_frame(kind, each):
    words = tuple((1 if kind == "bits" else 0.1) for _ in range(10))
    plain, spoken = (encode_message(message("r1", 1, vector=vector)) for vector in ((), words))
    assert len(spoken) - len(plain) == 10 * each
    assert decode_message(spoken, "r1").vector == words
    # A link that carries a message in every second tick, with its words, and no more.
    costs = MESSAGE_BYTES + 10 * each
    link = LinkModel(LinkProfile(link=Link(bandwidth=0.5 * costs / PERIOD)), np.array([1]), 2, PERIOD, message=Message(size=10, kind=kind))
    ages = []
    for tick in range(20):
        spot = np.full((1, 2, 2), float(tick))
        ages.append(link.step(tick, spot, spot, 0 * spot, message=np.ones((1, 2, 10))).age[0, 0, 0])
    assert sum(age < 1e-9 for age in ages[4:]) == 8


@pytest.mark.parametrize("size", [0, -1, 65])
def test_a_message_that_no_frame_carries_is_refused(size):
    contract = msgspec.structs.replace(speaking_contract(), message=Message(size=size, kind="numbers"))
    with pytest.raises(InputError, match=rf"^a: contract: message.size: is {size}, must be 1 \.\.\. 64$"):
        decode_contract(encode_contract(contract), "a")


def test_an_actor_that_does_not_say_what_its_contract_says_is_refused():
    says = make_actor(make_contract(kind="point", message=NUMBERS))
    with pytest.raises(InputError, match="graph outputs are action, next_state, the contract asks for action, message, next_state"):
        OnnxActor(says, "a")
    listens = msgspec.structs.replace(speaking_contract(), message=Message(size=WORDS + 1, kind="numbers"))
    with pytest.raises(InputError, match="observation field 'peers_message': size is 6, this runtime builds 8"):
        OnnxActor(make_actor(listens), "a")


def test_a_team_in_which_one_says_something_else_is_refused(tmp_path: Path):
    for agent, kind in enumerate(("numbers", "numbers", "bits")):
        (tmp_path / f"actor_{agent}.onnx").write_bytes(speaking_actor(speaking_contract(agent, kind=kind)))
    with pytest.raises(InputError, match=r"actor_2.onnx: contract: message: is .*bits.*, actor_0.onnx has .*numbers"):
        write_manifest(tmp_path, success=0.0, differences=[(0.0, 0.0)] * 3, created_by="test", provenance={})
