"""Where moving landmarks are: against a walk that bounces step by step, for any start, speed, walls and time."""

from __future__ import annotations

import math

import numpy as np
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from runtime.course import Course, course_of
from runtime.team import Mission

WALLS = st.floats(0.1, 10.0)
SPEEDS = st.floats(-5.0, 5.0)
SHARES = st.floats(-1.0, 1.0)
TIMES = st.floats(0.0, 60.0)


def course(start: float, drift: float, within: float = math.inf) -> Course:
    """Of one landmark that moves along x."""
    return Course(np.array([[start, 0.0]]), np.array([[drift, 0.0]]), np.array(within))


def bounced(start: float, drift: float, within: float, elapsed: float) -> float:
    """Where it is, from wall to wall."""
    place, left = start, elapsed
    while drift:
        wall = math.copysign(within, drift)
        until = (wall - place) / drift
        if until >= left:
            break
        place, left, drift = wall, left - until, -drift
    return place + drift * left


@given(SHARES, SPEEDS, WALLS, TIMES)
def test_a_landmark_goes_from_wall_to_wall_as_one_that_bounces(share, drift, within, elapsed):
    place = course(share * within, drift, within).at(elapsed)[0][0, 0]
    assert abs(place - bounced(share * within, drift, within, elapsed)) < 1e-9
    assert -within <= place <= within


@given(SHARES, SPEEDS, WALLS, TIMES, st.floats(0.0, 0.1))
def test_it_never_jumps_and_keeps_its_speed(share, drift, within, elapsed, step):
    places, velocities = zip(*(course(share * within, drift, within).at(time) for time in (elapsed, elapsed + step)), strict=True)
    assert abs(places[1][0, 0] - places[0][0, 0]) <= abs(drift) * step + 1e-9
    assert all(abs(velocity[0, 0]) == abs(drift) for velocity in velocities)


@given(SHARES, SPEEDS.filter(lambda drift: abs(drift) > 1e-3), WALLS, TIMES)
def test_its_velocity_says_where_it_will_be(share, drift, within, elapsed):
    moving = course(share * within, drift, within)
    (place, velocity), soon = moving.at(elapsed), 1e-6 * within / abs(drift)
    if within - place[0, 0] * np.sign(velocity[0, 0]) > 2e-6 * within:
        assert abs(moving.at(elapsed + soon)[0][0, 0] - place[0, 0] - velocity[0, 0] * soon) < 1e-9


@given(st.sampled_from([-1.0, 1.0]), SPEEDS.filter(bool), WALLS)
def test_on_a_wall_it_leads_away_from_it(side, drift, within):
    """Whether it begins there or has come there."""
    assert course(side * within, drift, within).at(0.0)[1][0, 0] == -side * abs(drift)
    assert course(0.0, side * 0.5, 2.0).at(4.0)[1][0, 0] == -side * 0.5


@given(SHARES, SPEEDS, WALLS)
@example(-0.9999999999999999, -1.0, 1.0)
def test_it_begins_at_its_start_to_the_bit(share, drift, within):
    assert course(share * within, drift, within).at(0.0)[0][0, 0] == share * within


@given(st.floats(-1e3, 1e3), SPEEDS, TIMES, st.sampled_from([math.inf, 1e308]))
def test_without_walls_it_goes_straight_on(start, drift, elapsed, within):
    place, velocity = course(start, drift, within).at(elapsed)
    assert place[0, 0] == start + drift * elapsed and velocity[0, 0] == drift


def test_a_mission_a_batch_and_torch_say_the_same():
    generator = np.random.default_rng(0)
    starts, drifts, walls = generator.uniform(-1, 1, (4, 3, 2)), generator.uniform(-2, 2, (4, 3, 2)), np.array([1.0, 1.5, 2.0, np.inf])
    together = Course(starts, drifts, walls).at(7.3)
    on_torch = Course(*map(torch.from_numpy, (starts, drifts, walls))).at(7.3)
    for each in range(4):
        within = None if np.isinf(walls[each]) else walls[each]
        mission = Mission(landmarks=starts[each].tolist(), drift=drifts[each].tolist(), within=within)
        for alone, batch, tensor in zip(course_of(mission).at(7.3), together, on_torch, strict=True):
            assert (alone == batch[each]).all() and (alone == tensor[each].numpy()).all()
    assert course_of(Mission(landmarks=((0.0, 0.0),))) is None
