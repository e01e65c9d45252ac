"""What a run of a study is measured by, on runs whose figures are known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim3d.statistics.interval import layout_weights
from training.studies.measures import MEASURES, seconds_to, steps_to
from training.studies.roles import NOWHERE, mutual_information, roles_at_end, specialisation
from training.studies.run import distances_at_end
from training.studies.summary import resampled

EPISODES = 600


def of_each_episode(row):
    return np.tile(np.array(row), (EPISODES, 1))


def drawn(seed=0, robots=3):
    return np.random.default_rng(seed).permuted(of_each_episode(range(robots)), axis=1)


def test_robots_that_never_change_roles_give_log2_n_bits():
    assert mutual_information(of_each_episode([2, 0, 1]), 3) == pytest.approx(np.log2(3))
    assert specialisation(of_each_episode([2, 0, 1]), 3) == pytest.approx(np.log2(3), abs=0.01)


def test_robots_that_do_not_care_who_they_are_give_none():
    figures = [specialisation(drawn(seed), 3) for seed in range(20)]
    assert abs(np.mean(figures)) < 0.001 and max(map(abs, figures)) < 0.01


def test_chance_is_taken_off_where_samples_are_few():
    """Of 40 episodes the plain estimate is well above 0; what is left of it is not."""
    plain = np.mean([mutual_information(drawn(seed)[:40], 3) for seed in range(100)])
    corrected = np.mean([specialisation(drawn(seed)[:40], 3) for seed in range(100)])
    assert plain > 0.015 and abs(corrected) < 0.005


def test_one_robot_with_a_role_of_its_own_gives_what_the_formula_says():
    """Robot 0 always takes landmark 0, the others share 1 and 2: H(role) - H(role | robot) = log2 3 - 2/3."""
    swapped = np.random.default_rng(1).permuted(of_each_episode([1, 2]), axis=1)
    roles = np.concatenate([np.zeros((EPISODES, 1), dtype=int), swapped], axis=1)
    assert specialisation(roles, 3) == pytest.approx(np.log2(3) - 2 / 3, abs=0.02)


def test_robots_on_no_landmark_are_not_counted():
    roles = of_each_episode([0, 1, 2])
    roles[::2] = NOWHERE
    assert mutual_information(roles, 3) == pytest.approx(np.log2(3))
    assert np.isnan(specialisation(np.full((EPISODES, 3), NOWHERE), 3))


@given(st.permutations(range(3)))
def test_how_roles_are_numbered_does_not_matter(order):
    roles = np.where(np.random.default_rng(2).random((EPISODES, 1)) < 0.7, of_each_episode([0, 1, 2]), drawn(3))
    assert mutual_information(np.array(order)[roles], 3) == pytest.approx(mutual_information(roles, 3))


def test_roles_are_the_landmarks_that_robots_stand_on():
    landmarks = np.array([[[0.5, 0.0], [-0.5, 0.0], [0.0, 0.9]]])
    start = np.array([[[0.6, 0.0], [0.4, 0.0], [0.0, 0.0]]])
    end = np.array([[[0.45, 0.0], [-0.5, 0.1], [0.0, 0.7]]])
    roles = roles_at_end(np.stack([start, end], axis=1), landmarks, radius=0.15)
    assert roles["number"].tolist() == [[0, 1, NOWHERE]]
    assert roles["east"].tolist() == [[2, 0, NOWHERE]]
    assert roles["choice"].tolist() == [[0, 1, NOWHERE]]


def test_distances_at_the_end_are_those_of_all_pairs_and_of_the_closest():
    end = np.array([[[0.0, 0.0], [0.3, 0.0], [0.0, 0.4]]])
    found = distances_at_end(np.stack([np.zeros_like(end), end], axis=1))
    assert found["mean_distance"] == pytest.approx([0.4]) and found["least_distance"] == pytest.approx([0.3])


def run_with(success, steps=None, **more):
    steps = np.arange(1, len(success) + 1) * 100_000 if steps is None else np.array(steps)
    return {"curve.steps": steps, "curve.seconds": steps / 1e4, "curve.success": np.array(success), **more}


def test_learned_is_the_first_evaluation_that_is_good_enough():
    run = run_with([0.0, 0.5, 0.92, 0.8, 0.95])
    assert steps_to(run) == 300_000 and seconds_to(run) == 30.0
    measure = MEASURES["steps_to_0.91"]
    assert measure.of(run).tolist() == [0.3] and measure.attained(run)


def test_never_learned_is_the_whole_budget_as_a_lower_bound():
    run = run_with([0.0, 0.5, 0.9])
    measure = MEASURES["steps_to_0.91"]
    assert measure.of(run).tolist() == [0.3] and not measure.attained(run)


def test_the_area_under_a_curve_weighs_evaluations_by_their_distance():
    assert MEASURES["area"].of(run_with([0.5, 0.5, 0.5])) == pytest.approx(0.5)
    assert MEASURES["area"].of(run_with([0.0, 1.0], steps=[100, 400])) == pytest.approx(0.375)


def test_stability_is_that_of_the_last_fifth():
    steady = run_with([0.9] * 12, **{"curve.episode_return": np.array([-50.0] * 9 + [-25.0] * 3)})
    unsteady = run_with([0.9] * 11 + [0.5], **{"curve.episode_return": np.array([-25.0] * 10 + [-25.0, -29.0])})
    assert MEASURES["late_deviation"].of(steady) == 0 and MEASURES["late_deviation"].of(unsteady) > 1
    assert MEASURES["late_drop"].of(steady) == 0 and MEASURES["late_drop"].of(unsteady) == pytest.approx(0.4)


def test_an_interval_knows_seeds_and_layouts():
    """Figures of whole runs have no layouts; those of episodes do; runs without a figure are left out."""
    weights = layout_weights(50)
    scores = np.random.default_rng(0).random((3, 50)) < 0.5
    entropies = np.array([[0.0], [0.1], [0.2]])
    runs = [
        run_with([0.1], **{"episodes.success": each, "training.entropy": entropy}) for each, entropy in zip(scores, entropies, strict=True)
    ]
    found = resampled(MEASURES["success"], runs, weights, 0)
    np.testing.assert_allclose(found.value, scores.mean(axis=1))
    assert found.resamples.shape == (len(weights), 3) and found.resamples.std() > 0
    runs[1]["training.entropy"] = np.array([np.nan])
    found = resampled(MEASURES["entropy"], runs, weights, 0)
    np.testing.assert_allclose(found.value, [0.0, 0.2])
    assert (found.resamples == found.value).all()
    assert resampled(MEASURES["entropy"], runs[1:2], weights, 0) is None
