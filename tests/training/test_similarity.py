import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robots.errors import InputError
from robots.spec import load_spec
from sim3d.spread import ROBOT_RADIUS, SpreadWorld
from training.similarity import KEEP, PUSH, similarity_for

OMNI = load_spec("omni")


def test_by_default_robots_have_more_room_than_in_simple_spread():
    assert similarity_for(OMNI).arena_half_size == pytest.approx(2.0)
    smallest = OMNI.radius / ROBOT_RADIUS
    assert similarity_for(OMNI, smallest).arena_half_size == smallest
    with pytest.raises(InputError):
        similarity_for(OMNI, smallest * 0.99)


@given(arena=st.floats(1.34, 50), speed=st.floats(0.05, 2.5))
def test_the_period_is_whole_ticks_and_the_speed_is_never_exceeded(arena, speed):
    similarity = similarity_for(OMNI, arena, speed)
    ticks = similarity.period / OMNI.loop_period
    assert ticks == pytest.approx(round(ticks), abs=1e-6)
    assert similarity.top_speed <= speed * (1 + 1e-6)
    one_tick_less = similarity.period - OMNI.loop_period
    assert one_tick_less < 1e-9 or 0.2 * arena / one_tick_less > speed * (1 - 1e-6)


@pytest.mark.parametrize("arena, speed", [(0.5, None), (float("nan"), None), (None, 0.0), (None, 99.0), (None, float("nan"))])
def test_what_the_robot_cannot_do_is_refused(arena, speed):
    with pytest.raises(InputError, match="omni"):
        similarity_for(OMNI, arena, speed)


def test_a_robot_that_follows_set_points_moves_as_simple_spread_does():
    """Without contacts, set-points (0.75 w + 0.5 u) 0.1 L / T in effect one period later are simple_spread, scaled."""
    similarity = similarity_for(OMNI, 3.0, 0.8)
    length, period = similarity.arena_half_size, similarity.period
    generator = np.random.default_rng(0)
    world = SpreadWorld(1)
    state = world.begin(generator.uniform(-1, 1, (5, 1, 2)), np.zeros((5, 1, 2)))
    position, setpoint = state.position * length, np.zeros((5, 1, 2))
    for _ in range(50):
        force = generator.uniform(-1, 1, (5, 1, 2))
        state = world.step(state, force)
        following = (KEEP * setpoint / similarity.speed_unit + PUSH * force) * similarity.speed_unit
        position, setpoint = position + setpoint * period, following
        np.testing.assert_allclose(position, state.position * length, atol=1e-12)
        assert np.abs(setpoint).max() <= similarity.top_speed
