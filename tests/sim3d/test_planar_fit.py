"""The planar model in which policies are trained goes where the bodies in PyBullet go."""

import pytest

from robots.spec import load_spec
from tests.benchmarks.planar_fit import ALLOWED, fit_of


@pytest.mark.parametrize("kind", ["omni", "diffdrive", "quadrotor"])
def test_after_ten_seconds_of_random_set_points_it_is_within_a_twentieth_of_the_path(kind):
    spec = load_spec(kind)
    fit = fit_of(spec, sequences=8, seed=1, speed=spec.cruise_speed)
    assert fit.path.min() > 3.0 * spec.cruise_speed
    assert fit.error.max() <= ALLOWED
