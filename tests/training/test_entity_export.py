"""Entity actors as they are exported: one graph for teams of all sizes."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from robots.spec import load_spec
from runtime import cli
from runtime.actor import OnnxActor
from runtime.bundle import read_bundle
from tests.training.small_entities import SMALL
from training import export, latency_margin
from training.actor_graph import ForceHead
from training.entity_actor import EntityPointActor, EntityRobotActor
from training.entity_networks import EntityTeam
from training.ppo import Ppo
from training.similarity import similarity_for

NEAREST = 6


@pytest.fixture(scope="module")
def learner() -> Ppo:
    made = Ppo(msgspec.structs.replace(SMALL, entities=msgspec.structs.replace(SMALL.entities, nearest=NEAREST)))
    with torch.no_grad():
        for parameter in made.policy.actors.parameters():
            parameter += 0.2 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1))
    return made


@pytest.fixture(scope="module")
def bundle(learner: Ppo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checked by the exporter in four teams, and in the others here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "SUCCESS_EPISODES", 16)
        patch.setattr(latency_margin, "MISSIONS", 4)
        spec = load_spec("point")
        team = export.export_team(learner, [spec] * 3, similarity_for(spec), lambda text: None)
    out = tmp_path_factory.mktemp("entities") / "bundle"
    export.write_bundle(team, out)
    return out


@pytest.fixture(scope="module")
def actor(bundle: Path) -> OnnxActor:
    return read_bundle(bundle).load_actor(0)


def test_one_file_computes_what_torch_does_in_a_team_of_any_size(learner: Ppo, actor: OnnxActor) -> None:
    @settings(max_examples=30)
    @given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 2**16))
    def same(robots: int, landmarks: int, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        team = actor.for_team(0, robots, landmarks, "a")
        seen = torch.randn(1, 6, team.contract.observation_size, generator=generator)
        names = [field.name for field in team.contract.observation for _ in range(field.size)]
        masks = torch.tensor(["known" in name for name in names])
        seen[..., masks] = (seen[..., masks] > 0).float()
        trained = EntityTeam(learner.policy.actors.network, robots, landmarks, NEAREST)
        expected = learner.policy.greedy_force(trained(seen))[0].detach().numpy()
        action, _ = team.act(seen[0].numpy(), team.initial_state(6))
        np.testing.assert_allclose(action, expected, atol=1e-5)

    same()


def test_the_contract_says_what_teams_the_actor_is_for(actor: OnnxActor) -> None:
    contract = actor.contract
    assert (contract.team_size, contract.landmarks, contract.arena_half_size) == (3, 3, 1.0)
    assert contract.entities.robots == contract.entities.landmarks == (1, 30) and contract.entities.nearest == NEAREST


def test_an_actor_of_a_robot_is_the_same_in_metres_and_seconds(learner: Ppo) -> None:
    similarity = similarity_for(load_spec("omni"))
    head = ForceHead(learner.policy.actors.of_robot(0), discrete=False)
    point, robot = EntityPointActor(head, NEAREST), EntityRobotActor(head, NEAREST, similarity)
    generator = torch.Generator().manual_seed(0)
    velocity, landmarks, peers = (torch.randn(*shape, generator=generator) for shape in ((5, 2), (5, 4, 3), (5, 7, 5)))
    landmarks[..., 2], peers[..., 4] = 1.0, (peers[..., 4] > 0).float()
    units = torch.tensor([similarity.arena_half_size] * 2 + [1.0])
    metres = peers * torch.cat([units[:2], torch.full((2,), similarity.speed_unit), units[2:]])
    setpoint, following = robot(landmarks * units, metres, velocity * similarity.speed_unit)
    assert torch.equal(setpoint, following)
    torch.testing.assert_close(setpoint / similarity.speed_unit, 0.75 * velocity + 0.5 * point(velocity, landmarks, peers))


def test_a_team_is_evaluated_in_other_numbers_than_it_was_made_for(bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    written = tmp_path / "figures.json"
    words = ["evaluate", bundle, "--robots", 7, "--landmarks", 5, "--episodes", 4, "--json", written]
    assert cli.main(list(map(str, words))) == 0
    figures = json.loads(written.read_text())
    assert (figures["robots"], figures["landmarks"]) == (7, 5) and 0 <= figures["coverage"] <= 1
    assert "coverage" in capsys.readouterr().out


def test_teams_that_cannot_be_are_refused(bundle: Path, point_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    for words, parts in (
        ((bundle, "--robots", 31), ("is for 1 ... 30 robots, not for 31",)),
        ((bundle, "--robots", 0), ("--robots: is 0, must be at least 1",)),
        ((bundle, "--landmarks", 31), ("is for 1 ... 30 landmarks, not for 31",)),
        ((bundle, "--world", "mpe2"), ("mpe2", "use --world spread")),
        ((point_bundle, "--robots", 5), ("is for 3 robots, not for 5",)),
        ((bundle, "--robots", 5, "--suite", "quick", "--out", tmp_path / "out"), ("--robots: does not go with --suite",)),
    ):
        assert cli.main(["evaluate", *map(str, words)]) == 2
        line = capsys.readouterr().err.strip()
        assert "\n" not in line and all(part in line for part in parts), line
