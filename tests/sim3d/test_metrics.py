import dataclasses
import math
from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sim3d.contact_events import count_contacts
from sim3d.metrics import TOUCH_MARGIN, EpisodeMetrics, episode_metrics, summarise, wilson_interval

CAPTURE, RADIUS, ARENA = 0.1, 0.15, 1.0
TASK = {"capture_radius": CAPTURE, "robot_radius": RADIUS, "arena_half_size": ARENA}


def score(position, landmarks, ticks_per_step=1, tick_period=0.1):
    """Metrics of one episode: [T + 1, N, 2] and [L, 2] to plain numbers."""
    metrics = episode_metrics(
        np.asarray(position, dtype=float)[None],
        np.asarray(landmarks, dtype=float)[None],
        ticks_per_step=ticks_per_step,
        tick_period=tick_period,
        **TASK,
    )
    return {field.name: getattr(metrics, field.name)[0] for field in dataclasses.fields(metrics)}


def slow_score(position, landmarks, ticks_per_step, tick_period):
    """The definitions of DESIGN 8, one number at a time."""
    ticks, robots = len(position) - 1, len(position[0])
    distance = lambda a, b: math.hypot(a[0] - b[0], a[1] - b[1])  # noqa: E731
    nearest = lambda tick, landmark: min(distance(robot, landmark) for robot in position[tick])  # noqa: E731
    covered = [step for step in range(1, ticks // ticks_per_step + 1)
               if all(nearest(step * ticks_per_step, landmark) < CAPTURE for landmark in landmarks)]  # fmt: skip
    pairs = list(combinations(range(robots), 2))
    separation = [[distance(position[tick][a], position[tick][b]) for a, b in pairs] for tick in range(ticks + 1)]
    contacts = sum(slow_contacts([row[pair] < (2 + TOUCH_MARGIN) * RADIUS for row in separation]) for pair in range(len(pairs)))
    path = sum(distance(position[tick + 1][robot], position[tick][robot]) for tick in range(ticks) for robot in range(robots))
    outside = [[max(abs(x), abs(y)) > ARENA for x, y in robots_now] for robots_now in position]
    total = 0.0
    for step in range(1, ticks // ticks_per_step + 1):
        now = position[step * ticks_per_step]
        team = -sum(nearest(step * ticks_per_step, landmark) for landmark in landmarks) / ARENA
        hits = [sum(distance(one, other) < 2 * RADIUS for j, other in enumerate(now) if j != i) for i, one in enumerate(now)]
        total += sum(0.5 * team - 0.5 * hit for hit in hits)
    closest = [min(range(len(landmarks)), key=lambda index: distance(robot, landmarks[index])) for robot in position[-1]]
    return {
        "success": bool(covered),
        "success_end": ticks // ticks_per_step in covered,
        "success_body": all(nearest(-1, landmark) < RADIUS for landmark in landmarks),
        "matched": any(
            all(distance(position[-1][robot], landmark) < CAPTURE for robot, landmark in zip(order, landmarks, strict=True))
            for order in permutations(range(robots), len(landmarks))
        ),
        "coverage": sum(nearest(-1, landmark) < CAPTURE for landmark in landmarks) / len(landmarks),
        "steps_to_cover": covered[0] if covered else math.nan,
        "time_to_cover": covered[0] * ticks_per_step * tick_period if covered else math.nan,
        "episode_return": total,
        "contacts": contacts,
        "contacts_per_100m": 100 * contacts / path if contacts else 0.0,
        "min_separation": min(map(min, separation)) if pairs else math.nan,
        "mean_separation": float(np.mean(separation)) if pairs else math.nan,
        "path_length": path,
        "boundary_violations": sum(
            outside[tick][robot] and not (tick and outside[tick - 1][robot]) for tick in range(ticks + 1) for robot in range(robots)
        ),
        "overlap": len(set(closest)) < robots,
        "oscillation": sum(
            any(slow_arrivals([distance(now[robot], landmark) for now in position[::ticks_per_step]]) > 1 for landmark in landmarks)
            for robot in range(robots)
        )
        / robots,
    }


def slow_arrivals(distances):
    """Comings within a radius, each after one and a half were between."""
    arrivals, there = 0, False
    for distance in distances:
        if not there and distance < RADIUS:
            arrivals, there = arrivals + 1, True
        elif distance > 1.5 * RADIUS:
            there = False
    return arrivals


def slow_contacts(touching):
    events, engaged = 0, False
    for index in range(len(touching)):
        if not engaged and index >= 2 and all(touching[index - 2 : index + 1]):
            events, engaged = events + 1, True
        elif engaged and index >= 4 and not any(touching[index - 4 : index + 1]):
            engaged = False
    return events


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 4), st.integers(1, 3), st.sampled_from([1, 2, 5]), st.integers(0, 2**32 - 1))
def test_metrics_equal_their_definitions_computed_one_number_at_a_time(robots, landmarks, ticks_per_step, seed):
    random = np.random.default_rng(seed)
    # Slow walks about a few landmarks that lie close together: covering, touching, matching and leaving the arena all happen.
    marks = random.uniform(-0.2, 0.2, (landmarks, 2))
    walk = np.cumsum(random.normal(0, 0.05, (6 * ticks_per_step + 1, robots, 2)), axis=0) + random.choice([0.0, 0.9])
    expected = slow_score(walk.tolist(), marks.tolist(), ticks_per_step, 0.02)
    found = score(walk, marks, ticks_per_step, 0.02)
    assert set(found) == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-12, atol=1e-12, err_msg=name)


