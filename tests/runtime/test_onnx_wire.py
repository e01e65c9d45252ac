"""A file that is no policy, or more than one, is refused before anything of it runs; what a policy is made of is let through."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from robots.errors import InputError
from runtime.actor import OnnxActor
from runtime.contract import encode_contract
from runtime.onnx_wire import MOST_NODES, check_model
from tests.runtime.factory import make_actor, make_contract, to_bytes

CONTRACT = make_contract(state_initial=())
WEIGHTS = numpy_helper.from_array(np.ones((18, 2), np.float32), "weights")
INPUTS = [helper.make_tensor_value_info("observation", TensorProto.FLOAT, ["batch", 18])]
OUTPUTS = [helper.make_tensor_value_info("action", TensorProto.FLOAT, ["batch", 2])]


def model(*nodes, **constants: np.ndarray) -> bytes:
    """A sound actor that begins with `first = observation weights`; the nodes make `action` of it."""
    first = helper.make_node("MatMul", ["observation", "weights"], ["first"])
    tensors = [WEIGHTS, *(numpy_helper.from_array(np.array(value), name) for name, value in constants.items())]
    return to_bytes([first, *nodes], INPUTS, OUTPUTS, tensors, encode_contract(CONTRACT))


def refusal(data: bytes) -> str:
    with pytest.raises(InputError) as caught:
        OnnxActor(data, "a.onnx")
    assert str(caught.value).startswith("a.onnx: ")
    return str(caught.value)


def endless_loop() -> bytes:
    value = helper.make_tensor_value_info
    body = helper.make_graph(
        [helper.make_node("Identity", ["more"], ["still"]), helper.make_node("Neg", ["x"], ["y"])],
        "body",
        [value("i", TensorProto.INT64, []), value("more", TensorProto.BOOL, []), value("x", TensorProto.FLOAT, ["batch", 2])],
        [value("still", TensorProto.BOOL, []), value("y", TensorProto.FLOAT, ["batch", 2])],
    )
    return model(helper.make_node("Loop", ["trips", "yes", "first"], ["action"], body=body), trips=2**62, yes=True)


def test_a_loop_that_would_never_end_is_not_run() -> None:
    assert "has the operator 'Loop', which is none that a policy is made of" in refusal(endless_loop())


@pytest.mark.parametrize("operator", ["RandomNormalLike", "Multinomial", "If", "Scan", "StringConcat", "Tanhh", ""])
def test_operators_that_no_policy_needs_are_refused_by_name(operator: str) -> None:
    assert f"'{operator}'" in refusal(model(helper.make_node(operator, ["first"], ["action"])))


def test_operators_of_another_domain_are_refused_by_its_name() -> None:
    assert "domain 'com.microsoft'" in refusal(model(helper.make_node("Gelu", ["first"], ["action"], domain="com.microsoft")))


def test_an_operator_within_an_attribute_or_a_function_or_training_is_found() -> None:
    bad = helper.make_graph([helper.make_node("Loop", [], [])], "bad", [], [])
    nested = ModelProto()
    nested.graph.node.add(op_type="Constant").attribute.add(name="a").g.CopyFrom(bad)
    function = ModelProto()
    function.functions.add(name="f").node.add(op_type="Loop")
    training = ModelProto()
    training.training_info.add().algorithm.CopyFrom(bad)
    for hidden in (nested, function, training):
        with pytest.raises(InputError, match="operator 'Loop'"):
            check_model(hidden.SerializeToString(), "a.onnx")


def test_a_tensor_in_another_file_is_found_wherever_a_tensor_can_be() -> None:
    outside = TensorProto(name="w", data_location=TensorProto.EXTERNAL)
    places = [ModelProto() for _ in range(5)]
    places[0].graph.initializer.append(outside)
    places[1].graph.sparse_initializer.add().indices.CopyFrom(outside)
    places[2].graph.node.add(op_type="Constant").attribute.add(name="value").t.CopyFrom(outside)
    places[3].graph.node.add(op_type="Constant").attribute.add(name="values").tensors.append(outside)
    places[4].training_info.add().initialization.initializer.append(outside)
    for hidden in places:
        with pytest.raises(InputError, match="keeps tensors in other files"):
            check_model(hidden.SerializeToString(), "a.onnx")


def test_an_operator_that_is_named_twice_is_judged_by_both() -> None:
    """Of a protobuf field that stands twice the last counts, for some readers the first."""
    node = b"\x22\x04Loop\x22\x03Neg"
    data = b"\x3a\x0d\x0a\x0b" + node
    assert [node.op_type for node in ModelProto.FromString(data).graph.node] == ["Neg"]
    with pytest.raises(InputError, match="operator 'Loop'"):
        check_model(data, "a.onnx")


def test_a_key_that_a_reader_may_cut_short_hides_nothing() -> None:
    with pytest.raises(InputError, match="not a readable ONNX file"):
        check_model(b"\xba\x80\x80\x80\x10\x00", "a.onnx")  # field 7, and one bit more than 32


def test_no_more_operators_than_any_policy_has() -> None:
    check_model(many(MOST_NODES), "a.onnx")
    with pytest.raises(InputError, match=f"more than {MOST_NODES} operators"):
        check_model(many(MOST_NODES + 1), "a.onnx")


def many(count: int) -> bytes:
    return b"\x3a" + _varint(11 * count) + b"\x0a\x09\x22\x07Sigmoid" * count


def _varint(value: int) -> bytes:
    return bytes([value & 0x7F | 0x80]) + _varint(value >> 7) if value >= 0x80 else bytes([value])


def test_fields_without_number_do_not_hold_the_start() -> None:
    with pytest.raises(InputError, match="not a readable ONNX file"):
        check_model(b"\x08\x01" * 2**21, "a.onnx")


def test_a_small_file_that_asks_for_all_memory_gets_an_error_and_no_memory() -> None:
    nodes = (
        helper.make_node("Expand", ["one", "shape"], ["large"]),
        helper.make_node("ReduceMax", ["large"], ["most"], keepdims=0),
        helper.make_node("Mul", ["first", "most"], ["action"]),
    )
    assert OnnxActor(model(*nodes, one=np.ones(1, np.float32), shape=[10, 10]), "a.onnx").contract == CONTRACT
    assert "cannot be run" in refusal(model(*nodes, one=np.ones(1, np.float32), shape=[10**6, 10**6]))


def test_what_comes_out_of_the_exporter_is_let_through() -> None:
    check_model(make_actor(make_contract()), "a.onnx")
