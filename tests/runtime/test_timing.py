"""Histograms of the stages of a tick: percentiles to a quarter, whatever the times are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.timing import STAGES, StageTimes, _bin_of, _upper_edge


@given(st.integers(0, 2**45))
def test_a_time_is_in_the_bin_that_ends_at_most_a_quarter_above_it(time: int) -> None:
    edge = _upper_edge(_bin_of(time))
    if time < 2**39:
        assert time < edge <= 1.25 * time + 1
    assert _bin_of(time + 1) - _bin_of(time) in (0, 1)


def test_every_edge_begins_the_next_bin() -> None:
    for index in range(150):
        assert _bin_of(_upper_edge(index)) == index + 1 and _bin_of(_upper_edge(index) - 1) == index


def test_percentiles_of_a_long_run() -> None:
    times, rng = StageTimes(), np.random.default_rng(0)
    drawn = rng.lognormal(12.0, 1.0, size=5000).astype(int)
    for time in drawn.tolist():
        times.add([0, time, 0, 0, 0, 0, 0])
    summary = times.summary()
    assert set(summary) == {"sense"} and STAGES[1] == "sense"
    for name, share in (("p50", 50), ("p99", 99)):
        assert summary["sense"][name] == pytest.approx(np.percentile(drawn, share) / 1e3, rel=0.26)
        assert summary["sense"][name] >= 0.999 * np.percentile(drawn, share, method="lower") / 1e3
    assert summary["sense"]["max"] == drawn.max() / 1e3 and sum(summary["sense"]["counts"].values()) == 5000


def test_a_percentile_is_never_above_the_largest() -> None:
    times = StageTimes()
    times.add([1000] * len(STAGES))
    assert all(stage["p50"] == stage["p99"] == stage["max"] == 1.0 for stage in times.summary().values())
