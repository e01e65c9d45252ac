"""What makes a team's value of its robots' values."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from training.mixers import Additive, Independent, Monotonic

ROBOTS, STATE = 3, 4


def lively(seed: int) -> Monotonic:
    """A mixer far from its start."""
    generator = torch.Generator().manual_seed(seed)
    mixer = Monotonic(ROBOTS, STATE, 8, 16, generator)
    with torch.no_grad():
        for parameter in mixer.parameters():
            parameter += torch.randn(parameter.shape, generator=generator)
    return mixer


def test_vdn_is_a_sum_and_independent_learners_are_left_alone():
    value, state = torch.randn(ROBOTS, 7), torch.randn(7, STATE)
    torch.testing.assert_close(Additive()(value, state), value.sum(0)[None])
    assert torch.equal(Independent(ROBOTS)(value, state), value)


@given(seed=st.integers(0, 10_000), robot=st.integers(0, ROBOTS - 1), rise=st.floats(0.0, 50.0), scale=st.floats(0.1, 20.0))
def test_qmix_never_falls_as_a_robots_value_rises(seed, robot, rise, scale):
    mixer, generator = lively(seed), torch.Generator().manual_seed(seed + 1)
    value, state = scale * torch.randn(ROBOTS, 16, generator=generator), scale * torch.randn(16, STATE, generator=generator)
    risen = value.clone()
    risen[robot] += rise
    before, after = mixer(value, state), mixer(risen, state)
    assert (after >= before - 1e-5 * before.abs().clamp_min(1.0)).all()


@given(seed=st.integers(0, 10_000))
def test_what_each_robot_likes_best_is_what_the_team_likes_best(seed):
    """The reason for monotonicity: the largest team value over all joint actions is that of the robots' own best actions."""
    mixer, generator = lively(seed), torch.Generator().manual_seed(seed + 1)
    values, state = torch.randn(ROBOTS, 5, generator=generator), torch.randn(1, STATE, generator=generator)
    joint = torch.cartesian_prod(*values)  # [125, 3]
    best = mixer(joint.T, state.expand(len(joint), -1)).max()
    greedy = mixer(values.max(1, keepdim=True).values, state)
    torch.testing.assert_close(greedy[0, 0], best, atol=1e-5, rtol=1e-5)


def test_qmix_weighs_robots_by_the_state():
    """Unlike a sum: a robot may count much in one state and little in another."""
    mixer = lively(3)
    value = torch.randn(ROBOTS, 2, generator=torch.Generator().manual_seed(0)).requires_grad_()
    mixer(value, torch.tensor([[3.0] * STATE, [-3.0] * STATE])).sum().backward()
    assert (value.grad[:, 0] - value.grad[:, 1]).abs().max() > 0.1
    assert (value.grad >= 0).all()


@pytest.mark.parametrize("mixer", [Additive(), lively(0)], ids=["vdn", "qmix"])
def test_a_teams_loss_reaches_every_robot(mixer):
    value = torch.randn(ROBOTS, 5, requires_grad=True)
    mixer(value, torch.randn(5, STATE)).sum().backward()
    assert (value.grad.abs().sum(1) > 0).all()
