"""Export: a trained team into a bundle of ONNX actors for one robot kind, each with its contract, checked before anything is written."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from torch import nn

from robots.errors import InputError
from robots.spec import RobotSpec
from runtime.actor import OnnxActor
from runtime.bundle import MANIFEST, write_manifest
from runtime.contract import Contract, Entities, Message, Training
from runtime.signature import SIGNATURE, sign
from runtime.version import version
from sim3d.profile import load_profile
from sim3d.spread import DT
from training.actor_graph import ForceHead, PointActor, RecurrentPointActor, RememberingPointActor, RobotActor
from training.checkpoint import config_sha256, source_commit
from training.config import TrainConfig
from training.contracts import contract_for
from training.entity_actor import EntityPointActor, EntityRobotActor
from training.entity_scene import fields_for
from training.front_ends import learning_front_end
from training.latency_compensation import LatencyCompensator, PointMotion
from training.latency_margin import latency_margin, success_under_latency
from training.learner import Learner
from training.onnx_file import onnx_bytes, with_contract
from training.parity import Difference, compare
from training.robot_front_ends import robot_front_end
from training.similarity import Similarity
from training.train import evaluate_learner

SUCCESS_EPISODES = 1000


@dataclass(frozen=True)
class ExportedTeam:
    """What goes into a bundle.

    Attributes:
        actors: ONNX files, by agent.
        contract: of agent 0.
        differences: torch against onnxruntime, by agent.
        latency_margin: see runtime.bundle.Manifest [s].
    """

    actors: list[bytes]
    contract: Contract
    differences: list[Difference]
    latency_margin: float


def export_team(learner: Learner, specs: Sequence[RobotSpec], similarity: Similarity, progress: Callable[[str], None]) -> ExportedTeam:
    """Turn a learner's policy into actors for the robots of a team.

    Args:
        learner: the trained team.
        specs: of the robots, by agent; `point` keeps simple_spread's own forces.
        similarity: map onto the robots (unused for `point`).
        progress: told of each step, one line.

    Raises:
        InputError: the exported actors do not compute what the network computes.
    """
    progress("measuring nominal success")
    config = learner.config
    training = Training(
        config_sha256=config_sha256(config),
        commit=source_commit(),
        seed=config.seed,
        steps=learner.batches_done * config.batch_steps,
        world=config.world.name,
        disturbances=learner.profile.name,
        success=evaluate_learner(learner, SUCCESS_EPISODES, load_profile("clean"))["success"],
    )
    discrete = config.world.actions == "discrete"
    graphs: list[nn.Module] = []
    models: list[bytes] = []
    for agent, spec in enumerate(specs):
        progress(f"exporting agent {agent}")
        head = ForceHead(learner.policy.actors.of_robot(agent), discrete)
        form = _form(config, spec, similarity, head)
        graphs.append(form.graph)
        contract = contract_for(agent, len(specs), spec, similarity, form.layout, form.state_initial, training, form.entities, form.message)
        same = models and contract.reads_entities and spec == specs[0]
        models.append(with_contract(models[0], contract) if same else onnx_bytes(form.graph, contract))
    progress("checking onnxruntime against torch")
    actors = [OnnxActor(model, f"agent {agent}") for agent, model in enumerate(models)]
    differences = compare(graphs, actors)
    progress("measuring the latency margin")
    with success_under_latency(actors, specs) as success:
        margin = latency_margin(success, actors[0].contract.period)
    return ExportedTeam(models, actors[0].contract, differences, margin)


def write_bundle(team: ExportedTeam, directory: Path, signing_key: Path | None = None) -> None:
    """Write a bundle directory, signed if there is a key; it appears whole or not at all. Raises InputError when the place is taken."""
    if directory.exists():
        raise InputError(f"{directory}: exists already; choose another --out or remove it")
    directory.parent.mkdir(parents=True, exist_ok=True)
    training = team.contract.training
    with tempfile.TemporaryDirectory(prefix=f".{directory.name}-", dir=directory.parent) as temporary:
        partial = Path(temporary) / "bundle"
        partial.mkdir()
        for agent, model in enumerate(team.actors):
            (partial / f"actor_{agent}.onnx").write_bytes(model)
        write_manifest(
            partial,
            success=training.success,
            latency_margin=team.latency_margin,
            differences=[(difference.rollout, difference.closed_loop) for difference in team.differences],
            created_by=f"fieldswarm {version()}",
            provenance={name: str(value) for name, value in msgspec.structs.asdict(training).items()},
        )
        if signing_key is not None:
            (partial / SIGNATURE).write_bytes(sign((partial / MANIFEST).read_bytes(), signing_key))
        partial.rename(directory)


@dataclass(frozen=True)
class _Form:
    """An actor's graph, the fields that it reads, its initial state, and the teams that it is for."""

    graph: nn.Module
    layout: tuple[str, ...]
    state_initial: tuple[float, ...]
    entities: Entities | msgspec.UnsetType = msgspec.UNSET
    message: Message | msgspec.UnsetType = msgspec.UNSET


def _entity_form(config: TrainConfig, spec: RobotSpec, similarity: Similarity, head: ForceHead) -> _Form:
    most, nearest = config.entities.most, config.entities.nearest
    entities = Entities(robots=(1, most), landmarks=(1, most), nearest=nearest)
    fields, words = fields_for(config.entities), config.entities.words
    message = Message(size=words, kind=config.entities.word_kind) if words else msgspec.UNSET
    if spec.action == "force":
        return _Form(EntityPointActor(head, nearest), fields, (), entities, message)
    # The velocity of a robot that follows set-points is its own last set-point, which it remembers.
    return _Form(EntityRobotActor(head, nearest, similarity), fields[1:], (0.0, 0.0), entities, message)


def _form(config: TrainConfig, spec: RobotSpec, similarity: Similarity, head: ForceHead) -> _Form:
    if config.network.kind == "entities":
        return _entity_form(config, spec, similarity, head)
    robots, actor = config.world.robots, config.actor
    compensates = actor.front_end == "latency_compensation"
    if spec.action == "force":
        front_end = (
            LatencyCompensator(robots, math.ceil(actor.longest_latency / DT), PointMotion()) if compensates else learning_front_end(config)
        )
        memory = tuple(front_end.initial_memory().tolist())
        if config.network.memory:
            return _Form(RecurrentPointActor(front_end, head), front_end.layout, memory + (0.0,) * config.network.memory)
        return _Form((RememberingPointActor if memory else PointActor)(front_end, head), front_end.layout, memory)
    if config.network.memory:
        raise InputError(
            f"network.memory: is {config.network.memory}; actors that remember are exported for `point` only, not for '{spec.kind}'"
        )
    front_end = robot_front_end(actor, robots, spec, similarity)
    return _Form(RobotActor(front_end, head), front_end.layout, tuple(front_end.initial_memory().tolist()))
