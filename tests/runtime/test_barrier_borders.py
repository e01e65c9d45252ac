"""The barrier at its borders, beside the formulas of `runtime/barrier.py` written down once more in the plainest way."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from robots.spec import load_spec
from runtime.barrier import Barrier, HalfPlanes, Neighbours, barrier_for, nearest, violates
from runtime.team import Separation
from tests.runtime.test_barrier import planes

KEEP, BRAKING, REACTION, HIDDEN = 0.42, 2.0, 0.32, 0.01
BARRIER = Barrier(np.array([KEEP]), BRAKING, REACTION, HIDDEN)
ORIGIN = np.zeros(2)
RADIUS = 2.5
Vector = tuple[float, float]


def up(number: float) -> float:
    return math.nextafter(number, math.inf)


def down(number: float) -> float:
    return math.nextafter(number, -math.inf)


def half_planes(
    place: Vector,
    velocity: Vector = (0.0, 0.0),
    age: float = 0.0,
    own: Vector = (0.0, 0.0),
    own_age: float = 0.0,
    barrier: Barrier = BARRIER,
) -> HalfPlanes:
    """Those of one neighbour, seen from the origin; in a batch they are the same."""
    neighbours = Neighbours(np.array([place]), np.array([velocity]), np.array([age]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        alone = barrier.half_planes(ORIGIN, np.array(own), neighbours, own_age)
        stacked = Neighbours(*(np.stack([part, part]) for part in (neighbours.position, neighbours.velocity, neighbours.age)))
        batch = barrier.half_planes(np.zeros((2, 2)), np.array([own, own]), stacked, own_age)
    for each in range(2):
        assert np.array_equal(batch.normal[each], alone.normal) and np.array_equal(batch.bound[each], alone.bound)
    assert not np.isnan(alone.normal).any() and not np.isnan(alone.bound).any()
    return alone


def by_the_book(place: Vector, velocity: Vector, age: float, own: Vector, own_age: float) -> tuple[float, float]:
    """The angle by which the normals are turned [rad], and their bound [m/s]."""
    apart = math.hypot(*place)
    to_it = (place[0] / apart, place[1] / apart)
    closing = to_it[0] * (own[0] - velocity[0]) + to_it[1] * (own[1] - velocity[1])
    moved = BRAKING * ((age + HIDDEN) ** 2 + own_age**2) / 2 + HIDDEN * math.hypot(*velocity)
    gap = max(0.0, apart - KEEP - REACTION * max(0.0, closing) - moved)
    # w t + w^2 / (2 a) = gap / 2
    speed = -BRAKING * REACTION + math.sqrt((BRAKING * REACTION) ** 2 + BRAKING * gap)
    angle = math.asin(moved / apart)
    return angle, speed * math.cos(angle) + min(0.0, apart - KEEP) / 2 / REACTION


SPEEDS = st.tuples(st.floats(-2, 2), st.floats(-2, 2))


@given(
    apart=st.floats(0.05, 6.0), direction=st.floats(0, 6.28), velocity=SPEEDS, own=SPEEDS, age=st.floats(0, 1.0), own_age=st.floats(0, 0.5)
)
@example(apart=1.0, direction=0.0, velocity=(0.0, 0.0), own=(0.0, 0.0), age=0.0, own_age=0.0)
@example(apart=1.0, direction=0.5, velocity=(1.0, -1.0), own=(0.5, 2.0), age=0.25, own_age=0.125)
@example(apart=0.3, direction=2.0, velocity=(0.5, 0.25), own=(0.0, 0.0), age=0.1, own_age=0.05)
@example(apart=KEEP, direction=0.0, velocity=(0.0, 0.0), own=(0.0, 0.0), age=0.0, own_age=0.0)
def test_each_half_plane_is_that_of_the_book(
    apart: float, direction: float, velocity: Vector, own: Vector, age: float, own_age: float
) -> None:
    place = (apart * math.cos(direction), apart * math.sin(direction))
    found = half_planes(place, velocity, age, own, own_age)
    moved = BRAKING * ((age + HIDDEN) ** 2 + own_age**2) / 2 + HIDDEN * math.hypot(*velocity)
    if moved >= apart * (1 + 1e-9):
        assert found.bound.tolist() == [-math.inf, -math.inf]
    elif moved <= apart * (1 - 1e-9):
        angle, bound = by_the_book(place, velocity, age, own, own_age)
        expected = [(math.cos(direction + turned), math.sin(direction + turned)) for turned in (angle, -angle)]
        assert found.bound == pytest.approx(np.array([bound, bound]), abs=1e-7)
        assert found.normal == pytest.approx(np.array(expected), abs=1e-6)


def test_the_half_planes_of_several_neighbours_are_first_all_of_one_side_then_all_of_the_other() -> None:
    barrier = Barrier(np.array([0.42, 0.3]), BRAKING, REACTION, HIDDEN)
    both = barrier.half_planes(
        np.array([0.5, -0.25]),
        np.array([0.1, 0.2]),
        Neighbours(np.array([[1.5, 0.0], [0.5, 1.0]]), np.array([[0.2, 0.0], [0.0, -0.3]]), np.array([0.1, 0.2])),
        0.05,
    )
    for index, (keep, place, velocity, age) in enumerate(((0.42, (1.0, 0.25), (0.2, 0.0), 0.1), (0.3, (0.0, 1.25), (0.0, -0.3), 0.2))):
        one = half_planes(place, velocity, age, (0.1, 0.2), 0.05, replace(barrier, distance=np.array([keep])))
        assert both.bound[index::2] == pytest.approx(one.bound) and both.normal[index::2] == pytest.approx(one.normal)


def exact(hidden: float = 0.0) -> Barrier:
    """A barrier whose doubt about a neighbour is a^2 [m], for an age a [s]."""
    return Barrier(np.array([KEEP]), 2.0, REACTION, hidden)


def test_a_doubt_as_large_as_the_distance_leaves_no_set_point_at_all() -> None:
    place = (1.0, 0.0)
    certain, uncertain = half_planes(place, age=down(1.0), barrier=exact()), half_planes(place, age=1.0, barrier=exact())
    assert certain.bound.tolist() == [0.0, 0.0] and not violates(ORIGIN, certain)
    assert uncertain.bound.tolist() == [-math.inf, -math.inf] and violates(ORIGIN, uncertain)
    assert np.hypot(*uncertain.normal.T) == pytest.approx(1.0)
    for wanted in (ORIGIN, np.array([1.0, 0.0]), np.array([-1.0, 0.0]), np.array([0.0, 1.0])):
        point, found = nearest(wanted, uncertain, RADIUS)
        assert not found and not point.any()


def test_at_the_very_same_place_there_is_no_way_out() -> None:
    same = half_planes((0.0, 0.0), barrier=exact())
    assert same.bound.tolist() == [-math.inf, -math.inf] and not same.normal.any()
    near = half_planes((5e-324, 0.0), barrier=exact())
    assert near.bound == pytest.approx(np.full(2, -KEEP / 2 / REACTION)) and near.normal.tolist() == [[1.0, 0.0], [1.0, 0.0]]


@pytest.mark.parametrize("direction", [(1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0)])
def test_at_the_distance_a_robot_stands_and_below_it_backs_off(direction: Vector) -> None:
    def bound(apart: float) -> float:
        first, second = half_planes((apart * direction[0], apart * direction[1]), barrier=exact()).bound.tolist()
        assert first == second
        return first

    assert bound(KEEP) == 0.0 and bound(up(KEEP)) >= 0.0 and bound(KEEP + 1e-6) > 0.0
    assert bound(KEEP - 1e-6) == pytest.approx(-1e-6 / 2 / REACTION) and bound(KEEP / 2) == pytest.approx(-KEEP / 4 / REACTION)


def test_a_neighbour_that_goes_away_leaves_no_more_than_one_that_stands() -> None:
    standing = half_planes((1.0, 0.0), barrier=exact())
    for velocity, own in (((1.0, 0.0), (0.0, 0.0)), ((0.0, 0.0), (-1.0, 0.0)), ((0.0, 1.0), (0.0, -1.0)), ((5e-324, 0.0), (0.0, 0.0))):
        assert half_planes((1.0, 0.0), velocity, own=own, barrier=exact()).bound.tolist() == standing.bound.tolist()
    assert (half_planes((1.0, 0.0), (-1e-6, 0.0), barrier=exact()).bound < standing.bound).all()


@pytest.mark.parametrize("hidden", [0.0, HIDDEN])
@pytest.mark.parametrize("speed", [1e200, 1.7e308])
def test_speeds_that_overflow_leave_nothing_of_the_gap(hidden: float, speed: float) -> None:
    """A neighbour that claims to be faster than numbers go cannot switch the filter off."""
    for velocity in ((-speed, 0.0), (-speed, -speed), (0.0, speed), (speed, speed)):
        found = half_planes((1.0, 0.0), velocity, barrier=exact(hidden))
        point, _ = nearest(np.array([2.0, 0.0]), found, RADIUS)
        calm, _ = nearest(np.array([2.0, 0.0]), half_planes((1.0, 0.0), barrier=exact(hidden)), RADIUS)
        assert point[0] <= calm[0] + 1e-9


@pytest.mark.parametrize("age", [math.inf, 0.0])
@pytest.mark.parametrize("place", [(1.0, 0.0), (0.0, 0.0), (1.7e308, 1.7e308), (-1.7e308, 0.0)])
def test_a_neighbour_never_heard_or_farther_than_numbers_go_leaves_everything(age: float, place: Vector) -> None:
    if math.isinf(age) or math.isinf(math.hypot(*place)):
        found = half_planes(place, (3.0, -4.0), age, (1.0, 1.0), 0.3)
        assert found.bound.tolist() == [math.inf, math.inf] and not found.normal.any()
        assert not violates(np.array([2.5, 0.0]), found)


def test_what_is_nobodys_half_plane_is_far() -> None:
    far = half_planes((1e300, 0.0), age=0.1)
    assert (far.bound > 1e100).all()


@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize("axis", [(1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0)])
@pytest.mark.parametrize("bound", [0.0, 0.5, -0.5, 1e-300])
def test_a_point_on_the_border_is_allowed_and_the_next_float_is_not(batch: bool, axis: Vector, bound: float) -> None:
    allowed = HalfPlanes(np.array([axis, axis]), np.array([9.0, bound]))
    for value, outside in ((bound, False), (down(bound), False), (up(bound), True)):
        point = value * np.array(axis)
        if batch:
            both = HalfPlanes(np.stack([allowed.normal] * 2), np.stack([allowed.bound] * 2))
            assert violates(np.stack([point, (bound - 1.0) * np.array(axis)]), both).tolist() == [outside, False]
        else:
            assert bool(violates(point, allowed)) is outside


def test_every_half_plane_counts_and_not_the_first_alone() -> None:
    allowed = planes((0.0, 1.0), (math.pi / 2, 1.0), (math.pi, 1.0))
    for point, outside in (((0.5, 0.5), False), ((1.5, 0.0), True), ((0.0, 1.5), True), ((-1.5, 0.0), True), ((0.0, -1.5), False)):
        assert bool(violates(np.array(point), allowed)) is outside


CASES: dict[str, tuple[HalfPlanes, Vector, Vector | None]] = {
    "a line, straight": (planes((0.0, 1.0)), (2.0, 0.5), (1.0, 0.5)),
    "a line, slanted": (planes((math.pi / 4, 0.0)), (1.0, 0.0), (0.5, -0.5)),
    "a line below zero": (planes((math.pi / 2, -1.0)), (0.25, 0.5), (0.25, -1.0)),
    "of two lines the nearer": (planes((0.0, 1.0), (math.pi / 2, 2.0)), (2.0, 0.5), (1.0, 0.5)),
    "the crossing of two lines": (planes((0.0, 1.0), (math.pi / 2, 0.5)), (2.0, 1.0), (1.0, 0.5)),
    "a slanted crossing": (planes((math.pi / 4, 0.0), (-math.pi / 4, -1.0)), (1.0, 0.0), (-math.sqrt(0.5), math.sqrt(0.5))),
    "the second and the third of three": (
        planes((math.pi, 2.0), (0.0, 1.0), (math.pi / 2, 0.5)),
        (2.0, 1.0),
        (1.0, 0.5),
    ),
    "the first and the third of three": (planes((0.0, 1.0), (math.pi, 2.0), (math.pi / 2, 0.5)), (2.0, 1.0), (1.0, 0.5)),
    "line and circle, above": (planes((0.0, -1.5)), (0.0, 2.4), (-1.5, 2.0)),
    "line and circle, below": (planes((0.0, -1.5)), (0.0, -2.4), (-1.5, -2.0)),
    "line and circle, the other axis": (planes((math.pi / 2, -1.5)), (2.4, 0.0), (2.0, -1.5)),
    "line and circle, slanted": (HalfPlanes(np.array([[0.8, 0.6]]), np.array([-2.0])), (-2.4, 0.6), (-2.5, 0.0)),
    "line and circle, slanted, the other end": (HalfPlanes(np.array([[0.8, 0.6]]), np.array([-2.0])), (-0.1, -2.45), (-0.7, -2.4)),
    "two lines beside the circle's crossings": (planes((0.0, -1.5), (math.pi / 2, 1.0)), (0.0, 2.4), (-1.5, 1.0)),
    "a line that touches the circle": (planes((0.0, -RADIUS)), (0.5, 0.0), (-RADIUS, 0.0)),
    "a line that touches the circle, from the side": (planes((0.0, -RADIUS)), (0.5, 0.5), (-RADIUS, 0.0)),
    "a line that misses it by little": (planes((0.0, -RADIUS - 1e-6)), (0.5, 0.0), None),
    "a line that misses it": (planes((0.0, -2 * RADIUS)), (0.5, 0.0), None),
    "two lines that face each other": (planes((0.0, 0.0), (math.pi, -1e-6)), (0.5, 0.0), None),
    "two lines that touch": (planes((0.0, 0.25), (math.pi, -0.25)), (0.5, 0.5), (0.25, 0.5)),
    "three lines around nothing": (planes((0.0, -0.5), (2.0, -0.5), (4.0, -0.5)), (0.1, 0.2), None),
    "a corner outside of the circle": (planes((0.0, -2.0), (math.pi / 2, -2.0)), (0.0, 0.0), None),
    "a corner on the circle": (planes((0.0, -1.5), (math.pi / 2, -2.0)), (0.0, 0.0), (-1.5, -2.0)),
    "nothing": (HalfPlanes(np.array([[1.0, 0.0]]), np.array([-math.inf])), (0.0, 0.0), None),
    "nothing, beside a line": (HalfPlanes(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([-math.inf, 1.0])), (0.0, 0.5), None),
    "everything, beside a line": (HalfPlanes(np.array([[0.0, 0.0], [1.0, 0.0]]), np.array([math.inf, 1.0])), (2.0, 0.5), (1.0, 0.5)),
    "no direction, and nothing": (HalfPlanes(np.zeros((1, 2)), np.array([-1.0])), (0.5, 0.5), None),
    "no direction, and everything": (HalfPlanes(np.zeros((1, 2)), np.array([0.0])), (0.5, 0.5), (0.5, 0.5)),
}


@pytest.mark.parametrize("what", CASES)
def test_the_nearest_point_where_it_is_known(what: str) -> None:
    allowed, wanted, expected = CASES[what]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        point, found = nearest(np.array(wanted), allowed, RADIUS)
        twice = HalfPlanes(np.stack([allowed.normal] * 2), np.stack([allowed.bound] * 2))
        points, founds = nearest(np.array([wanted, wanted]), twice, RADIUS)
    assert points.tolist() == [point.tolist()] * 2 and founds.tolist() == [bool(found)] * 2
    assert bool(found) is (expected is not None)
    assert point == pytest.approx(np.array(expected or (0.0, 0.0)), abs=1e-9)


@pytest.mark.parametrize("way", [1.0, -1.0])
def test_lines_at_a_ten_billionth_or_less_are_parallel(way: float) -> None:
    """Where they cross, rounding decides; and within the disc neither is beyond the other by more than a billionth."""
    for slope, crosses in ((1e-10, False), (up(1e-10), True)):
        allowed = HalfPlanes(np.array([[1.0, 0.0], [1.0, way * slope]]), np.array([0.0, 0.0]))
        wanted = np.array([0.5, way * 0.5])
        point, found = nearest(wanted, allowed, RADIUS)
        points, _ = nearest(wanted[None], HalfPlanes(allowed.normal[None], allowed.bound[None]), RADIUS)
        assert found and points.tolist() == [point.tolist()] and point == pytest.approx(np.array([0.0, way * 0.5]), abs=1e-9)
        assert bool(point[0] < 0.0) is crosses


def test_by_rounding_a_border_may_be_passed_by_a_billionth_and_no_more() -> None:
    for gap, possible in ((0.9e-9, True), (2.1e-9, False)):
        facing = planes((0.0, 0.25), (math.pi, -0.25 - gap))
        assert bool(nearest(np.array([0.5, 0.5]), facing, RADIUS)[1]) is possible
        outside = planes((0.0, -RADIUS - gap))
        assert bool(nearest(np.array([0.5, 0.0]), outside, RADIUS)[1]) is possible


def test_a_border_passed_by_exactly_a_billionth_is_not_passed() -> None:
    behind = -0.25 - 1e-9
    assert behind + 1e-9 == -0.25 and -behind == 0.25 + 1e-9
    point, found = nearest(np.array([0.5, 0.5]), HalfPlanes(np.array([[1.0, 0.0], [-1.0, 0.0]]), np.array([0.25, behind])), RADIUS)
    assert found and point == pytest.approx(np.array([0.25, 0.5]))
    outside = HalfPlanes(np.array([[1.0, 0.0]]), np.array([-(RADIUS + 1e-9)]))
    point, found = nearest(ORIGIN, outside, RADIUS)
    points, founds = nearest(ORIGIN[None], HalfPlanes(outside.normal[None], outside.bound[None]), RADIUS)
    assert found and founds.all() and points.tolist() == [point.tolist()] == [[-(RADIUS + 1e-9), 0.0]]


def test_a_batch_takes_to_the_bit_the_point_of_each_alone_from_the_border_of_a_line_too() -> None:
    rng = np.random.default_rng(0)
    angles, bounds, wanted = (
        rng.uniform(0, 6.28, (300, 3)).round(1),
        rng.uniform(-0.5, 1.0, (300, 3)).round(1),
        rng.uniform(-1, 1, (300, 2)),
    )
    normals = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    bounds[:, 0] = normals[:, 0, 0] * wanted[:, 0] + normals[:, 0, 1] * wanted[:, 1]
    points, found = nearest(wanted, HalfPlanes(normals, bounds), RADIUS)
    for each in range(300):
        point, there = nearest(wanted[each], HalfPlanes(normals[each], bounds[each]), RADIUS)
        assert points[each].tobytes() == point.tobytes() and found[each] == there
    assert 0 < found.sum() < 300


def test_what_is_allowed_comes_back_to_the_bit_and_what_is_wanted_is_not_changed() -> None:
    wanted = np.array([[0.1 + 0.2, -0.0], [2.0, 0.5]])
    allowed = HalfPlanes(np.array([[[1.0, 0.0]], [[1.0, 0.0]]]), np.array([[1.0], [1.0]]))
    points, found = nearest(wanted, allowed, RADIUS)
    assert points[0].tobytes() == wanted[0].tobytes() and points[1].tolist() == [1.0, 0.5] and found.all()
    assert wanted.tolist() == [[0.1 + 0.2, -0.0], [2.0, 0.5]]


def test_figures_of_a_mixed_team() -> None:
    omni, point = load_spec("omni"), load_spec("point")
    slow = msgspec.structs.replace(omni, acceleration_limit=0.5)
    separation = Separation(margin=0.03, command_delay=0.1, message_delay=0.02)
    barrier = barrier_for(omni, ["point", "omni", "point"], separation, 0.02)
    gaps = [omni.radius + point.radius + 0.03, 2 * omni.radius + 0.03, omni.radius + point.radius + 0.03]
    assert barrier.distance == pytest.approx(np.array(gaps)) and barrier.distance.dtype == np.float64
    assert barrier.braking == min(omni.acceleration_limit, point.acceleration_limit) == omni.acceleration_limit
    assert barrier_for(slow, ["omni"], separation, 0.02).braking == 0.5
    assert barrier.reaction == pytest.approx(omni.response_time + 0.02 + 0.1, abs=1e-15)
    assert barrier.hidden == 0.02


def test_neighbours_or_borders_that_are_left_over_are_a_mistake_and_not_overlooked() -> None:
    two = Barrier(np.array([KEEP, KEEP]), BRAKING, REACTION, HIDDEN)
    with pytest.raises(ValueError, match=r"argument [0-9] is (shorter|longer)"):
        half_planes((1.0, 0.0), barrier=two)
    with pytest.raises(ValueError, match=r"argument [0-9] is (shorter|longer)"):
        violates(ORIGIN, HalfPlanes(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([1.0])))
