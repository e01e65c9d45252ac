"""The latency that a team stands, found by trying."""

from hypothesis import given
from hypothesis import strategies as st

from training.latency_margin import KEPT, LONGEST, latency_margin


@given(limit=st.floats(0.0, 2.0), period=st.sampled_from([0.1, 0.14, 0.4, 3.68]))
def test_the_margin_is_the_last_latency_that_works_to_a_quarter_of_a_period(limit, period):
    tried = []
    margin = latency_margin(lambda latency: tried.append(latency) or (1.0 if latency <= limit else 0.5), period)
    assert margin <= limit
    assert margin == LONGEST or limit < margin + min(period, LONGEST / 2) / 4 + 1e-9
    assert max(tried) <= LONGEST


def test_success_is_compared_with_the_teams_own_without_latency():
    """From 0.8 down to just 90 % of it is kept; a little less is not."""
    assert latency_margin(lambda latency: 0.8 if latency == 0 else 0.8 * KEPT, 0.1) == LONGEST
    assert latency_margin(lambda latency: 0.8 if latency == 0 else 0.8 * KEPT - 0.01, 0.1) == 0.0


def test_a_team_that_succeeds_in_nothing_has_no_margin():
    assert latency_margin(lambda latency: 0.0, 0.1) == 0.0
