"""The latency that a team stands, found by trying."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.latency_margin import KEPT, LONGEST_PERIODS, latency_margin


@given(limit=st.floats(0.0, 0.59), period=st.just(0.1))
def test_the_margin_is_the_last_latency_that_works_to_a_quarter_of_a_period(limit, period):
    margin = latency_margin(lambda latency: 1.0 if latency <= limit else 0.5, period)
    assert margin <= limit < margin + period / 4 + 1e-9


def test_success_is_compared_with_the_teams_own_without_latency():
    """From 0.8 down to just 90 % of it is kept; a little less is not."""
    assert latency_margin(lambda latency: 0.8 if latency == 0 else 0.8 * KEPT, 0.1) == pytest.approx(LONGEST_PERIODS * 0.1)
    assert latency_margin(lambda latency: 0.8 if latency == 0 else 0.8 * KEPT - 0.01, 0.1) == 0.0


def test_a_team_that_succeeds_in_nothing_has_no_margin():
    assert latency_margin(lambda latency: 0.0, 0.1) == 0.0
