"""Robots are killed, frozen and restarted while others drive: none moves on for long, all come back, and nothing else ends."""

from __future__ import annotations

from pathlib import Path

from robots.spec import load_spec
from tests.benchmarks.chaos import ROBOTS, STOPPING, bundle_in, setting, wreak
from tests.benchmarks.deployment import Deployment, on_loopback


def test_a_robot_that_is_struck_stands_still_and_comes_back(tmp_path: Path) -> None:
    with Deployment(tmp_path, setting(bundle_in(tmp_path), 16.0), on_loopback(ROBOTS)) as deployment:
        report = wreak(deployment, seconds=16.0, period=3.0, seed=3)
    assert report.failed == [] and sum(report.blows.values()) >= 2
    assert report.silences and report.returned >= len(report.silences) - 1
    # A busy machine may wake the plant late, too: a quarter of a second.
    assert report.moved <= load_spec("omni").watchdog + STOPPING + 0.25
