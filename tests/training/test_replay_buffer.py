"""The replay buffer: what is in it, what is drawn from it, and what of it is written to disk."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from training.replay import Replay
from training.rollout import Batch

STEPS, ROBOTS = 4, 2


def batch(first: int, count: int) -> Batch:
    """Episodes whose numbers say where they come from: seen = 1000 e + 10 t + robot, reward = 1000 e + 10 t + robot, choice = 100 e + t."""
    episode = torch.arange(first, first + count).float()
    time, robot = torch.arange(STEPS + 1.0)[:, None, None], torch.arange(float(ROBOTS))[None, :, None]
    place = 1000 * episode + 10 * time + robot
    choice = (100 * episode + time + 0 * robot).long()
    return Batch(place[..., None], place[:, :1], choice[:-1], place[:-1], place[:-1])


def drawn(replay: Replay, size: int = 2000):
    return replay.sample(size, torch.Generator().manual_seed(0))


def episodes_in(replay: Replay) -> set[int]:
    return {int(place) // 1000 for place in drawn(replay).reward.flatten()}


@given(sizes=st.lists(st.integers(1, 7), min_size=1, max_size=8))
def test_the_newest_episodes_are_kept_and_no_other(sizes):
    replay, added = Replay(7), 0
    for size in sizes:
        replay.add(batch(added, size))
        added += size
    assert len(replay) == min(added, 7)
    assert episodes_in(replay) == set(range(max(0, added - 7), added))


def test_transitions_belong_together():
    replay = Replay(5)
    replay.add(batch(0, 4))
    replay.add(batch(4, 4))
    parts = drawn(replay)
    assert parts.seen.shape == (ROBOTS, 2000, 1) and parts.choice.shape == (ROBOTS, 2000)
    torch.testing.assert_close(parts.following, parts.seen + 10)
    assert torch.equal(parts.reward, parts.seen[..., 0])
    assert torch.equal(parts.choice[0], (parts.reward[0] // 1000 * 100 + parts.reward[0] % 1000 // 10).long())
    assert torch.equal(parts.seen[1], parts.seen[0] + 1)
    # All steps are drawn, the last before the horizon too.
    assert {int(place) % 1000 // 10 for place in parts.reward[0]} == set(range(STEPS))


@pytest.mark.parametrize("added", [3, 9])
def test_state_holds_what_is_filled_and_draws_the_same(added):
    replay, other = Replay(5), Replay(5)
    for first in range(added):
        replay.add(batch(first, 1))
    state = replay.state_dict()
    assert len(state["seen"]) == min(added, 5)
    other.load_state_dict(state)
    for each in (replay, other):
        each.add(batch(added, 2))
    for one, two in zip(vars(drawn(replay)).values(), vars(drawn(other)).values(), strict=True):
        assert torch.equal(one, two)
