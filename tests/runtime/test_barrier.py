"""Robots that are kept apart: the filter finds the nearest safe set-point, and robots that are driven at each other do not touch."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from robots.spec import load_spec
from runtime.barrier import Barrier, HalfPlanes, Neighbours, barrier_for, nearest
from runtime.safety import Limits, gate
from runtime.team import Separation

RADIUS = 2.5
DISTANCE, BRAKING, REACTION, HIDDEN = 0.42, 2.0, 0.32, 0.01
BARRIER = Barrier(np.full(2, DISTANCE), BRAKING, REACTION, HIDDEN)
ORIGIN = np.zeros(2)
DISC = np.array([(r * math.cos(a), r * math.sin(a)) for r in np.linspace(0.0, RADIUS, 40) for a in np.linspace(0.0, 2 * math.pi, 80)])


def planes(*lines: tuple[float, float]) -> HalfPlanes:
    """Half-planes from (angle of the normal [rad], bound)."""
    return HalfPlanes(np.array([(math.cos(angle), math.sin(angle)) for angle, _ in lines]), np.array([bound for _, bound in lines]))


def neighbour(x: float, y: float = 0.0, velocity: tuple[float, float] = (0.0, 0.0), age: float = 0.0) -> Neighbours:
    """One near neighbour, and one far away."""
    return Neighbours(np.array([(x, y), (50.0, 50.0)]), np.array([velocity, (0.0, 0.0)]), np.array([age, 0.0]))


def towards(neighbours: Neighbours, velocity: tuple[float, float] = (0.0, 0.0), own_age: float = 0.0) -> float:
    """How fast the robot at the origin may go along x."""
    allowed = BARRIER.half_planes(ORIGIN, np.array(velocity), neighbours, own_age)
    return float(nearest(np.array([RADIUS, 0.0]), allowed, RADIUS)[0][0])


@given(
    lines=st.lists(st.tuples(st.floats(0, 6.28), st.floats(-1.5, 1.5)), min_size=1, max_size=6),
    angle=st.floats(0, 6.28),
    length=st.floats(0, RADIUS),
)
def test_no_allowed_point_is_nearer_than_the_one_found(lines: list[tuple[float, float]], angle: float, length: float) -> None:
    allowed, wanted = planes(*lines), np.array([length * math.cos(angle), length * math.sin(angle)])
    point, found = nearest(wanted, allowed, RADIUS)
    excess = DISC @ allowed.normal.T - allowed.bound
    rivals = DISC[(excess <= -1e-6).all(axis=-1)]
    if found:
        assert (allowed.normal @ point <= allowed.bound + 1e-8).all() and np.hypot(*point) <= RADIUS + 1e-8
        assert not len(rivals) or np.hypot(*(point - wanted)) <= np.hypot(*(rivals - wanted).T).min() + 1e-8
    else:
        assert not len(rivals) and not point.any()


@pytest.mark.parametrize(
    ("allowed", "wanted", "point"),
    [
        (planes((0.0, 1.0)), (2.0, 1.5), (1.0, 1.5)),
        (planes((0.0, 1.0), (math.pi / 2, 0.5)), (2.0, 1.5), (1.0, 0.5)),
        (planes((0.0, -2.0)), (0.0, 2.4), (-2.0, 1.5)),
        (planes((0.0, -2.0)), (0.0, -2.4), (-2.0, -1.5)),
    ],
    ids=["a line", "two lines", "a line and the circle above", "and below"],
)
def test_the_nearest_point_where_it_is_known(allowed: HalfPlanes, wanted: tuple[float, float], point: tuple[float, float]) -> None:
    got, found = nearest(np.array(wanted), allowed, RADIUS)
    assert found and got == pytest.approx(np.array(point))


def test_what_is_allowed_passes_bit_for_bit_and_on_the_border_too() -> None:
    wanted = np.array([0.1 + 0.2, 1.0 / 3.0])
    assert nearest(wanted, planes((0.0, wanted[0]), (1.0, math.inf)), RADIUS)[0].tolist() == wanted.tolist()


def test_without_a_way_out_a_robot_stops() -> None:
    cornered = planes((0.0, -0.5), (math.pi, -0.5))
    wanted = np.array([1.0, 0.3])
    assert [part.tolist() for part in nearest(wanted, cornered, RADIUS)] == [[0.0, 0.0], False]
    gated = gate(Limits("velocity_setpoint", RADIUS, 1e9, 0.2, 0.02), wanted, ORIGIN, ORIGIN, apart=cornered)
    assert not gated.action.any() and set(gated.changed) == {"dead_end"}
    # Nobody can say which way is away from one at the very same place.
    gated = gate(Limits("velocity_setpoint", RADIUS, 1e9, 0.2, 0.02), wanted, ORIGIN, ORIGIN, apart=towards_itself())
    assert set(gated.changed) == {"dead_end"}


def towards_itself() -> HalfPlanes:
    return BARRIER.half_planes(ORIGIN, ORIGIN, neighbour(0.0))


def test_a_robot_is_never_pushed_out_of_the_fence_by_another() -> None:
    limits = Limits("velocity_setpoint", RADIUS, 1e9, 0.2, 0.02, geofence=1.0)
    pushed = planes((math.pi, -0.5))  # has to go along x, at the fence
    gated = gate(limits, np.array([0.0, 0.2]), ORIGIN, np.array([1.0, 0.0]), apart=pushed)
    assert not gated.action.any() and set(gated.changed) == {"dead_end"}
    inside = gate(limits, np.array([0.0, 0.2]), ORIGIN, np.array([-3.0, 0.0]), apart=pushed)
    assert inside.action == pytest.approx(np.array([0.5, 0.2])) and set(inside.changed) == {"barrier"}


@pytest.mark.parametrize("gap", [0.02, 0.1, 0.5, 2.0, 4.0])
def test_a_robot_may_go_as_fast_as_it_can_stop_in_half_the_gap(gap: float) -> None:
    speed = towards(neighbour(DISTANCE + gap))
    doubt = 0.5 * BRAKING * HIDDEN**2
    assert speed * REACTION + speed**2 / (2 * BRAKING) == pytest.approx((gap - doubt) / 2)


def test_it_closes_no_further_at_the_distance_and_backs_off_below_it() -> None:
    assert towards(neighbour(DISTANCE)) == pytest.approx(0.0, abs=1e-9)
    assert towards(neighbour(DISTANCE - 0.1)) == pytest.approx(-0.1 / 2 / REACTION, rel=1e-3)


def test_all_that_is_uncertain_makes_it_slower_but_never_drives_it() -> None:
    far, near = DISTANCE + 0.5, DISTANCE + 0.005
    calm = towards(neighbour(far))
    doubts = [
        towards(neighbour(far, age=0.3)),
        towards(neighbour(far), own_age=0.3),
        towards(neighbour(far, velocity=(-0.5, 0.0))),
        towards(neighbour(far), velocity=(0.5, 0.0)),
    ]
    assert all(0.0 < slower < 0.95 * calm for slower in doubts)
    for age in (0.1, 0.5, 2.0):
        still, _ = nearest(ORIGIN, BARRIER.half_planes(ORIGIN, ORIGIN, neighbour(near, age=age)), RADIUS)
        assert not still.any()


@given(
    apart=st.floats(DISTANCE, 5.0),
    direction=st.floats(0, 6.28),
    age=st.floats(0, 2.0),
    velocity=st.tuples(st.floats(-2, 2), st.floats(-2, 2)),
    wanted=st.tuples(st.floats(-1.7, 1.7), st.floats(-1.7, 1.7)),
    where=st.tuples(st.floats(0, 6.28), st.floats(0, 1)),
)
def test_wherever_within_the_doubt_the_neighbour_is_the_robot_does_not_go_there_too_fast(
    apart: float,
    direction: float,
    age: float,
    velocity: tuple[float, float],
    wanted: tuple[float, float],
    where: tuple[float, float],
) -> None:
    known = neighbour(apart * math.cos(direction), apart * math.sin(direction), velocity, age)
    point, _ = nearest(np.array(wanted), BARRIER.half_planes(ORIGIN, ORIGIN, known), RADIUS)
    reach = 0.5 * BRAKING * (age + HIDDEN) ** 2 + HIDDEN * math.hypot(*velocity)
    true = known.position[0] + where[1] * reach * np.array([math.cos(where[0]), math.sin(where[0])])
    towards = true / max(np.hypot(*true), 1e-9)
    closing = max(0.0, float(-known.position[0] @ known.velocity[0]) / apart)
    gap = max(0.0, apart - DISTANCE - REACTION * closing - reach)
    assert towards @ point <= BRAKING * (math.sqrt(REACTION**2 + gap / BRAKING) - REACTION) + 1e-6


def test_what_is_no_number_is_not_allowed() -> None:
    for bad in (HalfPlanes(np.array([[math.nan, 0.0]]), np.array([1.0])), HalfPlanes(np.array([[1.0, 0.0]]), np.array([math.nan]))):
        assert nearest(ORIGIN, bad, RADIUS)[1].tolist() is False


def test_where_a_neighbour_may_be_to_the_side_the_robot_does_not_slide_past_it() -> None:
    """It is nearly in touch and 0.3 s old: it may have moved by 0.09 m, so its direction is off by up to 12 degrees."""
    allowed = BARRIER.half_planes(ORIGIN, ORIGIN, neighbour(DISTANCE, age=0.3))
    along = np.array([math.cos(math.pi / 2 - 0.2), math.sin(math.pi / 2 - 0.2)])
    point, _ = nearest(along, allowed, RADIUS)
    straight = BARRIER.half_planes(ORIGIN, ORIGIN, neighbour(DISTANCE))
    assert point[0] < nearest(along, straight, RADIUS)[0][0] - 0.1


def test_one_that_was_never_heard_is_not_avoided() -> None:
    assert towards(neighbour(DISTANCE, age=math.inf)) == RADIUS


@given(
    position=arrays(np.float64, (2, 2), elements=st.floats(allow_nan=False, allow_infinity=False)),
    velocity=arrays(np.float64, (2, 2), elements=st.floats(allow_nan=False, allow_infinity=False)),
    age=arrays(np.float64, 2, elements=st.floats(0, math.inf)),
)
def test_whatever_peers_claim_the_action_stays_finite_and_within_the_limits(
    position: np.ndarray, velocity: np.ndarray, age: np.ndarray
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        apart = BARRIER.half_planes(ORIGIN, ORIGIN, Neighbours(position, velocity, age))
        out = gate(Limits("velocity_setpoint", RADIUS, 1e9, 0.2, 0.02, 3.0), np.array([1.0, 1.0]), ORIGIN, ORIGIN, apart=apart)
    assert np.isfinite(out.action).all() and np.hypot(*out.action) <= RADIUS * (1 + 1e-9)


def test_a_batch_is_kept_apart_as_each_robot_alone() -> None:
    rng = np.random.default_rng(5)
    position, velocity = rng.normal(scale=0.6, size=(40, 3, 2)), rng.normal(size=(40, 3, 2))
    neighbours = Neighbours(rng.normal(scale=0.6, size=(40, 3, 2, 2)), rng.normal(size=(40, 3, 2, 2)), rng.uniform(0, 0.3, (40, 3, 2)))
    wanted, limits = rng.normal(size=(40, 3, 2)), Limits("velocity_setpoint", RADIUS, 2.0, 0.2, 0.02, 2.0)
    batch = gate(limits, wanted, wanted, position, apart=BARRIER.half_planes(position, velocity, neighbours))
    kinds: set[str] = set()
    for at in np.ndindex(40, 3):
        mine = Neighbours(neighbours.position[at], neighbours.velocity[at], neighbours.age[at])
        alone = gate(limits, wanted[at], wanted[at], position[at], apart=BARRIER.half_planes(position[at], velocity[at], mine))
        np.testing.assert_array_equal(batch.action[at], alone.action)
        assert {reason for reason, where in batch.changed.items() if where[at]} == set(alone.changed)
        kinds |= set(alone.changed)
    assert {"barrier", "dead_end"} <= kinds


def test_figures_of_the_barrier_come_from_the_specs_and_the_team_file() -> None:
    omni = load_spec("omni")
    barrier = barrier_for(omni, ["omni", "point"], Separation(margin=0.03, command_delay=0.1, message_delay=0.02), 0.02)
    assert barrier.distance == pytest.approx([0.43, 0.38])
    assert barrier.braking == omni.acceleration_limit and barrier.reaction == pytest.approx(omni.response_time + 0.12)
    assert barrier.hidden == 0.02


@pytest.mark.parametrize(
    ("kind", "peers", "separation"), [("point", ["point"], Separation()), ("omni", [], Separation()), ("omni", ["omni"], None)]
)
def test_no_barrier_where_there_is_nothing_to_keep_apart_or_no_way_to(kind: str, peers: list[str], separation: Separation | None) -> None:
    assert barrier_for(load_spec(kind), peers, separation, 0.02) is None
