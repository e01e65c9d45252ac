"""Bundles whose robots drive to the landmark of their own number: simple, and good enough for disturbances to cost something."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from robots.spec import load_spec
from runtime.bundle import write_manifest
from runtime.contract import METADATA_KEY, ActionShape, Contract, encode_contract
from runtime.version import version
from tests.conftest import point_contract

LAYOUT = ("own_velocity", "landmarks_relative")
ARENA = 2.0


def write_homing_bundle(folder: Path, kind: str = "point", robots: int = 3, gain: float = 1.0) -> Path:
    """Actors with action = clip(gain * (way to the landmark - distance to come to rest)).

    Args:
        folder: for the bundle; made if need be.
        kind: `point` or `omni`.
        robots: N.
        gain: of 1 is the best; a smaller one is slower.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for agent in range(robots):
        contract = point_contract(agent, robots, LAYOUT)
        # simple_spread's robots coast for 0.4 of their velocity, and a force of 1 moves that point by 0.2.
        stiffness, coasting = gain / 0.2, 0.4
        if kind != "point":
            spec = load_spec(kind)
            changes = {
                "action": ActionShape(kind="velocity_setpoint", limit=1.0, unit="m/s", effect_delay=0.0),
                "period": 0.2,
                "arena_half_size": ARENA,
                "capture_radius": 0.1 * ARENA,
                "robot_radius": spec.radius,
                "robot_kinds": (kind,),
            }
            contract = msgspec.structs.replace(contract, **changes)
            stiffness, coasting = gain, 0.0
        weights = np.zeros((contract.observation_size, 2), dtype=np.float32)
        for axis in range(2):
            weights[axis, axis] = -stiffness * coasting
            weights[2 + 2 * agent + axis, axis] = stiffness
        (folder / f"actor_{agent}.onnx").write_bytes(_linear_actor(contract, weights))
    write_manifest(folder, success=1.0, differences=[(0.0, 0.0)] * robots, created_by=f"fieldswarm {version()}", provenance={})
    return folder


def _linear_actor(contract: Contract, weights: np.ndarray) -> bytes:
    limit = numpy_helper.from_array(np.array(contract.action.limit, np.float32), "high")
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["observation", "weights"], ["wanted"]),
            helper.make_node("Clip", ["wanted", "low", "high"], ["action"]),
        ],
        "homing",
        [helper.make_tensor_value_info("observation", TensorProto.FLOAT, ["batch", contract.observation_size])],
        [helper.make_tensor_value_info("action", TensorProto.FLOAT, ["batch", 2])],
        [
            numpy_helper.from_array(weights, "weights"),
            limit,
            numpy_helper.from_array(np.array(-contract.action.limit, np.float32), "low"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {METADATA_KEY: encode_contract(contract)})
    onnx.checker.check_model(model)
    return model.SerializeToString()