def test_episodes_of_a_batch_are_scored_one_by_one():
    random = np.random.default_rng(0)
    position, landmarks = random.normal(0, 0.2, (20, 9, 3, 2)), random.normal(0, 0.1, (20, 3, 2))
    settings = {"ticks_per_step": 4, "tick_period": 0.02, **TASK}
    together = episode_metrics(position, landmarks, **settings)
    for episode in range(20):
        alone = episode_metrics(position[episode : episode + 1], landmarks[episode : episode + 1], **settings)
        for field in dataclasses.fields(EpisodeMetrics):
            np.testing.assert_allclose(getattr(together, field.name)[episode], getattr(alone, field.name)[0])


def test_success_counts_control_steps_only_and_never_the_start():
    landmark = [[0.0, 0.0]]
    here, away = [[0.0, 0.0]], [[1.0, 0.0]]
    assert not score([here, away, away], landmark)["success"]
    assert not score([away, here, away], landmark, ticks_per_step=2)["success"]
    found = score([away, away, here, away, away], landmark, ticks_per_step=2, tick_period=0.02)
    assert found["success"]
    assert not found["success_end"]
    assert found["steps_to_cover"] == 1
    assert found["time_to_cover"] == pytest.approx(0.04)


def test_one_robot_on_two_landmarks_covers_both_but_matches_neither():
    landmarks = [[0.0, 0.0], [0.05, 0.0]]
    one_on_both = score([[[0.02, 0.0], [1.0, 1.0]]] * 2, landmarks)
    assert one_on_both["success_end"]
    assert not one_on_both["matched"]
    each_on_one = score([[[-0.05, 0.0], [0.1, 0.0]]] * 2, landmarks)
    assert each_on_one["matched"]
    assert not each_on_one["overlap"]


def test_matching_needs_the_assignment_that_is_not_greedy():
    # Robot 0 reaches both landmarks and is nearest to the only one that robot 1 reaches.
    landmarks = [[0.0, 0.0], [0.15, 0.0]]
    robots = [[0.06, 0.0], [-0.09, 0.0]]
    assert score([robots] * 2, landmarks)["matched"]


def test_a_contact_begins_after_three_samples_and_ends_after_five():
    series = lambda text: np.array([letter == "x" for letter in text])  # noqa: E731
    assert count_contacts(series("xx..xx..xx")) == 0
    assert count_contacts(series("xxx")) == 1
    assert count_contacts(series("xxx....xxx")) == 1
    assert count_contacts(series("xxx.....xxx")) == 2
    assert count_contacts(series("xxx.....xx")) == 1


def test_bodies_that_rest_against_each_other_touch():
    gap = 0.5 * TOUCH_MARGIN * RADIUS
    assert score([[[0.0, 0.0], [2 * RADIUS + gap, 0.0]]] * 4, [[0.0, 0.0]])["contacts"] == 1
    assert score([[[0.0, 0.0], [2 * RADIUS + 3 * gap, 0.0]]] * 4, [[0.0, 0.0]])["contacts"] == 0


def test_a_part_of_a_control_step_is_refused():
    with pytest.raises(ValueError, match=r"covers 3 ticks.*control steps of 2"):
        score(np.zeros((4, 2, 2)), np.zeros((1, 2)), ticks_per_step=2)


@given(st.integers(1, 2000), st.data())
def test_wilson_interval_is_scipys(trials, data):
    successes = data.draw(st.integers(0, trials))
    reference = stats.binomtest(successes, trials).proportion_ci(method="wilson")
    assert wilson_interval(successes, trials) == pytest.approx((reference.low, reference.high), abs=1e-12)


def test_the_summary_pools_what_must_not_be_averaged():
    settings = {"ticks_per_step": 1, "tick_period": 0.1, **TASK}
    parked_together = np.zeros((1, 5, 2, 2))
    on_the_road = np.zeros((1, 5, 2, 2))
    on_the_road[0, :, 0, 0] = [0.5, 10.5, 20.5, 30.5, 50.5]
    metrics = episode_metrics(np.concatenate([parked_together, on_the_road]), np.zeros((2, 1, 2)), **settings)
    summary = summarise(metrics)
    assert metrics.contacts.tolist() == [1, 0]
    assert summary["contacts_per_100m"] == pytest.approx(2.0)
    assert summary["success"] == 1.0
    assert summary["success_low"] == wilson_interval(2, 2)[0]
    assert summary["time_to_cover"] == pytest.approx(0.1)
    assert all(isinstance(value, float) for value in summary.values())


def test_what_never_happened_is_nan_in_the_summary():
    settings = {"ticks_per_step": 1, "tick_period": 0.1, **TASK}
    summary = summarise(episode_metrics(np.ones((3, 2, 1, 2)), np.zeros((3, 1, 2)), **settings))
    assert math.isnan(summary["time_to_cover"])
    assert math.isnan(summary["min_separation"])
    assert summary["success"] == 0.0
