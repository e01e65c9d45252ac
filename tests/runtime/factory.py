"""Small real actors and bundles for the tests: linear policies whose output is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from onnx import TensorProto, helper, numpy_helper

from robots.spec import load_spec
from runtime.bundle import write_manifest
from runtime.contract import METADATA_KEY, ActionShape, Contract, Training, encode_contract
from runtime.observation import SIMPLE_SPREAD_V3, field_shapes

TRAINING = Training(config_sha256="0" * 64, commit="none", seed=0, steps=0, world="spread", disturbances="none", success=1.0)


def make_contract(agent: int = 0, team_size: int = 3, landmarks: int = 3, kind: str = "omni", **changes: Any) -> Contract:
    spec = load_spec(kind)
    period = 0.4 if kind == "omni" else 0.1
    contract = Contract(
        team_size=team_size,
        landmarks=landmarks,
        agent=agent,
        observation=field_shapes(SIMPLE_SPREAD_V3, team_size, landmarks),
        state_initial=(0.0, 0.0),
        action=ActionShape(
            kind=spec.action,
            limit=1.0,
            unit="m/s" if kind == "omni" else "1",
            effect_delay=period if kind == "omni" else 0.0,
        ),
        period=period,
        period_tolerance=0.1,
        arena_half_size=2.0,
        capture_radius=0.2,
        robot_radius=spec.radius,
        robot_kinds=(kind,),
        training=TRAINING,
    )
    return msgspec.structs.replace(contract, **changes)


STEP = 0.01
"""What an actor's state grows by in each run."""


def make_actor(contract: Contract, gain: float = 0.5, metadata: str | None = None) -> bytes:
    """Drives to the landmark with the actor's own number, and counts its runs.

    action = gain * (landmark - own position), plus the state where it has two numbers; next state = state + STEP.
    """
    size, state = contract.observation_size, contract.state_size
    weights = np.zeros((size, 2), dtype=np.float32)
    column = 4 + 2 * (contract.agent % contract.landmarks)
    weights[column, 0] = weights[column + 1, 1] = gain
    constants = [numpy_helper.from_array(weights, "weights")]
    drive = "drive" if state == 2 else "action"
    nodes = [helper.make_node("MatMul", ["observation", "weights"], [drive])]
    inputs = [helper.make_tensor_value_info("observation", TensorProto.FLOAT, ["batch", size])]
    outputs = [helper.make_tensor_value_info("action", TensorProto.FLOAT, ["batch", 2])]
    if state:
        constants.append(numpy_helper.from_array(np.full(state, STEP, dtype=np.float32), "step"))
        nodes.append(helper.make_node("Add", ["state", "step"], ["next_state"]))
        if state == 2:
            nodes.append(helper.make_node("Add", ["drive", "state"], ["action"]))
        inputs.append(helper.make_tensor_value_info("state", TensorProto.FLOAT, ["batch", state]))
        outputs.append(helper.make_tensor_value_info("next_state", TensorProto.FLOAT, ["batch", state]))
    return to_bytes(nodes, inputs, outputs, constants, encode_contract(contract) if metadata is None else metadata)


def make_table_actor(contract: Contract, rows: int) -> bytes:
    """Says what stands in the row of its number of runs, and fails where there is none; for a state of one number."""
    constants = [
        numpy_helper.from_array(np.full((rows, 2), 0.5, dtype=np.float32), "table"),
        numpy_helper.from_array(np.array([-1], dtype=np.int64), "flat"),
        numpy_helper.from_array(np.ones(1, dtype=np.float32), "one"),
    ]
    nodes = [
        helper.make_node("Cast", ["state"], ["number"], to=TensorProto.INT64),
        helper.make_node("Reshape", ["number", "flat"], ["row"]),
        helper.make_node("Gather", ["table", "row"], ["action"], axis=0),
        helper.make_node("Add", ["state", "one"], ["next_state"]),
    ]
    inputs = [
        helper.make_tensor_value_info("observation", TensorProto.FLOAT, ["batch", contract.observation_size]),
        helper.make_tensor_value_info("state", TensorProto.FLOAT, ["batch", 1]),
    ]
    outputs = [
        helper.make_tensor_value_info("action", TensorProto.FLOAT, ["batch", 2]),
        helper.make_tensor_value_info("next_state", TensorProto.FLOAT, ["batch", 1]),
    ]
    return to_bytes(nodes, inputs, outputs, constants, encode_contract(contract))


def to_bytes(nodes: list, inputs: list, outputs: list, constants: list, metadata: str) -> bytes:
    graph = helper.make_graph(nodes, "actor", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    if metadata:
        helper.set_model_props(model, {METADATA_KEY: metadata})
    return model.SerializeToString()


def make_bundle(directory: Path, team_size: int = 3, **changes: Any) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    for agent in range(team_size):
        (directory / f"actor_{agent}.onnx").write_bytes(make_actor(make_contract(agent, team_size, **changes)))
    write_manifest(directory, success=1.0, differences=[(1e-7, 2e-7)] * team_size, created_by="tests", provenance={"run": "none"})
    return directory
