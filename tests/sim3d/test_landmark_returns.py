"""Which robots are said to come back to a landmark that they had reached and left."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim3d.landmark_returns import share_coming_back

RADIUS = np.array([0.15])
LANDMARK = np.zeros((1, 1, 2))


def of_one(*distances, landmark=LANDMARK):
    """One robot on the x axis, at these distances from a landmark."""
    position = np.stack([np.array(distances, dtype=float), np.zeros(len(distances))], axis=-1)
    return share_coming_back(position[None, :, None], landmark, RADIUS)[0]


@pytest.mark.parametrize(
    "distances, comes_back",
    [
        ((1.0, 0.5, 0.1, 0.02, 0.02), False),  # arrives and stays
        ((1.0, 0.1, -0.4, -0.8), False),  # passes over
        ((1.0, 0.1, -0.4, -0.1, 0.4), True),  # swings around it
        ((0.1, 0.4, 0.1), True),  # a start on a landmark counts
        ((0.02, 0.22, 0.02, 0.22, 0.02), False),  # dithers on the lattice of discrete robots
        ((1.0, 0.4, 0.2, 0.4, 0.2), False),  # never arrives
    ],
)
def test_who_comes_back(distances, comes_back):
    assert of_one(*distances) == comes_back


def test_one_landmark_after_another_is_no_coming_back():
    two = np.array([[[0.0, 0.0], [0.5, 0.0]]])
    assert of_one(0.0, 0.25, 0.5, landmark=two) == 0
    assert of_one(0.0, 0.25, 0.5, 0.25, 0.0, landmark=two) == 1


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.floats(0.1, 50.0))
def test_the_share_is_of_robots_and_knows_no_unit(seed, robots, unit):
    random = np.random.default_rng(seed)
    position, landmarks = random.normal(0, 0.3, (5, 12, robots, 2)), random.normal(0, 0.3, (5, 3, 2))
    radius = np.full(robots, 0.15)
    share = share_coming_back(position, landmarks, radius)
    each = [share_coming_back(position[:, :, robot : robot + 1], landmarks, RADIUS) for robot in range(robots)]
    np.testing.assert_allclose(share, np.mean(each, axis=0))
    np.testing.assert_allclose(share, share_coming_back(unit * position, unit * landmarks, unit * radius))
