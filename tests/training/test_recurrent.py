"""Actors that remember: what they compute, that they learn to use it, and that the exported file does the same."""

import msgspec
import numpy as np
import pytest
import torch
from torch import nn

from robots.errors import InputError
from robots.spec import load_spec
from runtime.actor import OnnxActor
from sim3d.world import random_layouts
from training.config import ActorConfig, NetworkConfig, PpoConfig, TrainConfig, WorldConfig
from training.export import export_team
from training.networks import TeamMlp
from training.policies import GaussianPolicy
from training.ppo import Ppo
from training.recurrent import RecurrentTeam
from training.similarity import similarity_for
from training.spread_ground import team_observation

SMALL = TrainConfig(
    network=NetworkConfig(hidden=(8,), memory=6), ppo=PpoConfig(episodes=8, epochs=2, minibatches=2), steps=8 * 25 * 4, threads=1
)
EVERY_TEAM = [
    TeamMlp(3, 5, (7,), 2, 1.0, torch.Generator().manual_seed(0)),
    RecurrentTeam(4, 3, 5, (7,), 2, 1.0, torch.Generator().manual_seed(0)),
]


def weights(learner: Ppo) -> torch.Tensor:
    return torch.cat([part.detach().flatten() for part in [*learner.policy.parameters(), *learner.critics.parameters()]])


@pytest.mark.parametrize("team", EVERY_TEAM, ids=lambda team: type(team).__name__)
def test_unrolling_episodes_is_stepping_through_them(team):
    inputs = torch.randn(3, 9, 11, 5, generator=torch.Generator().manual_seed(1))
    memory, stepped = torch.zeros(3, 11, team.memory_size), []
    for step in range(9):
        out, memory = team.step(inputs[:, step], memory)
        stepped.append(out)
    torch.testing.assert_close(team.unroll(inputs), torch.stack(stepped, dim=1))


def test_the_cell_is_torchs_own():
    team = RecurrentTeam(4, 2, 5, (7,), 2, 1.0, torch.Generator().manual_seed(0))
    inputs, memory = torch.randn(2, 11, 5), torch.randn(2, 11, 4)
    _, following = team.step(inputs, memory)
    for robot in range(2):
        cell = nn.GRUCell(5, 4)
        cell.load_state_dict(
            {
                "weight_ih": team.input_gates[robot].T,
                "weight_hh": team.memory_gates[robot].T,
                "bias_ih": team.input_offset[robot, 0],
                "bias_hh": team.memory_offset[robot, 0],
            }
        )
        torch.testing.assert_close(following[robot], cell(inputs[robot], memory[robot]))


def test_robots_do_not_share_cells():
    team = RecurrentTeam(4, 3, 5, (7,), 2, 1.0, torch.Generator().manual_seed(0))
    inputs = torch.randn(3, 6, 11, 5)
    before = team.unroll(inputs).detach()
    with torch.no_grad():
        team.memory_gates[1] += 1.0
    after = team.unroll(inputs).detach()
    assert torch.equal(before[[0, 2]], after[[0, 2]])
    assert not torch.equal(before[1], after[1])


def test_the_copy_of_a_robots_network_is_that_robots():
    team = RecurrentTeam(4, 3, 5, (7, 6), 2, 1.0, torch.Generator().manual_seed(0))
    inputs, memory = torch.randn(3, 11, 5), torch.randn(3, 11, 4)
    together = team.step(inputs, memory)
    for robot in range(3):
        for ours, theirs in zip(team.of_robot(robot)(inputs[robot], memory[robot]), together, strict=True):
            torch.testing.assert_close(ours, theirs[robot])


def test_each_update_sees_the_probabilities_that_the_rollout_saw(monkeypatch):
    """Unrolled over whole episodes, weights that have not changed must give every choice the probability that it was drawn with."""
    learner = Ppo(msgspec.structs.replace(SMALL, ppo=PpoConfig(episodes=8, epochs=1, minibatches=1)))
    drawn, scored = [], []
    collect, score = learner.ground.collect, GaussianPolicy.score
    monkeypatch.setattr(learner.ground, "collect", lambda *given: drawn.append(collect(*given)) or drawn[-1])
    monkeypatch.setattr(GaussianPolicy, "score", lambda *given: scored.append(score(*given)) or scored[-1])
    learner.train_batch()
    before = drawn[0].log_probability.transpose(0, 1).flatten(1)
    after = torch.cat([log_probability for log_probability, _ in scored])
    torch.testing.assert_close(after.sort(1).values, before.sort(1).values)


def test_gradients_reach_the_past():
    """The last output must depend on the first input, and so must what is learned."""
    team = RecurrentTeam(4, 1, 5, (7,), 2, 1.0, torch.Generator().manual_seed(0))
    inputs = torch.randn(1, 9, 1, 5, requires_grad=True)
    team.unroll(inputs)[:, -1].sum().backward()
    assert inputs.grad[0, 0].abs().max() > 0


def test_a_learner_with_memory_goes_on_from_its_state_as_if_never_stopped(tmp_path):
    straight, first, second = Ppo(SMALL), Ppo(SMALL), Ppo(SMALL)
    for _ in range(4):
        straight.train_batch()
    for _ in range(2):
        first.train_batch()
    torch.save(first.state_dict(), tmp_path / "state.pt")
    second.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    for _ in range(2):
        second.train_batch()
    assert torch.equal(weights(straight), weights(second))


@pytest.mark.parametrize("front_end, actions", [("plain", "discrete"), ("past_forces", "continuous")])
def test_exported_actors_remember_as_the_network_does(front_end, actions):
    """Ten steps of the same observations: the file's own state must carry what the network's memory carries."""
    actor = ActorConfig(front_end=front_end)
    learner = Ppo(msgspec.structs.replace(SMALL, world=WorldConfig(actions=actions), actor=actor, evaluation_episodes=16))
    with torch.no_grad():
        for parameter in learner.policy.actors.parameters():
            parameter += 0.3 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1))
    spec = load_spec("point")
    team = export_team(learner, [spec] * learner.config.world.robots, similarity_for(spec), lambda text: None)
    assert all(difference.rollout <= 1e-5 for difference in team.differences)
    exported = [OnnxActor(model, "test") for model in team.actors]
    states = [actor.initial_state(40) for actor in exported]
    memory, inner = learner.front_end.initial_memory().expand(3, 40, -1), torch.zeros(3, 40, 6)
    for step in range(10):
        state = learner.ground.world.reset(random_layouts(40, 3, 3, 1.0, seed=step))
        seen = team_observation(learner.front_end.layout, state, state.landmarks, torch.zeros(40, 3))
        look = learner.front_end.look(seen, memory)
        with torch.no_grad():
            out, inner = learner.policy.actors.step(look.seen, inner)
        expected = learner.policy.greedy_force(out)
        memory = learner.front_end.remember(look.carried, expected)
        for agent, actor in enumerate(exported):
            action, states[agent] = actor.act(seen[agent].numpy(), states[agent])
            np.testing.assert_allclose(action, expected[agent], atol=1e-5)


def test_robots_other_than_point_are_refused_in_one_line():
    spec = load_spec("omni")
    with pytest.raises(InputError, match=r"network\.memory: is 6.*'omni'"):
        export_team(Ppo(SMALL), [spec] * 3, similarity_for(spec), lambda text: None)
