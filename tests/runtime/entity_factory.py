"""Actors of which it is easy to say what they do, that read any number of peers and landmarks."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
from onnx import TensorProto, helper, numpy_helper

from runtime.bundle import write_manifest
from runtime.contract import Contract, Entities, encode_contract
from runtime.observation import field_shapes
from tests.runtime.factory import make_contract, to_bytes

FIELDS = ("own_velocity", "landmarks_relative", "landmarks_known", "peers_relative", "peers_velocity", "peers_known")
OF_LANDMARK = np.array([[0.3, 0.0], [0.0, 0.5], [0.1, 0.2]], dtype=np.float32)
OF_PEER = np.array([[0.0, 0.1], [0.2, 0.0], [0.05, 0.0], [0.0, 0.05], [0.3, -0.4]], dtype=np.float32)


def entity_contract(agent: int = 0, layout: tuple[str, ...] = FIELDS, **changes: object) -> Contract:
    """For 1 to 12 robots and 1 to 9 landmarks; measured in a team of three."""
    entities = Entities(robots=(1, 12), landmarks=(1, 9), nearest=4)
    plain = make_contract(agent, kind="point", observation=field_shapes(layout, 3, 3), state_initial=(), entities=entities)
    return msgspec.structs.replace(plain, **changes)


def entity_actor(contract: Contract) -> bytes:
    """action = own velocity + sum over landmarks of OF_LANDMARK's rows + the same of known peers and OF_PEER."""
    shapes = {"observation": ["batch", 2], "landmarks": ["batch", "landmarks", 3], "peers": ["batch", "peers", 5]}
    nodes = [
        helper.make_node("MatMul", ["landmarks", "of_landmark"], ["by_landmark"]),
        helper.make_node("ReduceSum", ["by_landmark", "axis"], ["landmarks_say"], keepdims=0),
        helper.make_node("Slice", ["peers", "four", "five", "last"], ["known"]),
        helper.make_node("Mul", ["peers", "known"], ["believed"]),
        helper.make_node("MatMul", ["believed", "of_peer"], ["by_peer"]),
        helper.make_node("ReduceSum", ["by_peer", "axis"], ["peers_say"], keepdims=0),
        helper.make_node("Add", ["observation", "landmarks_say"], ["half"]),
        helper.make_node("Add", ["half", "peers_say"], ["action"]),
    ]
    numbers = {"axis": [1], "four": [4], "five": [5], "last": [2]}
    constants = [numpy_helper.from_array(np.array(value, dtype=np.int64), name) for name, value in numbers.items()]
    constants += [numpy_helper.from_array(OF_LANDMARK, "of_landmark"), numpy_helper.from_array(OF_PEER, "of_peer")]
    tensors = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
    action = helper.make_tensor_value_info("action", TensorProto.FLOAT, ["batch", 2])
    return to_bytes(nodes, tensors, [action], constants, encode_contract(contract))


def write_entity_bundle(directory: Path) -> Path:
    """A team of three such actors, in simple_spread's arena, in a directory that is there."""
    for agent in range(3):
        (directory / f"actor_{agent}.onnx").write_bytes(entity_actor(entity_contract(agent, arena_half_size=1.0)))
    write_manifest(directory, success=0.0, differences=[(0.0, 0.0)] * 3, created_by="test", provenance={})
    return directory
