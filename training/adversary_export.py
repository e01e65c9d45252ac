"""Export of one robot that plays against its team: a bundle in which its actor is the adversary's, and the others' files are unchanged."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import torch
from torch import Tensor, nn

from runtime.actor import OnnxActor
from runtime.bundle import read_bundle
from runtime.contract import Training
from training.actor_graph import ForceHead, PointActor, RobotActor
from training.adversary_ground import AdversaryGround
from training.checkpoint import config_sha256, source_commit
from training.export import SUCCESS_EPISODES, ExportedTeam
from training.latency_margin import latency_margin, success_under_latency
from training.learner import Learner
from training.onnx_file import onnx_bytes
from training.parity import Difference, compare


def export_adversary(learner: Learner, progress: Callable[[str], None]) -> ExportedTeam:
    """Turn an adversary's policy into an actor beside its victims'.

    Args:
        learner: that has an adversary's ground.
        progress: told of each step, one line.

    Raises:
        InputError: the exported actor does not compute what the network computes, or the victims cannot be read.
    """
    ground: AdversaryGround = learner.ground
    config, robot = learner.config, ground.robot
    bundle = read_bundle(config.adversary.victims)
    models = [bundle.actor_bytes(agent) for agent in range(len(ground.specs))]
    progress("exporting the adversary")
    head = ForceHead(learner.policy.actors.of_robot(0), discrete=False)
    dimensionless = ground.contract.action.kind == "force"
    graph = (PointActor if dimensionless else RobotActor)(ground.front_end, head)
    training = Training(
        config_sha256=config_sha256(config),
        commit=source_commit(),
        seed=config.seed,
        steps=learner.batches_done * config.batch_steps,
        world=config.world.name,
        disturbances=learner.profile.name,
        success=ground.team_success(learner.policy, SUCCESS_EPISODES),
    )
    state = () if dimensionless else tuple(ground.front_end.initial_memory().tolist())
    contract = msgspec.structs.replace(ground.contract, state_initial=state, training=training)
    models[robot] = onnx_bytes(graph, contract)
    progress("checking onnxruntime against torch")
    actors = [*ground.victims]
    actors[robot] = OnnxActor(models[robot], f"agent {robot}")
    graphs = [graph if agent == robot else _Unchanged(actor) for agent, actor in enumerate(actors)]
    theirs = [Difference(entry.difference_rollout, entry.difference_closed_loop) for entry in bundle.manifest.actors]
    theirs[robot] = compare(graphs, actors)[robot]
    progress("measuring the latency margin")
    with success_under_latency(actors, ground.specs) as success:
        margin = latency_margin(success, contract.period)
    return ExportedTeam(models, contract, theirs, margin)


class _Unchanged(nn.Module):
    """An exported actor where a torch graph is expected."""

    def __init__(self, actor: OnnxActor) -> None:
        super().__init__()
        self._actor = actor

    def forward(self, observation: Tensor, *state: Tensor) -> Tensor | tuple[Tensor, ...]:
        """As a graph of `training.actor_graph`."""
        memory = state[0] if state else observation[:, :0]
        action, following = map(torch.from_numpy, self._actor.act(observation.numpy(), memory.numpy()))
        return (action, following) if state else action
