"""World `bullet` over batches and processes: the same episode everywhere, and no process left behind."""

import os
import signal
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from robots.spec import load_spec
from sim3d.bullet import BulletWorld
from sim3d.bullet_engine import ROOMS
from sim3d.bullet_workers import WorkerFailed
from sim3d.world import Layouts, random_layouts

TICKS = 60
EPISODES = ROOMS + 5
CROWDED_ARENA = 0.3
TEAMS = {
    "omni": ("omni",) * 3,
    "diffdrive": ("diffdrive",) * 3,
    "quadrotor": ("quadrotor",) * 3,
    "mixed": ("omni", "diffdrive", "quadrotor", "diffdrive"),
}


def world_of(workers, team="omni"):
    return BulletWorld([load_spec(kind) for kind in TEAMS[team]], CROWDED_ARENA, workers=workers)


def batch_of(team):
    """Layouts and set-points [T, B, N, 2] that bring all robots of an episode together, so that contacts count."""
    robots = len(TEAMS[team])
    layouts = random_layouts(EPISODES, robots, robots, CROWDED_ARENA, seed=0)
    random = np.random.default_rng(0).uniform(-1.0, 1.0, (TICKS // 10, EPISODES, robots, 2)).repeat(10, axis=0)
    return layouts, 0.5 * random - 1.5 * layouts.starts


@pytest.fixture(scope="module")
def batch():
    return batch_of("omni")


def trajectories(world, layouts, setpoints):
    """Everything that the world says of each episode: [B, T + 1, N, 5]."""
    states = [state := world.reset(layouts)]
    for setpoint in setpoints:
        states.append(state := world.step(state, setpoint))
    return np.stack([np.concatenate([each.position, each.velocity, each.heading[..., None]], axis=-1) for each in states], axis=1)


@pytest.fixture(scope="module")
def expected_of():
    """Computes, once for each team, what all others must agree with."""

    @cache
    def compute(team):
        world = world_of(0, team)
        found = trajectories(world, *batch_of(team))
        world.close()
        assert touched(world, found).mean() > 0.7, "most episodes must have contacts"
        return found

    return compute


def touched(world, found):
    """The episodes in which two robots were closer than their circles allow: [B]."""
    apart = np.linalg.norm(found[..., :, None, :2] - found[..., None, :, :2], axis=-1) - np.add.outer(
        world.robot_radius, world.robot_radius
    )
    return (apart + 9 * np.eye(world.robots)).min(axis=(1, 2, 3)) < 1e-3


@pytest.fixture(scope="module")
def expected(expected_of):
    return expected_of("omni")


def taken(layouts, order):
    return Layouts(layouts.starts[order], layouts.landmarks[order], layouts.seeds[order])


@pytest.mark.parametrize(("team", "workers"), [("omni", 1), ("omni", 2), ("omni", 3), ("diffdrive", 2), ("quadrotor", 2), ("mixed", 3)])
def test_any_number_of_workers_gives_the_same_trajectories_bit_for_bit(team, workers, expected_of):
    world = world_of(workers, team)
    try:
        np.testing.assert_array_equal(trajectories(world, *batch_of(team)), expected_of(team))
    finally:
        world.close()


@pytest.mark.parametrize("team", TEAMS)
def test_an_episode_does_not_depend_on_its_batch_nor_on_what_ran_before(team, expected_of):
    layouts, setpoints = batch_of(team)
    world = world_of(0, team)
    try:
        for order in (np.arange(EPISODES)[::-1], np.array([7]), np.array([EPISODES - 1, 3, 3]), np.arange(EPISODES)):
            np.testing.assert_array_equal(trajectories(world, taken(layouts, order), setpoints[:, order]), expected_of(team)[order])
    finally:
        world.close()


def test_more_workers_than_episodes_are_fine(batch, expected):
    layouts, setpoints = batch
    world = world_of(workers=3)
    try:
        for order in (np.array([4]), np.array([1, 2])):
            np.testing.assert_array_equal(trajectories(world, taken(layouts, order), setpoints[:, order]), expected[order])
    finally:
        world.close()


def test_a_killed_worker_is_an_error_at_once_and_the_next_reset_starts_anew(batch, expected):
    layouts, setpoints = batch
    world = world_of(workers=2)
    try:
        state = world.reset(layouts)
        victim, other = (worker._process for worker in world._physics._workers)
        os.kill(victim.pid, signal.SIGKILL)
        begin = time.monotonic()
        with pytest.raises(WorkerFailed, match=r"bullet worker 0 ended unexpectedly \(exit status -9\)"):
            for setpoint in setpoints:
                state = world.step(state, setpoint)
        assert time.monotonic() - begin < 5.0
        assert not other.is_alive()
        np.testing.assert_array_equal(trajectories(world, layouts, setpoints), expected)
    finally:
        world.close()


def test_ctrl_c_is_left_to_the_parent(batch):
    # The terminal sends it to the parent and to the workers.
    layouts, setpoints = batch
    world = world_of(workers=1)
    try:
        state = world.reset(layouts)
        os.kill(world._physics._workers[0]._process.pid, signal.SIGINT)
        for setpoint in setpoints[:3]:
            state = world.step(state, setpoint)
        assert state.tick == 3
    finally:
        world.close()


def test_an_error_in_a_worker_comes_with_its_traceback(batch):
    layouts, _ = batch
    world = world_of(workers=1)
    try:
        world.reset(layouts)
        with pytest.raises(WorkerFailed, match=r"(?s)bullet worker 0 raised.*Traceback.*TypeError"):
            world._physics.advance(np.zeros((EPISODES, 3, 2)), None)
    finally:
        world.close()


def test_closing_ends_the_workers(batch):
    world = world_of(workers=2)
    world.reset(batch[0])
    processes = [worker._process for worker in world._physics._workers]
    world.close()
    assert [process.exitcode for process in processes] == [0, 0]
    world.close()


SCRIPT = """
import time
from robots.spec import load_spec
from sim3d.bullet import BulletWorld
from sim3d.world import random_layouts

if __name__ == "__main__":
    world = BulletWorld([load_spec("omni")] * 2, 1.0, workers=2)
    world.reset(random_layouts(4, 2, 2, 1.0, seed=0))
    print(*(worker._process.pid for worker in world._physics._workers), flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_workers_die_with_their_parent_however_it_ends(tmp_path, how):
    script = tmp_path / "parent.py"
    script.write_text(SCRIPT)
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    with subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, text=True
    ) as parent:
        workers = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(workers) == 2
        parent.send_signal(how)
    deadline = time.monotonic() + 10.0
    while any(alive(pid) for pid in workers):
        assert time.monotonic() < deadline, "a worker outlived its parent"
        time.sleep(0.02)


def alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
