"""Export: a trained team into a bundle of ONNX actors for one robot kind, each with its contract, checked before anything is written."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
from torch import nn

from robots.errors import InputError
from robots.spec import RobotSpec
from runtime.actor import OnnxActor
from runtime.bundle import MANIFEST, write_manifest
from runtime.contract import ActionShape, Contract, Training
from runtime.observation import field_shapes
from runtime.signature import SIGNATURE, sign
from runtime.version import version
from sim3d.profile import load_profile
from sim3d.spread import CAPTURE_RADIUS, DT, ROBOT_RADIUS
from training.actor_graph import CompensatedSetpointActor, ForceHead, PointActor, RecurrentPointActor, RememberingPointActor, SetpointActor
from training.checkpoint import config_sha256, source_commit
from training.config import TrainConfig
from training.front_ends import learning_front_end
from training.ippo import Ippo
from training.latency_compensation import LatencyCompensator, PointMotion, SetpointMotion
from training.latency_margin import latency_margin, success_under_latency
from training.onnx_file import onnx_bytes
from training.parity import Difference, compare
from training.similarity import Similarity
from training.train import evaluate_learner

SETPOINT_LAYOUT = ("own_position", "landmarks_relative", "peers_relative")
"""What a robot's actor observes; the velocity that simple_spread observes is the actor's own last set-point, in its state."""
PERIOD_TOLERANCE = 0.01
"""simple_spread's step is fixed, so a policy has seen no other period; 1 % is what rounding a loop's rate needs."""
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


def export_team(learner: Ippo, spec: RobotSpec, similarity: Similarity, progress: Callable[[str], None]) -> ExportedTeam:
    """Turn a learner's policy into actors for one robot kind.

    Args:
        learner: the trained team.
        spec: of the robot kind; `point` keeps simple_spread's own forces.
        similarity: map onto the kind (unused for `point`).
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
    for agent in range(config.world.robots):
        progress(f"exporting agent {agent}")
        head = ForceHead(learner.policy.actors.of_robot(agent), discrete)
        form = _form(config, spec, similarity, head)
        graphs.append(form.graph)
        models.append(onnx_bytes(form.graph, _contract(config.world.robots, spec, similarity, agent, form, training)))
    progress("checking onnxruntime against torch")
    actors = [OnnxActor(model, f"agent {agent}") for agent, model in enumerate(models)]
    differences = compare(graphs, actors)
    progress("measuring the latency margin")
    margin = latency_margin(success_under_latency(actors, spec), actors[0].contract.period)
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
    """An actor's graph, the fields that it reads, and its initial state."""

    graph: nn.Module
    layout: tuple[str, ...]
    state_initial: tuple[float, ...]


def _form(config: TrainConfig, spec: RobotSpec, similarity: Similarity, head: ForceHead) -> _Form:
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
    if compensates:
        # The runtime makes up for the robot's own response as far as a period allows; what is left comes on top.
        longest = actor.longest_latency + max(0.0, spec.response_time - similarity.period)
        compensator = LatencyCompensator(
            robots,
            math.ceil(longest / similarity.period),
            SetpointMotion(spec.acceleration_limit * similarity.period / similarity.speed_unit),
        )
        return _Form(
            CompensatedSetpointActor(compensator, head, similarity), compensator.layout, tuple(compensator.initial_memory().tolist())
        )
    if actor.front_end != "plain":
        raise InputError(f"actor.front_end: is {actor.front_end}, which is exported for `point` only, not for '{spec.kind}'")
    return _Form(SetpointActor(head, robots, similarity), SETPOINT_LAYOUT, (0.0, 0.0))


def _contract(robots: int, spec: RobotSpec, similarity: Similarity, agent: int, form: _Form, training: Training) -> Contract:
    dimensionless = spec.action == "force"
    unit = 1.0 if dimensionless else similarity.arena_half_size
    period = DT if dimensionless else similarity.period
    action = (
        ActionShape(kind="force", limit=1.0, unit="1", effect_delay=0.0)
        if dimensionless
        else ActionShape(kind="velocity_setpoint", limit=similarity.top_speed, unit="m/s", effect_delay=period)
    )
    return Contract(
        team_size=robots,
        landmarks=robots,
        agent=agent,
        observation=field_shapes(form.layout, robots, robots),
        state_initial=form.state_initial,
        action=action,
        period=period,
        period_tolerance=PERIOD_TOLERANCE,
        arena_half_size=unit,
        capture_radius=CAPTURE_RADIUS * unit,
        robot_radius=ROBOT_RADIUS * unit,
        robot_kinds=(spec.kind,),
        training=training,
    )
