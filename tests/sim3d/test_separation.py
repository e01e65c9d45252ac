"""Robots that are driven at each other do not touch, however late their commands and messages are; without the filter they do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from robots.spec import load_spec
from runtime.team import Separation
from sim3d.bullet import BulletWorld
from tests.benchmarks.separation import ARENA, drive_together

EPISODES = 30


@pytest.fixture(scope="module")
def crowd() -> Iterator[BulletWorld]:
    world = BulletWorld([load_spec("omni")] * 3, arena_half_size=ARENA)
    yield world
    world.close()


@pytest.mark.parametrize(
    ("margin", "noise", "latest"), [(0.02, 0.0, 0.0), (0.02, 0.0, 0.2), (0.08, 0.02, 0.2)], ids=["prompt", "late", "late and noisy"]
)
def test_robots_that_are_driven_at_each_other_do_not_touch(crowd: BulletWorld, margin: float, noise: float, latest: float) -> None:
    separation = Separation(margin=margin, command_delay=latest, message_delay=0.0)
    outcome = drive_together(crowd, separation, EPISODES, seed=1, noise=noise, latest=latest, horizon=25)
    assert outcome.touched == 0 and outcome.interventions > 0.2


def test_without_the_filter_they_do(crowd: BulletWorld) -> None:
    outcome = drive_together(crowd, None, EPISODES, seed=1, horizon=25)
    assert outcome.touched > EPISODES / 2 and outcome.interventions == 0.0
