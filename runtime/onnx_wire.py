"""A look into the bytes of an ONNX file, for the one thing onnxruntime does not refuse: tensors kept in other files.

onnxruntime resolves such references against the working directory even when the model was loaded from memory, so a tampered file could
read any file of the robot. The onnx package, which could tell, is not part of the onboard set; its schema (onnx.proto) is stable.
"""

from __future__ import annotations

from collections.abc import Iterator

from robots.errors import InputError

_DEEPEST = 32
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14  # TensorProto

# Message type -> field number -> message type of the field; only the ways that lead to a TensorProto (onnx/onnx.proto).
_WAYS: dict[str, dict[int, str]] = {
    "Model": {7: "Graph", 25: "Function"},
    "Graph": {1: "Node", 5: "Tensor", 15: "SparseTensor"},
    "Function": {7: "Node", 11: "Attribute"},
    "Node": {5: "Attribute"},
    "Attribute": {5: "Tensor", 6: "Graph", 10: "Tensor", 11: "Graph", 22: "SparseTensor", 23: "SparseTensor"},
    "SparseTensor": {1: "Tensor", 2: "Tensor"},
    "Tensor": {},
}


def refuse_external_data(model: bytes, place: str) -> None:
    """Refuse a model that is cut short or refers to other files; `place` names it in errors. Raises InputError."""
    try:
        external = _refers_outside(memoryview(model), "Model", _DEEPEST)
    except (IndexError, ValueError):
        raise InputError(f"{place}: is not a readable ONNX file ({len(model)} bytes; corrupt or truncated)") from None
    if external:
        raise InputError(f"{place}: keeps tensors in other files; an actor is one self-contained ONNX file")


def _refers_outside(data: memoryview, message: str, depth: int) -> bool:
    if depth == 0:
        raise ValueError("nested too deeply")
    for number, value in _fields(data):
        if message == "Tensor" and (number == _EXTERNAL_DATA or (number == _DATA_LOCATION and value != 0)):
            return True
        inner = _WAYS[message].get(number)
        if inner is not None and isinstance(value, memoryview) and _refers_outside(value, inner, depth - 1):
            return True
    return False


def _fields(data: memoryview) -> Iterator[tuple[int, memoryview | int]]:
    """Field numbers and values of one protobuf message (protobuf.dev/programming-guides/encoding)."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
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
        if number == 0 or at + size > len(data):
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
