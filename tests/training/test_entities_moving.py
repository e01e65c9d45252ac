"""Entity actors whose landmarks move: what is drawn, what they read, and that they follow."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch

from robots.spec import load_spec
from runtime.actor import OnnxActor
from runtime.bundle import read_bundle
from runtime.course import Course
from runtime.observation import observe, views_of_team
from sim3d.profile import load_profile
from sim3d.spread import SpreadWorld
from tests.training.small_entities import SMALL
from training import export, parity
from training.actor_graph import ForceHead
from training.config_checks import read_train_config
from training.entity_actor import EntityPointActor, EntityRobotActor
from training.entity_config import EntitiesConfig
from training.entity_networks import EntityTeam
from training.entity_scene import ENTITY_FIELDS, MOVING_FIELDS
from training.entity_teams import draw_teams
from training.ppo import Ppo
from training.similarity import similarity_for

CONFIGS = Path(__file__).parents[2] / "configs" / "train"
DRIFT = 0.8
MOVING = msgspec.structs.replace(SMALL, entities=EntitiesConfig(drift=DRIFT))


def test_one_line_of_a_configuration_lets_landmarks_move():
    moving, standing = (read_train_config(CONFIGS / name) for name in ("entities_moving.yaml", "entities.yaml"))
    assert msgspec.structs.replace(moving, entities=standing.entities) == standing and moving.entities.drift == 0.4
    assert (Ppo(SMALL).front_end.layout, Ppo(MOVING).front_end.layout) == (ENTITY_FIELDS, MOVING_FIELDS)


def test_teams_are_the_same_whether_landmarks_move_or_not():
    standing, moving = (draw_teams(EntitiesConfig(drift=drift), 5, 64, 25, torch.Generator().manual_seed(0)) for drift in (0.0, DRIFT))
    for name in ("starts", "landmarks", "landmarks_known", "begins", "ends"):
        assert torch.equal(getattr(standing, name), getattr(moving, name)), name
    assert standing.course is None


def test_landmarks_of_an_episode_have_one_speed_up_to_drift_in_any_direction_within_its_arena():
    teams = draw_teams(EntitiesConfig(drift=DRIFT), 5, 4000, 25, torch.Generator().manual_seed(0))
    speed = teams.course.drift.norm(dim=-1)
    torch.testing.assert_close(speed, speed[:, :1].expand_as(speed))
    assert np.histogram(speed[:, 0], 4, (0.0, DRIFT))[0].min() > 900 and speed.max() <= DRIFT
    angle = torch.atan2(teams.course.drift[..., 1], teams.course.drift[..., 0])
    assert np.histogram(angle, 4, (-np.pi, np.pi))[0].min() > 4500
    most = torch.stack([teams.course.at(0.1 * step)[0].abs().amax((1, 2)) for step in range(26)]).amax(0)
    sizes = torch.maximum(teams.present(0).sum(1), teams.landmarks_known.sum(1))
    assert (most <= (sizes / 3).sqrt() + 1e-6).all() and most[sizes == 5].max() > 1.25


def test_what_robots_read_of_velocities_is_what_they_see_landmarks_do():
    learner = Ppo(MOVING)
    batch = learner.ground.collect(learner.policy, load_profile("clean"), torch.Generator().manual_seed(3))
    sizes = [2, 8, 4, 8, 6, 6, 3]
    velocity, landmarks, _, moves, *_ = batch.seen.split(sizes, dim=-1)
    seen = (landmarks[1:] - landmarks[:-1]).unflatten(-1, (4, 2))
    expected = 0.1 * (moves[:-1].unflatten(-1, (4, 2)) - velocity[:-1, ..., None, :])
    straight = (moves[1:] == moves[:-1]).unflatten(-1, (4, 2)).all(-1)
    stayed = (batch.present[:, ..., None] & straight)[..., None].expand_as(seen)
    torch.testing.assert_close(seen[stayed], expected[stayed], atol=1e-5, rtol=0)
    assert 0.0 < (~straight).float().mean() < 0.1 and moves.abs().max() > 0.5


@pytest.mark.parametrize(("reads", "behind"), [(True, 0.0), (False, 0.5)])
def test_a_robot_follows_a_landmark_without_an_error_before_anything_is_learned(reads, behind):
    """With the force that is exact, 5 a unit; a robot that does not read how fast it moves stays half a second of it behind."""
    network = Ppo(MOVING).policy.actors.network
    with torch.no_grad():
        network.steering.fill_(5.0)
        network.head[-1].weight.zero_()
    team = EntityTeam(network, 1, 1, 4, MOVING_FIELDS)
    world = SpreadWorld(1, like=torch.zeros(0))
    start, drift = torch.tensor([[[0.3, -0.2]]]), torch.tensor([[[0.24, 0.32]]])
    state = world.begin(torch.zeros(1, 1, 2), start, course=Course(start, drift, torch.tensor([torch.inf])))
    for _ in range(40):
        view = views_of_team(state.position, state.velocity, state.landmarks, state.landmarks_velocity if reads else None)
        view = replace(view, peers_velocity=view.peers, peers_known=view.peers[..., 0])  # there are none
        with torch.no_grad():
            force = team(observe(MOVING_FIELDS, view).transpose(0, 1))
        state = world.step(state, force.transpose(0, 1))
    assert (state.position - state.landmarks).norm() == pytest.approx(behind * 0.4, abs=0.01)


@pytest.fixture(scope="module")
def learner() -> Ppo:
    made = Ppo(MOVING)
    with torch.no_grad():
        for parameter in made.policy.actors.parameters():
            parameter += 0.2 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1))
    return made


@pytest.mark.parametrize("kind", ["point", "omni"])
def test_exported_actors_read_the_velocities_and_compute_what_torch_does(kind, tmp_path):
    learner = Ppo(MOVING)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "SUCCESS_EPISODES", 16)
        patch.setattr(parity, "OTHER_TEAMS", ((5, 4),))
        patch.setattr(export, "latency_margin", lambda success, period: 0.0)
        spec = load_spec(kind)
        team = export.export_team(learner, [spec] * 3, similarity_for(spec), lambda text: None)
    export.write_bundle(team, tmp_path / "bundle")
    assert max(difference.rollout for difference in team.differences) <= 1e-5
    actor: OnnxActor = read_bundle(tmp_path / "bundle").actors_for(4, 5)[0]
    assert actor.contract.layout == (MOVING_FIELDS if kind == "point" else MOVING_FIELDS[1:])
    names = np.array([field.name for field in actor.contract.observation for _ in range(field.size)])
    observation = np.random.default_rng(0).uniform(-0.5, 0.5, (6, len(names))).astype(np.float32)
    observation[:, [name.endswith("_known") for name in names]] = 1.0
    still = np.where(names == "landmarks_velocity", np.float32(0.0), observation)
    state = actor.initial_state(6)
    assert np.abs(actor.act(observation, state)[0] - actor.act(still, state)[0]).max() > 0.05


def test_an_actor_of_a_robot_is_the_same_in_metres_and_seconds(learner):
    similarity = similarity_for(load_spec("omni"))
    head = ForceHead(learner.policy.actors.of_robot(0), discrete=False)
    point, robot = EntityPointActor(head, 6), EntityRobotActor(head, 6, similarity)
    generator = torch.Generator().manual_seed(0)
    velocity, landmarks, peers = (torch.randn(*shape, generator=generator) for shape in ((5, 2), (5, 4, 5), (5, 7, 5)))
    landmarks[..., 2], peers[..., 4] = 1.0, (peers[..., 4] > 0).float()
    length, speed = [similarity.arena_half_size] * 2, [similarity.speed_unit] * 2
    setpoint, _ = robot(landmarks * torch.tensor([*length, 1.0, *speed]), peers * torch.tensor([*length, *speed, 1.0]), velocity * speed[0])
    torch.testing.assert_close(setpoint / speed[0], 0.75 * velocity + 0.5 * point(velocity, landmarks, peers))


@pytest.mark.parametrize(("robots", "landmarks"), [(1, 1), (7, 4), (4, 20)])
def test_evaluations_are_flown_at_half_of_drift(learner, robots, landmarks):
    metrics = learner.ground.evaluate_team(learner.policy, robots, landmarks, 8)
    assert metrics.coverage.shape == (8,) and np.isfinite(metrics.episode_return).all()
    position, spots = learner.ground.trajectories(learner.policy, 8, load_profile("clean"))
    assert position.shape == (8, 26, 3, 2) and spots.shape == (8, 3, 2)
