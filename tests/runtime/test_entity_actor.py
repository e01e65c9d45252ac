"""Actors that read any number of peers and landmarks, as the runtime takes and feeds them."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robots.errors import InputError
from robots.spec import load_spec
from runtime.actor import OnnxActor
from runtime.bundle import read_bundle
from runtime.contract import Entities, decode_contract, encode_contract
from runtime.decide import Decider
from runtime.heard import Heard
from runtime.observation import View, field_shapes, observe
from runtime.team import Member, Mission, Missions, Team
from tests.runtime.entity_factory import FIELDS, OF_LANDMARK, OF_PEER, entity_actor, entity_contract, write_entity_bundle
from tests.runtime.factory import make_contract
from tests.runtime.stand_ins import state

ACTOR = OnnxActor(entity_actor(entity_contract()), "a")


@settings(max_examples=30)
@given(st.integers(1, 12), st.integers(1, 9), st.integers(0, 2**16))
def test_each_number_reaches_the_row_of_whom_it_is_of(robots: int, landmarks: int, seed: int) -> None:
    team = ACTOR.for_team(0, robots, landmarks, "a")
    draw = np.random.default_rng(seed).normal
    known = (draw(size=(5, robots - 1)) > 0).astype(float)
    view = View(
        own_position=draw(size=(5, 2)),
        own_velocity=draw(size=(5, 2)),
        landmarks=draw(size=(5, landmarks, 2)),
        peers=draw(size=(5, robots - 1, 2)),
        peers_velocity=draw(size=(5, robots - 1, 2)),
        peers_known=known,
    )
    spots, peers = (points - view.own_position[:, None] for points in (view.landmarks, view.peers))
    expected = view.own_velocity + spots.sum(1) @ OF_LANDMARK[:2] + landmarks * OF_LANDMARK[2]
    rows = np.concatenate([peers, view.peers_velocity, known[..., None]], axis=-1) * known[..., None]
    action, _ = team.act(observe(team.contract.layout, view), team.initial_state(5))
    np.testing.assert_allclose(action, expected + rows.sum(1) @ OF_PEER, atol=1e-5)


def test_the_contract_of_another_team_has_its_sizes_and_an_arena_as_crowded() -> None:
    contract = ACTOR.for_team(7, 12, 5, "a").contract
    assert (contract.agent, contract.team_size, contract.landmarks) == (7, 12, 5)
    assert contract.observation == field_shapes(FIELDS, 12, 5)
    assert contract.arena_half_size == pytest.approx(2.0 * ACTOR.contract.arena_half_size)
    assert ACTOR.for_team(0, 2, 9, "a").contract.arena_half_size == pytest.approx(3**0.5 * ACTOR.contract.arena_half_size)
    same = ACTOR.for_team(1, 3, 3, "a").contract
    assert msgspec.structs.replace(same, agent=0) == ACTOR.contract


@pytest.mark.parametrize(
    ("robots", "landmarks", "complaint"),
    [(13, 3, "a: is for 1 ... 12 robots, not for 13"), (3, 10, "a: is for 1 ... 9 landmarks, not for 10"), (0, 3, "not for 0")],
)
def test_teams_outside_of_the_range_are_refused(robots: int, landmarks: int, complaint: str) -> None:
    with pytest.raises(InputError) as error:
        ACTOR.for_team(0, robots, landmarks, "a")
    assert complaint in str(error.value)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        (
            {"entities": Entities(robots=(4, 12), landmarks=(1, 9), nearest=4)},
            "entities.robots: is 4 ... 12, must have 1 <= least <= 3",
        ),
        ({"entities": Entities(robots=(1, 2000), landmarks=(1, 9), nearest=4)}, "entities.robots: is 1 ... 2000"),
        ({"entities": Entities(robots=(1, 12), landmarks=(1, 2), nearest=4)}, "entities.landmarks: is 1 ... 2"),
        ({"entities": Entities(robots=(1, 12), landmarks=(1, 9), nearest=0)}, "entities.nearest: is 0"),
        ({"observation": field_shapes(FIELDS[:-1], 3, 3)}, "an entity actor needs peers_known"),
        ({"entities": msgspec.UNSET}, "graph inputs are observation, landmarks, peers, the contract asks for observation"),
        ({"observation": field_shapes((*FIELDS, "peers_age"), 3, 3)}, "graph input 'peers' has shape"),
    ],
)
def test_a_contract_that_does_not_fit_its_graph_or_itself_is_one_line(changes: dict, complaint: str) -> None:
    with pytest.raises(InputError) as error:
        OnnxActor(entity_actor(entity_contract(**changes)), "a")
    assert complaint in str(error.value) and "\n" not in str(error.value)


def test_contracts_for_one_size_say_nothing_of_entities() -> None:
    text = encode_contract(make_contract())
    assert "entities" not in text and not decode_contract(text, "a").reads_entities
    again = decode_contract(encode_contract(entity_contract()), "a")
    assert again == entity_contract() and again.reads_entities


def decider(robots: int) -> Decider:
    """Of robot 0."""
    team = Team(
        robots=tuple(Member(id=f"r{n}", kind="point", agent=n, endpoint=f"tcp://r{n}:1") for n in range(robots)), require_peers=False
    )
    missions = Missions(missions=(Mission(landmarks=((0.5, 0.0), (-0.5, 0.5), (0.0, -0.5), (0.1, 0.1))),))
    return Decider("r0", team, missions, ACTOR.for_team(0, robots, 4, "a"), load_spec("point"), 0.1, 0.0)


def test_a_peer_that_is_lost_has_left_and_one_that_is_heard_has_joined() -> None:
    """A robot of a team of five who hears three of four peers does what it does in a team of four."""
    places, speeds = [(0.3, 0.1), (-0.2, 0.4), (0.5, 0.5), (-0.4, -0.4)], [(0.1, 0.0)] * 4
    three = decider(4).wish(state(0), Heard(places[:3], speeds[:3], [0.0] * 3), True).action
    all_four = decider(5).wish(state(0), Heard(places, speeds, [0.0] * 4), True).action
    assert not np.allclose(three, all_four)
    for age in (0.6, np.inf):
        left = decider(5).wish(state(0), Heard(places, speeds, [0.0, 0.0, 0.0, age]), True).action
        np.testing.assert_allclose(left, three, atol=1e-6)


def test_one_file_serves_every_robot_of_a_larger_team(tmp_path) -> None:
    bundle = read_bundle(write_entity_bundle(tmp_path))
    actors = bundle.actors_for(7, 9)
    assert [actor.contract.agent for actor in actors] == list(range(7))
    assert {actor.contract.team_size for actor in actors} == {7} and {actor.contract.landmarks for actor in actors} == {9}
    assert bundle.entry_for(6, 7, "team.yaml").agent == 0
    with pytest.raises(InputError, match="robots, not for 13"):
        bundle.actors_for(13, 3)
