"""World `spread` under torch.compile is the same world."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch

from runtime.observation import SIMPLE_SPREAD_V3, observe, views_of_team
from sim3d.spread import SpreadWorld
from sim3d.spread_compiled import CompiledSpread
from sim3d.spread_task import reward
from sim3d.world import random_layouts

torch.set_num_threads(1)

FIRST_STEP = """
import torch
from robots.errors import InputError
from sim3d.spread import SpreadWorld
from sim3d.spread_compiled import CompiledSpread

world = SpreadWorld(2, like=torch.zeros(0))
points = torch.rand(4, 2, 2)
try:
    CompiledSpread(world).step(world.begin(points, points), points)
except InputError as error:
    print(error)
"""


@pytest.mark.skipif(shutil.which(os.environ.get("CXX", "g++")) is None, reason="torch.compile needs a C++ compiler")
def test_a_compiled_step_is_the_worlds_own_with_its_observations_and_rewards():
    # A tight crowd of episodes, so that robots touch: contacts are the stiff part.
    world = SpreadWorld(3, like=torch.zeros(0, dtype=torch.float64))
    compiled = CompiledSpread(world, local_ratio=0.3)
    start = world.reset(random_layouts(64, 3, 3, 0.5, seed=0))
    ours, state = start, start
    actions = torch.from_numpy(np.random.default_rng(0).uniform(-1, 1, (25, 64, 3, 2)))
    touched = False
    for action in actions:
        state, observation, scores = compiled.step(state, action)
        ours = world.step(ours, action)
        expected = reward(ours.position, ours.landmarks, world.robot_radius, local_ratio=0.3)
        torch.testing.assert_close(scores, expected, rtol=0, atol=1e-9)
        view = views_of_team(ours.position, ours.velocity, ours.landmarks)
        torch.testing.assert_close(observation, observe(SIMPLE_SPREAD_V3, view), rtol=0, atol=1e-9)
        touched |= bool(expected.std(dim=1).max() > 0)
    assert touched
    assert state.tick == ours.tick == 25
    torch.testing.assert_close(state.velocity, ours.velocity, rtol=0, atol=1e-9)


def test_without_a_compiler_one_line_says_so(tmp_path):
    environment = {**os.environ, "CXX": "/no/such/compiler", "TORCHINDUCTOR_CACHE_DIR": str(tmp_path)}
    run = subprocess.run([sys.executable, "-c", FIRST_STEP], capture_output=True, text=True, env=environment, check=True)
    assert run.stdout.count("\n") == 1
    assert "/no/such/compiler" in run.stdout
    assert "needs a C++ compiler" in run.stdout
    assert not run.stderr
