"""What a robot makes of what it heard, and what of that the actor can read."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from runtime.ears import SILENCE, LinkedEars, OpenEars
from runtime.heard import Heard, believe, heard_at_once
from runtime.link import Link, LinkProfile
from runtime.observation import SIMPLE_SPREAD_V3, View, field_shapes, observe, views_of_team
from runtime.peers import PeerTrack
from runtime.team import Mission, Missions
from tests.runtime.stand_ins import frame, state

LOST = 0.5


def heard_of(*ages, library=np):
    position = library.asarray([[1.0, 2.0]] * len(ages))
    return Heard(position, library.asarray([[0.5, -0.5]] * len(ages)), library.asarray(ages))


@pytest.mark.parametrize("library", [np, torch], ids=["numpy", "torch"])
def test_peers_move_on_at_constant_velocity_until_they_are_lost(library):
    peers = believe(heard_of(0.0, 0.2, 0.5, 0.51, 30.0, math.inf, library=library), library.asarray([7.0, 8.0]), LOST)
    np.testing.assert_allclose(
        np.asarray(peers.position), [(1.0, 2.0), (1.1, 1.9), (1.25, 1.75), (1.25, 1.75), (1.25, 1.75), (7.0, 8.0)], rtol=1e-6
    )
    np.testing.assert_array_equal(np.asarray(peers.known), [1, 1, 1, 0, 0, 0])
    np.testing.assert_allclose(np.asarray(peers.age), [0.0, 0.2, 0.5, 0.5, 0.5, 0.5], rtol=1e-6)
    np.testing.assert_array_equal(np.asarray(peers.velocity)[-2:], [(0.5, -0.5), (0.0, 0.0)])


NUMBER = st.floats(allow_nan=False, allow_infinity=False)
AGE = st.sampled_from([0.0, LOST, math.nextafter(LOST, 1.0), SILENCE, math.inf]) | st.floats(0.0, 2.0)


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")
@given(st.lists(st.tuples(NUMBER, NUMBER, NUMBER, NUMBER, AGE), max_size=4), NUMBER, NUMBER)
def test_a_robot_believes_to_the_bit_what_a_batch_of_one_believes(heard, x, y):
    rows = np.array(heard).reshape(-1, 5)
    one = believe(Heard(rows[:, :2].tolist(), rows[:, 2:4].tolist(), rows[:, 4].tolist()), [x, y], LOST).as_arrays()
    batch = believe(Heard(rows[None, :, :2], rows[None, :, 2:4], rows[None, :, 4]), np.array([[x, y]]), LOST)
    for name in ("position", "velocity", "age", "known"):
        assert getattr(one, name).shape == getattr(batch, name)[0].shape
        assert getattr(one, name).tobytes() == getattr(batch, name)[0].tobytes()


@given(st.integers(1, 6), st.integers(0, 3))
def test_a_team_that_hears_at_once_sees_what_is_true(robots, seed):
    position, velocity = np.random.default_rng(seed).normal(size=(2, 4, robots, 2))
    peers = believe(heard_at_once(position, velocity), position, LOST)
    np.testing.assert_array_equal(peers.position, views_of_team(position, velocity, position).peers)
    assert (peers.known == 1).all() and (peers.age == 0).all() and peers.age.shape == (4, robots, robots - 1)


def view(**more):
    return View(np.array([0.1, 0.2]), np.array([0.3, 0.4]), np.ones((3, 2)), np.zeros((2, 2)), **more)


def test_fields_say_what_is_known_of_the_peers_and_of_the_own_latency():
    layout = ("command_latency", "peers_known", "peers_age", "peers_velocity", "own_velocity")
    full = view(
        peers_velocity=np.array([(1.0, 2.0), (3.0, 4.0)]),
        peers_age=np.array([0.1, 0.5]),
        peers_known=np.array([1.0, 0.0]),
        command_latency=np.array([0.25]),
    )
    np.testing.assert_array_equal(observe(layout, full), [0.25, 1, 0, 0.1, 0.5, 1, 2, 3, 4, 0.3, 0.4])
    assert [shape.size for shape in field_shapes(layout, 3, 3)] == [1, 2, 2, 4, 2]
    assert [shape.unit for shape in field_shapes(layout, 3, 3)] == ["s", "1", "s", "m/s", "m/s"]


def test_a_layout_that_needs_what_is_not_known_cannot_be_built():
    assert observe(SIMPLE_SPREAD_V3, view()).shape == (18,)
    with pytest.raises(ValueError, match="'peers_age'"):
        observe((*SIMPLE_SPREAD_V3, "peers_age"), view())


# Ears


def tracks(*frames):
    found = []
    for number, each in enumerate(frames, start=1):
        found.append(PeerTrack(f"r{number}", f"tcp://r{number}:1"))
        if each is not None:
            found[-1].take(each, 0)
    return found


MISSIONS = Missions(missions=(Mission(landmarks=((0.0, 0.0),), seed=5), Mission(landmarks=((0.0, 0.0),))))


def test_open_ears_hear_the_newest_of_this_episode():
    own = state(9, episode=1)
    heard = OpenEars().hear(own, tracks(frame("r1", 1, episode=1), frame("r2", 1, episode=0), None), [0.04, math.inf, math.inf])
    np.testing.assert_array_equal(heard.age, [0.04, math.inf, math.inf])
    np.testing.assert_array_equal(heard.position[0], [1.0, 2.0])


def test_a_peer_that_has_fallen_silent_is_kept_where_it_was():
    heard = OpenEars().hear(state(9), tracks(frame("r1", 1)), [math.inf])
    peers = believe(heard, [0.0, 0.0], LOST)
    assert heard.age == [SILENCE] and peers.known == [0.0]
    np.testing.assert_allclose(peers.position, [(1.25, 1.75)])


def linked(**figures):
    return LinkedEars(LinkProfile(link=Link(**figures)), MISSIONS, 0, 3, 0.1)


def test_linked_ears_hold_a_message_back_and_count_its_age_from_when_it_was_true():
    ears, seen = linked(delay=0.2), []
    for tick in range(5):
        them = tracks(frame("r1", tick + 1, position=(float(tick), 0.0)), frame("r2", tick + 1))
        heard = ears.hear(state(100 + tick, elapsed=tick), them, [0.03, 0.0])
        seen.append((heard.position[0][0], round(float(heard.age[0]), 6), round(float(heard.age[1]), 6)))
    assert seen == [(0.0, 0.03, 0.0), (0.0, 0.13, 0.1), (0.0, 0.23, 0.2), (1.0, 0.23, 0.2), (2.0, 0.23, 0.2)]


def test_a_message_passes_the_link_once_however_often_the_robot_looks():
    ears, them = linked(delay=0.1), tracks(frame("r1", 1), frame("r2", 1))
    ages = [ears.hear(state(tick, elapsed=tick), them, [0.0, 0.0]).age[0] for tick in range(4)]
    np.testing.assert_allclose(ages, [0.0, 0.1, 0.2, 0.3])


def test_a_new_episode_begins_with_a_link_that_knows_nothing():
    ears = linked(delay=0.1)
    ears.hear(state(3, elapsed=3), tracks(frame("r1", 1), frame("r2", 1)), [0.0, 0.0])
    heard = ears.hear(state(4, episode=1, elapsed=0), tracks(frame("r1", 2), frame("r2", 2, episode=1)), [math.inf, 0.0])
    assert heard.age == [math.inf, 0.0]


def test_while_the_own_state_stands_still_nothing_new_is_heard():
    ears = linked(loss=0.5)
    first = ears.hear(state(3, elapsed=3), tracks(frame("r1", 1), frame("r2", 1)), [0.0, 0.0])
    assert ears.hear(state(3, elapsed=3), tracks(frame("r1", 9), frame("r2", 9)), [0.0, 0.0]) is first


def test_chance_follows_from_the_seed_of_the_mission_and_without_one_from_its_number():
    def series(episode):
        ears = linked(loss=0.5)
        return [
            ears.hear(
                state(tick, episode=episode, elapsed=tick),
                tracks(*(frame(f"r{peer}", tick + 1, episode=episode) for peer in (1, 2))),
                [0.0, 0.0],
            ).age
            for tick in range(20)
        ]

    assert series(0) == series(2) != series(1) != series(3)
