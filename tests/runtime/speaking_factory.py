"""Actors that speak, and act on what they hear: all that they do and say is linear in what they observe."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
from onnx import TensorProto, helper, numpy_helper

from runtime.bundle import write_manifest
from runtime.contract import Contract, Message, encode_contract
from runtime.observation import field_shapes
from tests.runtime.factory import make_contract, to_bytes

WORDS = 3
LAYOUT = ("own_velocity", "own_position", "landmarks_relative", "peers_relative", "peers_known", "peers_message")


def speaking_contract(agent: int = 0, team_size: int = 3, kind: str = "numbers", words: int = WORDS, **changes: object) -> Contract:
    """Of robot kind `point`, in simple_spread's arena."""
    fields = field_shapes(LAYOUT, team_size, 3, words)
    plain = make_contract(agent, team_size=team_size, kind="point", observation=fields, state_initial=(), arena_half_size=1.0)
    return msgspec.structs.replace(plain, message=Message(size=words, kind=kind), **changes)


def weights_of(contract: Contract) -> tuple[np.ndarray, np.ndarray]:
    """What each number of an observation adds to the action [D, 2] and to the message [D, W]."""
    generator = np.random.default_rng(contract.agent)
    return tuple(generator.normal(0, 0.3, (contract.observation_size, size)).astype(np.float32) for size in (2, contract.words))


def speaking_actor(contract: Contract) -> bytes:
    """action = observation @ one matrix, message = observation @ another; of bits the sign of that."""
    act, say = weights_of(contract)
    bits = contract.message.kind == "bits"
    nodes = [
        helper.make_node("MatMul", ["observation", "act"], ["action"]),
        helper.make_node("MatMul", ["observation", "say"], ["said" if bits else "message"]),
        *([helper.make_node("Sign", ["said"], ["message"])] if bits else []),
    ]
    tensors = {"observation": contract.observation_size, "action": 2, "message": contract.words}
    observation, *outputs = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", size]) for name, size in tensors.items())
    constants = [numpy_helper.from_array(act, "act"), numpy_helper.from_array(say, "say")]
    return to_bytes(nodes, [observation], outputs, constants, encode_contract(contract))


def write_speaking_bundle(directory: Path, kind: str = "numbers") -> Path:
    """A team of three, in a directory that is there."""
    for agent in range(3):
        (directory / f"actor_{agent}.onnx").write_bytes(speaking_actor(speaking_contract(agent, kind=kind)))
    write_manifest(directory, success=0.0, differences=[(0.0, 0.0)] * 3, created_by="test", provenance={})
    return directory
