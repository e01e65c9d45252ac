"""A look into the bytes of an ONNX file, for what onnxruntime does not refuse and a robot must not run.

Tensors kept in other files: onnxruntime resolves such references against the working directory even when the model was loaded from memory,
so a tampered file could read any file of the robot. Operators that a policy has no use for: one loop in the graph can hold the control
loop for ever, and a random number makes a log that nobody can replay. Sheer number: a graph that takes minutes to load.

The onnx package, which could tell, is not part of the onboard set; its schema (onnx.proto) is stable.
"""

from __future__ import annotations

from collections.abc import Iterator

from robots.errors import InputError

MOST_NODES = 10_000
"""Thirty times the largest policy that fieldswarm exports."""

_POLICY = """
Celu Clip Elu Erf Gelu HardSigmoid HardSwish LeakyRelu LogSoftmax Mish PRelu Relu Selu Sigmoid Softmax Softplus Softsign Tanh
Abs Acos Add Asin Atan Ceil Cos Cosh Div Exp Floor Log Max Mean Min Mod Mul Neg Pow Reciprocal Round Sign Sin Sinh Sqrt Sub Sum Tan
And Equal Greater GreaterOrEqual IsInf IsNaN Less LessOrEqual Not Or Where Xor
BatchNormalization Einsum GRU Gemm LSTM LayerNormalization LpNormalization MatMul RNN
ArgMax ArgMin CumSum ReduceL1 ReduceL2 ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare TopK
Cast CastLike Compress Concat Constant ConstantOfShape Expand Flatten Gather GatherElements GatherND Identity Pad Range Reshape
ScatterElements ScatterND Shape Size Slice Split Squeeze Tile Transpose Trilu Unsqueeze
"""
_OPERATORS = frozenset(_POLICY.split())
"""Of ONNX's own (domain `ai.onnx`): no control flow, no chance, no strings, no images, no sound."""

_DEEPEST = 32
_MOST_FIELDS = 2**20
"""About a second's work here."""
_OPERATOR, _DOMAIN = 4, 7  # NodeProto
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14  # TensorProto

# Message type -> field number -> message type of the field; only the ways that lead to a TensorProto or NodeProto (onnx/onnx.proto).
_WAYS: dict[str, dict[int, str]] = {
    "Model": {7: "Graph", 20: "Training", 25: "Function"},
    "Training": {1: "Graph", 2: "Graph"},
    "Graph": {1: "Node", 5: "Tensor", 15: "SparseTensor"},
    "Function": {7: "Node", 11: "Attribute"},
    "Node": {5: "Attribute"},
    "Attribute": {5: "Tensor", 6: "Graph", 10: "Tensor", 11: "Graph", 22: "SparseTensor", 23: "SparseTensor"},
    "SparseTensor": {1: "Tensor", 2: "Tensor"},
    "Tensor": {},
}


def check_model(model: bytes, place: str) -> None:
    """Refuse a model that is cut short, refers to other files, or is made of more than a policy is; `place` names it in errors.

    Raises:
        InputError: with what was found.
    """
    nodes = 0
    try:
        for message, fields in _messages(memoryview(model)):
            if message == "Tensor" and any(
                number == _EXTERNAL_DATA or (number == _DATA_LOCATION and value != 0) for number, value in fields
            ):
                raise InputError(f"{place}: keeps tensors in other files; an actor is one self-contained ONNX file")
            if message == "Node":
                _check_operator(fields, place)
                nodes += 1
                if nodes > MOST_NODES:
                    raise InputError(f"{place}: has more than {MOST_NODES} operators")
    except (IndexError, ValueError):
        raise InputError(f"{place}: is not a readable ONNX file ({len(model)} bytes; corrupt or truncated)") from None


def _check_operator(fields: list[tuple[int, memoryview | int]], place: str) -> None:
    # Of a field that stands twice the last counts; here each of them has to be right.
    names = [bytes(value).decode() for number, value in fields if number == _OPERATOR and isinstance(value, memoryview)]
    domains = [bytes(value).decode() for number, value in fields if number == _DOMAIN and isinstance(value, memoryview)]
    foreign = next((domain for domain in domains if domain not in ("", "ai.onnx")), None)
    if foreign is not None:
        raise InputError(f"{place}: has operators of domain '{foreign[:40]}', an actor has those of ai.onnx alone")
    unknown = next((name for name in names or [""] if name not in _OPERATORS), None)
    if unknown is not None:
        raise InputError(f"{place}: has the operator '{unknown[:40]}', which is none that a policy is made of")


def _messages(model: memoryview) -> Iterator[tuple[str, list[tuple[int, memoryview | int]]]]:
    """All messages that may matter, each with its fields."""
    waiting = [("Model", model, _DEEPEST)]
    budget = _MOST_FIELDS
    while waiting:
        message, data, depth = waiting.pop()
        if depth == 0:
            raise ValueError("nested too deeply")
        fields = []
        for field in _fields(data):
            fields.append(field)
            if len(fields) > budget:
                raise ValueError("too many fields")
        budget -= len(fields)
        yield message, fields
        ways = _WAYS[message]
        waiting += [(ways[number], value, depth - 1) for number, value in fields if number in ways and isinstance(value, memoryview)]


def _fields(data: memoryview) -> Iterator[tuple[int, memoryview | int]]:
    """Field numbers and values of one protobuf message (protobuf.dev/programming-guides/encoding)."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        if number == 0 or key >= 2**32:  # some readers would cut a longer one to 32 bits, and find another field in it
            raise ValueError("field number")
        if wire == 0:
            value, at = _varint(data, at)
            yield number, value
            continue
        if wire == 2:
            size, at = _varint(data, at)
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
        else:
            raise ValueError("wire type")
        if at + size > len(data):
            raise ValueError("cut short")
        yield number, data[at : at + size]
        at += size


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("varint")
