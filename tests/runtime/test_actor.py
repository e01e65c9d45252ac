"""An actor is only accepted when its file, its graph and its contract agree."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from robots.errors import InputError
from runtime.actor import LARGEST_ACTOR, OnnxActor
from runtime.contract import METADATA_KEY, encode_contract
from tests.runtime.factory import STEP, make_actor, make_contract, to_bytes


def refusal(model: bytes) -> str:
    with pytest.raises(InputError) as caught:
        OnnxActor(model, "actor_0.onnx")
    text = str(caught.value)
    assert text.startswith("actor_0.onnx: ") and "\n" not in text
    return text


def test_output_is_the_policy_for_any_leading_dimensions() -> None:
    actor = OnnxActor(make_actor(make_contract(agent=1)), "a")
    rng = np.random.default_rng(0)
    for leading in ((), (1,), (7,), (3, 4)):
        observation = rng.normal(size=(*leading, 18))
        action, state = actor.act(observation, actor.initial_state(*leading))
        assert action.dtype == state.dtype == np.float32
        np.testing.assert_allclose(action, 0.5 * observation[..., 6:8], rtol=1e-6)
        again, _ = actor.act(observation, state)
        np.testing.assert_allclose(again, action + STEP, rtol=1e-5)


def test_state_begins_at_the_contract_s_value_and_is_never_shared() -> None:
    actor = OnnxActor(make_actor(make_contract(state_initial=(0.25, -1.0, 3.0))), "a")
    first = actor.initial_state(2)
    np.testing.assert_array_equal(first, [[0.25, -1.0, 3.0]] * 2)
    first[:] = 9.0
    np.testing.assert_array_equal(actor.initial_state(), [0.25, -1.0, 3.0])


def test_actor_without_memory_has_no_state_tensors() -> None:
    actor = OnnxActor(make_actor(make_contract(state_initial=())), "a")
    action, state = actor.act(np.ones((5, 18)), actor.initial_state(5))
    assert action.shape == (5, 2) and state.shape == (5, 0)


def test_every_cut_of_the_file_is_refused() -> None:
    model = make_actor(make_contract())
    for length in range(0, len(model), 37):
        refusal(model[:length])


def test_garbage_is_refused() -> None:
    rng = np.random.default_rng(1)
    for size in (1, 10, 1000, 100_000):
        refusal(rng.bytes(size))


def test_too_large_a_file_is_refused_before_it_is_parsed() -> None:
    assert str(LARGEST_ACTOR) in refusal(b"\0" * (LARGEST_ACTOR + 1))


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing\.onnx: no such file"):
        OnnxActor.read(tmp_path / "nothing.onnx")


def test_tensors_in_other_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """onnxruntime itself would read them, relative to the working directory."""
    monkeypatch.chdir(tmp_path)
    contract = make_contract(state_initial=())
    np.ones((18, 2), dtype=np.float32).tofile("secret")
    weights = TensorProto(name="weights", dims=[18, 2], data_type=TensorProto.FLOAT, data_location=TensorProto.EXTERNAL)
    weights.external_data.add(key="location", value="secret")
    inputs = [helper.make_tensor_value_info("observation", TensorProto.FLOAT, ["batch", 18])]
    outputs = [helper.make_tensor_value_info("action", TensorProto.FLOAT, ["batch", 2])]
    product = helper.make_node("MatMul", ["observation", "weights"], ["action"])
    assert "other files" in refusal(to_bytes([product], inputs, outputs, [weights], encode_contract(contract)))

    constant = helper.make_node("Constant", [], ["weights"], value=weights)
    assert "other files" in refusal(to_bytes([constant, product], inputs, outputs, [], encode_contract(contract)))


def test_actor_without_contract_is_refused() -> None:
    assert METADATA_KEY in refusal(make_actor(make_contract(), metadata=""))


@pytest.mark.parametrize(
    ("inside", "outside", "words"),
    [
        ({}, {"team_size": 4}, ["peers_relative", "size", "4", "6"]),
        ({}, {"state_initial": (0.0,)}, ["state", "[batch, 1]"]),
        ({}, {"state_initial": ()}, ["inputs", "observation, state", "asks for observation"]),
        ({"state_initial": ()}, {"state_initial": (1.0,)}, ["inputs", "asks for observation, state"]),
        ({}, {"period": -1.0}, ["period", "-1"]),
        ({}, {"contract": 2}, ["version 2", "version 1"]),
        ({}, {"agent": 3}, ["agent", "3"]),
        ({}, {"period_tolerance": -0.1}, ["period_tolerance", "-0.1"]),
    ],
)
def test_graph_and_contract_must_agree(inside: dict, outside: dict, words: list[str]) -> None:
    text = refusal(make_actor(make_contract(**inside), metadata=encode_contract(msgspec.structs.replace(make_contract(), **outside))))
    assert all(word in text for word in words), text


@pytest.mark.parametrize(("part", "value"), [("size", 5), ("unit", "km"), ("frame", "body"), ("name", "own_velocty")])
def test_an_observation_that_the_runtime_builds_differently_is_refused(part: str, value: object) -> None:
    contract = make_contract()
    first = msgspec.structs.replace(contract.observation[0], **{part: value})
    changed = msgspec.structs.replace(contract, observation=(first, *contract.observation[1:]))
    text = refusal(make_actor(contract, metadata=encode_contract(changed)))
    assert str(value) in text and ("own_velocity" in text)


def test_a_graph_that_loads_but_does_not_keep_its_shapes_is_refused() -> None:
    contract = make_contract(state_initial=())
    weights = numpy_helper.from_array(np.ones((18, 2), dtype=np.float32), "weights")
    inputs = [helper.make_tensor_value_info("observation", TensorProto.FLOAT, ["batch", 18])]
    outputs = [helper.make_tensor_value_info("action", TensorProto.FLOAT, ["batch", 2])]
    nodes = [
        helper.make_node("MatMul", ["observation", "weights"], ["each"]),
        helper.make_node("Compress", ["each", "first"], ["action"], axis=0),
    ]
    first = numpy_helper.from_array(np.array([True]), "first")
    assert "(1, 2)" in refusal(to_bytes(nodes, inputs, outputs, [weights, first], encode_contract(contract)))


def test_double_precision_is_refused() -> None:
    contract = make_contract(state_initial=())
    weights = numpy_helper.from_array(np.ones((18, 2)), "weights")
    inputs = [helper.make_tensor_value_info("observation", TensorProto.DOUBLE, ["batch", 18])]
    outputs = [helper.make_tensor_value_info("action", TensorProto.DOUBLE, ["batch", 2])]
    nodes = [helper.make_node("MatMul", ["observation", "weights"], ["action"])]
    assert "tensor(double)" in refusal(to_bytes(nodes, inputs, outputs, [weights], encode_contract(contract)))
