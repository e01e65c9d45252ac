import msgspec
import numpy as np
import onnx
import pytest
import torch

from robots.errors import InputError
from robots.spec import load_spec
from runtime.actor import OnnxActor
from runtime.bundle import read_bundle
from runtime.observation import SIMPLE_SPREAD_V3
from sim3d.profile import load_profile
from sim3d.world import random_layouts
from training import parity
from training.config import ActorConfig, NetworkConfig, TrainConfig, WorldConfig
from training.export import export_team, write_bundle
from training.onnx_file import onnx_bytes
from training.ppo import Ppo
from training.similarity import similarity_for
from training.spread_ground import team_observation


def exported(learner, kind):
    spec = load_spec(kind)
    return export_team(learner, [spec] * learner.config.world.robots, similarity_for(spec), lambda text: None)


@pytest.mark.parametrize("actions", ["continuous", "discrete"])
@pytest.mark.parametrize("robots", [1, 3])
def test_point_actors_give_the_learners_most_likely_forces(make_learner, actions, robots):
    learner = make_learner(actions=actions, robots=robots)
    team = exported(learner, "point")
    world = learner.ground.world
    state = world.reset(random_layouts(200, robots, robots, 1.0, seed=3))
    seen = team_observation(SIMPLE_SPREAD_V3, state, state.landmarks, None)
    expected = learner.policy.greedy_force(learner.policy.actors(seen)).detach().numpy()
    for agent, model in enumerate(team.actors):
        actor = OnnxActor(model, "test")
        action, _ = actor.act(seen[agent].numpy(), actor.initial_state(200))
        np.testing.assert_allclose(action, expected[agent], atol=1e-5)


def test_robot_actors_move_ideal_robots_as_the_policy_moves_points(make_learner):
    """The whole similarity map at once: metres in, set-points out, memory inside, against simple_spread where nobody touches."""
    learner = make_learner()
    team = exported(learner, "omni")
    actors = [OnnxActor(model, "test") for model in team.actors]
    positions, landmarks = learner.ground.trajectories(learner.policy, 64, load_profile("clean"))
    apart = np.linalg.norm(positions[:, :, :, None] - positions[:, :, None, :] + 9 * np.eye(3)[None, None, :, :, None], axis=-1)
    free = apart.min(axis=(1, 2, 3)) > 0.32
    assert free.sum() >= 10
    contract = team.contract
    length, period = contract.arena_half_size, contract.period
    position, setpoint = positions[free, 0] * length, np.zeros((free.sum(), 3, 2))
    memories = [actor.initial_state(int(free.sum())) for actor in actors]
    for step in range(1, 26):
        following = np.empty_like(setpoint)
        for agent, actor in enumerate(actors):
            own = position[:, agent, None]
            others = np.delete(position, agent, axis=1)
            observation = np.concatenate([own, landmarks[free] * length - own, others - own], axis=1).reshape(len(position), -1)
            following[:, agent], memories[agent] = actor.act(observation, memories[agent])
        position, setpoint = position + setpoint * period, following
        np.testing.assert_allclose(position / length, positions[free, step], atol=2e-4)


def test_the_contract_says_what_a_robot_needs_to_know(make_learner):
    contract = exported(make_learner(), "omni").contract
    spec = load_spec("omni")
    assert contract.layout == ("own_position", "landmarks_relative", "peers_relative")
    assert contract.action.kind == "velocity_setpoint"
    assert contract.action.effect_delay == contract.period
    assert contract.action.limit <= spec.cruise_speed
    assert contract.robot_radius >= spec.radius
    assert contract.capture_radius == pytest.approx(0.1 * contract.arena_half_size)
    assert len(contract.training.config_sha256) == 64
    assert contract.training.disturbances == "clean"


def test_the_contract_names_the_disturbances_of_training_and_the_success_without_them(make_learner):
    learner = make_learner(robots=1, profile="train_robust")
    training = exported(learner, "point").contract.training
    assert training.disturbances == "train_robust"
    assert training.success == exported(make_learner(robots=1), "point").contract.training.success


def test_an_export_that_computes_something_else_fails(make_learner, monkeypatch):
    """A weight that is off by 1e-3 in the file must stop the export."""
    import training.export as export

    honest = export.onnx_bytes

    def tampered(graph, contract):
        model = onnx.load_from_string(honest(graph, contract))
        weights = next(tensor for tensor in model.graph.initializer if len(tensor.dims) == 2)
        values = onnx.numpy_helper.to_array(weights) + np.float32(1e-3)
        weights.CopyFrom(onnx.numpy_helper.from_array(values, weights.name))
        return model.SerializeToString()

    monkeypatch.setattr(export, "onnx_bytes", tampered)
    with pytest.raises(InputError, match="onnxruntime and torch differ by"):
        exported(make_learner(), "point")


def test_an_actor_that_is_told_its_latency_reads_it():
    config = TrainConfig(world=WorldConfig(robots=1), actor=ActorConfig(front_end="past_forces", knows_latency=True), threads=1)
    learner = Ppo(msgspec.structs.replace(config, network=NetworkConfig(hidden=(8,))))
    with torch.no_grad():
        learner.policy.actors.weights[-1] += 0.5
    [model] = exported(learner, "point").actors
    actor = OnnxActor(model, "test")
    assert actor.contract.layout[-1] == "command_latency"
    observation = np.zeros((2, actor.contract.observation_size))
    observation[1, -1] = 0.3
    action, _ = actor.act(observation, actor.initial_state(2))
    assert np.abs(action[0] - action[1]).max() > 1e-3


class KnifesEdge(torch.nn.Module):
    """Pushes away from a point that is 1e-5 beside where one of the episodes begins; `error` moves the point."""

    def __init__(self, error: float) -> None:
        super().__init__()
        start = random_layouts(1, 1, 1, 1.0, parity.PARITY_SEED).starts[0, 0]
        self.register_buffer("edge", torch.tensor(start + 1e-5, dtype=torch.float32))
        self.error = error

    def forward(self, observation):
        return (10.0 * (observation[:, 2:4] - self.edge - self.error)).clamp(-1.0, 1.0)


def test_a_team_on_a_knifes_edge_is_not_blamed_on_the_file_that_steers_it(make_learner):
    """A difference grows 1.6-fold in each step there: rounding alone goes beyond 1e-5, while the file is right to the last bits."""
    contract = exported(make_learner(robots=1), "point").contract
    actors = [OnnxActor(onnx_bytes(KnifesEdge(0.0), contract), "test")]
    [difference] = parity.compare([KnifesEdge(5e-9)], actors)
    assert difference.rollout <= parity.LARGEST_DIFFERENCE < difference.closed_loop
    for error in (9.5e-7, 2e-6):  # right in each step and wrong in closed loop; wrong in each step
        with pytest.raises(InputError, match="onnxruntime and torch differ by"):
            parity.compare([KnifesEdge(error)], actors)


def test_parity_is_checked_on_at_least_a_thousand_observations_of_whole_episodes():
    assert parity.EPISODES * parity.HORIZON >= 1000


def test_a_bundle_is_written_whole_and_verifies(make_learner, tmp_path):
    team = exported(make_learner(), "omni")
    write_bundle(team, tmp_path / "bundle")
    bundle = read_bundle(tmp_path / "bundle")
    assert len(bundle.verify()) == 3
    assert bundle.manifest.latency_margin == team.latency_margin >= 0
    assert all(entry.difference_rollout <= 1e-5 and entry.difference_closed_loop <= 1e-5 for entry in bundle.manifest.actors)
    with pytest.raises(InputError, match="exists already"):
        write_bundle(team, tmp_path / "bundle")
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]
