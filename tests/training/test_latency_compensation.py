"""A robot finds out its own latency, and predicts where it will be when its commands act."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.observation import observe, of_others, views_of_team
from sim3d.disturbances.delay import FractionalDelay
from sim3d.spread import SpreadWorld
from training.front_ends import PastForces, PlainView
from training.latency_compensation import LatencyCompensator, PointMotion, SetpointMotion, contact_force, interpolation
from training.similarity import KEEP, PUSH

PERIODS = 4


def team_view(layout, position, velocity, landmarks):
    view = replace(views_of_team(position, velocity, landmarks), peers_velocity=of_others(velocity))
    return observe(layout, view).transpose(0, 1)


def drive(robots, latency, steps, spacing=10.0, noise=0.0, episodes=64, seed=0):
    """Random forces under a latency; yields (world state, what the compensator sees, its latency estimate, the forces so far)."""
    generator = torch.Generator().manual_seed(seed)
    compensator = LatencyCompensator(robots, PERIODS, PointMotion())
    world = SpreadWorld(robots, like=torch.zeros(0, dtype=torch.float64))
    grid = torch.arange(robots, dtype=torch.float64)[None, :, None] * torch.tensor([spacing, 0.0])
    state = world.begin(
        grid + torch.rand(episodes, robots, 2, generator=generator), torch.rand(episodes, robots, 2, generator=generator).double()
    )
    memory = compensator.initial_memory().double().expand(robots, episodes, -1)
    delay, history = FractionalDelay(latency), []
    for _ in range(steps):
        measured = [part + noise * torch.randn(part.shape, generator=generator) for part in (state.position, state.velocity)]
        look = compensator.look(team_view(compensator.layout, *measured, state.landmarks), memory)
        errors = look.carried[..., -len(compensator.hypotheses) :]
        weights = torch.softmax(-errors / (2 * 0.05**2), dim=-1)
        yield world, state, look.seen, (weights * compensator.hypotheses).sum(-1), list(history)
        force = torch.rand(robots, episodes, 2, generator=generator, dtype=torch.float64) * 2 - 1
        history.append(force.transpose(0, 1))
        memory = compensator.remember(look.carried, force)
        state = world.step(state, delay(history[-1]))


@pytest.mark.parametrize("latency", [0.0, 0.5, 1.0, 2.0, 2.5, 3.0, 4.0])
def test_a_latency_is_found_within_ten_commands_through_noise(latency):
    """Noise 0.05 on the velocity; a command changes it by up to 0.5. Half a period is the spacing of the hypotheses."""
    *_, (_, _, _, estimate, _) = drive(1, latency, 11, noise=0.05)
    assert (estimate - latency).abs().median() < 0.1
    assert ((estimate - latency).abs() < 0.5).double().mean() > 0.98


@pytest.mark.parametrize("latency", [0, 1, 2, 3, 4])
def test_what_the_network_sees_is_where_the_robot_will_be(latency):
    """Run the world on over the forces that are under way: the compensator must have seen exactly that state."""
    *_, (world, state, seen, _, history) = drive(1, float(latency), 14)
    for age in range(latency, 0, -1):
        state = world.step(state, history[-age])
    expected = team_view(PlainView(1).layout, state.position, state.velocity, state.landmarks)
    torch.testing.assert_close(seen, expected, atol=1e-4, rtol=0)


@settings(max_examples=20, deadline=None)
@given(latency=st.floats(0, PERIODS), seed=st.integers(0, 2**20))
def test_between_whole_periods_the_prediction_lies_between_theirs(latency, seed):
    weights = interpolation(torch.tensor(latency), torch.arange(PERIODS + 1.0))
    assert weights.sum() == pytest.approx(1.0, abs=1e-5) and (weights >= 0).all()
    assert (weights * torch.arange(PERIODS + 1.0)).sum() == pytest.approx(latency, abs=1e-5)


def test_contacts_are_foreseen():
    """Coasting at speed 2 towards a peer 0.45 away, three periods late: free space would bring it to 0.45 - 0.2 (1 + 0.75 + 0.75^2)."""
    compensator = LatencyCompensator(2, PERIODS, PointMotion())
    memory = compensator.initial_memory()
    memory[-len(compensator.hypotheses) :] = torch.where(compensator.hypotheses == 3, 0.0, 9.0)
    observation = torch.tensor([2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.45, 0.0, 0.0, 0.0])
    seen = compensator.look(observation, memory).seen
    world = SpreadWorld(2, like=torch.zeros(0))
    state = world.begin(torch.tensor([[[0.0, 0.0], [0.45, 0.0]]]), torch.zeros(1, 2, 2))
    state = replace(state, velocity=torch.tensor([[[2.0, 0.0], [0.0, 0.0]]]))
    state = world.step(state, torch.zeros(1, 2, 2), ticks=3)
    expected = state.position[0, 1] - state.position[0, 0]
    torch.testing.assert_close(seen[8:10], expected, atol=1e-5, rtol=0)
    assert expected[0] > 0.45 - 0.2 * (1 + 0.75 + 0.75**2) + 0.1


def test_contact_force_is_simple_spreads():
    world = SpreadWorld(2, like=torch.zeros(0, dtype=torch.float64))
    position = torch.tensor([[[0.0, 0.0], [0.21, 0.1]], [[0.0, 0.0], [0.31, 0.0]]], dtype=torch.float64)
    ours = contact_force((position[:, 1] - position[:, 0])[:, None])[:, 0]
    torch.testing.assert_close(ours, world._contact(position)[:, 1])


def test_without_latency_the_network_sees_what_a_plain_view_shows():
    *_, (_, state, seen, estimate, _) = drive(3, 0.0, 12)
    assert estimate.abs().max() < 1e-3
    expected = team_view(PlainView(3).layout, state.position, state.velocity, state.landmarks)
    torch.testing.assert_close(seen, expected, atol=1e-3, rtol=0)


def test_a_robot_that_follows_set_points_starts_from_its_own():
    """The set-point in effect is remembered exactly; the measured velocity is for finding the latency only."""
    motion = SetpointMotion(reach=10.0)
    memory = torch.zeros(motion.memory_size(2), dtype=torch.float64)
    setpoint, history = torch.zeros(2, dtype=torch.float64), []
    generator = np.random.default_rng(0)
    for _ in range(6):
        force = torch.tensor(generator.uniform(-1, 1, 2))
        setpoint = KEEP * setpoint + PUSH * force
        history.append(setpoint)
        memory = motion.commanded(memory, force)
    for latency in (0, 1, 2):
        present = motion.present(torch.full((2,), 99.0), torch.tensor([float(latency)], dtype=torch.float64), torch.arange(3.0), memory)
        torch.testing.assert_close(present, history[-1 - latency])


def test_a_robot_starts_from_what_its_gate_let_pass():
    """The actor wanted 1 and was granted 0.2: it is at 0.2, and goes on from there."""
    motion = SetpointMotion(reach=10.0)
    memory = motion.commanded(torch.zeros(motion.memory_size(2)), torch.tensor([1.0, 0.0]) / PUSH)
    granted = motion.told(memory, torch.tensor([0.2, 0.0]))
    torch.testing.assert_close(motion.present(torch.zeros(2), torch.zeros(1), torch.arange(3.0), granted), torch.tensor([0.2, 0.0]))
    torch.testing.assert_close(motion.commanded(granted, torch.zeros(2))[:2], torch.tensor([KEEP * 0.2, 0.0]))


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**20), reach=st.floats(0.05, 2.0))
def test_an_actor_asks_for_no_more_than_its_robot_can_reach(seed, reach):
    motion, generator = SetpointMotion(reach), torch.Generator().manual_seed(seed)
    memory = torch.zeros(motion.memory_size(2), dtype=torch.float64)
    for _ in range(10):
        force = torch.rand(2, generator=generator, dtype=torch.float64) * 2 - 1
        following = motion.commanded(memory, force)
        change, wanted = following[:2] - memory[:2], KEEP * memory[:2] + PUSH * force - memory[:2]
        assert change.norm() <= reach * (1 + 1e-9)
        torch.testing.assert_close(change, wanted * min(1.0, reach / float(wanted.norm())))
        memory = following


def test_past_forces_are_remembered_newest_first():
    front_end = PastForces(1, 2, knows_latency=False)
    memory = front_end.initial_memory()
    for value in (1.0, 2.0, 3.0):
        look = front_end.look(torch.zeros(len(front_end.inputs) - 4), memory)
        memory = front_end.remember(look.carried, torch.full((2,), value))
    assert memory.tolist() == [3.0, 3.0, 2.0, 2.0]
