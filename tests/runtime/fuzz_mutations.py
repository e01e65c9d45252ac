"""Sound inputs made slightly unsound, by their structure: what chance alone would find in bytes only after a very long time.

Each function takes an input and a source of chance, and gives another input; one that it cannot take apart is changed as bytes.
"""

from __future__ import annotations

import io
import json
import math
import warnings
import zipfile
from collections.abc import Callable
from random import Random
from typing import Any

import msgspec
import yaml

Mutation = Callable[[bytes, Random], bytes]

WHOLE_NUMBERS = (0, -1, 1, 2, 255, 2**31, 2**32, 2**53 + 1, 2**63 - 1, -(2**63), 2**64 - 1)
ODD_NUMBERS = (*WHOLE_NUMBERS, 0.0, -0.0, 0.1, 0.5, 5e-324, 1e-300, 1e300, -1e308)
NOT_FINITE = (math.nan, math.inf, -math.inf)
ODD_TEXTS = ("", "r0", "omni", "a\nb", "\x1b[2J", "../x", "\0", "1e3", "tcp://h:1", "\ud7ff")
ODD_VALUES = (None, True, False, *ODD_TEXTS, [], {}, [[]], [1, 2], {"x": 1})
ODD_BYTES = (b"\0", b"\xff", b"\x80", b"\n", b"'", b'"', b"{", b"}", b"[", b"]", b"&a ", b"*a", b"!!", b": ", b"- ", b"? ", b"\xed\xa0\x80")
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


def of_bytes(data: bytes, chance: Random) -> bytes:
    """A byte, a bit or a stretch of bytes changed, left out, doubled or put in."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4))):
        at = chance.randrange(len(changed) + 1)
        end = min(len(changed), at + chance.choice((1, 1, 2, 4, 16, 64)))
        way = chance.randrange(6)
        if way == 0 and at < len(changed):
            changed[at] ^= 1 << chance.randrange(8)
        elif way == 1 and at < len(changed):
            changed[at] = chance.randrange(256)
        elif way == 2:
            del changed[at:end]
        elif way == 3:
            changed[at:at] = changed[at:end]
        elif way == 4:
            changed[at:at] = chance.choice(ODD_BYTES)
        else:
            del changed[at:]
    return bytes(changed)


def of_msgpack(data: bytes, chance: Random) -> bytes:
    """One place of a msgpack document changed."""
    return _of_document(data, chance, msgspec.msgpack.decode, msgspec.msgpack.encode)


def of_json(data: bytes, chance: Random) -> bytes:
    """One place of a JSON document changed; sometimes in ways that JSON does not know, such as NaN."""
    return _of_document(data, chance, json.loads, lambda value: json.dumps(value).encode("utf-8", "surrogatepass"))


def of_yaml(data: bytes, chance: Random) -> bytes:
    """One place of a YAML document changed. JSON is YAML; now and then it is written as people write YAML."""
    dump: Callable[[Any], bytes] = lambda value: json.dumps(value).encode("utf-8", "surrogatepass")  # noqa: E731
    if chance.random() < 0.1:
        dump = lambda value: yaml.safe_dump(value, allow_unicode=True).encode("utf-8", "surrogatepass")  # noqa: E731
    return _of_document(data, chance, lambda text: yaml.load(text, Loader=_Loader), dump)


_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _of_document(data: bytes, chance: Random, load: Callable[[bytes], Any], dump: Callable[[Any], bytes]) -> bytes:
    try:
        value = load(data)
        for _ in range(chance.choice((1, 1, 1, 2, 3))):
            value = _of_tree(value, chance)
        return dump(value)
    except Exception:  # no document, or none that can be written: whatever the library says
        return of_bytes(data, chance)


def _of_tree(value: Any, chance: Random) -> Any:
    """A copy of plain data with one change, at a place found by walking down at random."""
    if isinstance(value, dict) and value and chance.random() < 0.85:
        key = chance.choice(list(value))
        way = chance.random()
        if way < 0.75:
            return {**value, key: _of_tree(value[key], chance)}
        if way < 0.85:
            return {each: value[each] for each in value if each != key}
        if way < 0.95:
            return {**value, chance.choice(("x", f"{key}x", "a\nb", "")): value[key]}
        return {(f"{each}s" if each == key else each): value[each] for each in value}
    if isinstance(value, (list, tuple)) and value and chance.random() < 0.85:
        items, at, way = list(value), chance.randrange(len(value)), chance.random()
        if way < 0.7:
            items[at] = _of_tree(items[at], chance)
        elif way < 0.8:
            del items[at]
        elif way < 0.9:
            items.insert(at, items[chance.randrange(len(items))])
        else:
            items += [items[at]] * chance.choice((1, 3, 70))
        return items
    return _other(value, chance)


def _other(value: Any, chance: Random) -> Any:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and chance.random() < 0.8:
        numbers = (*ODD_NUMBERS, *NOT_FINITE, -value, 10 ** chance.randrange(500), value + 1)
        near = (math.nextafter(value, math.inf), math.nextafter(value, -math.inf)) if isinstance(value, float) else ()
        return chance.choice((*numbers, *near))
    if isinstance(value, str) and value and chance.random() < 0.5:
        return of_bytes(value.encode("utf-8", "surrogatepass"), chance).decode("utf-8", "replace")
    if isinstance(value, bytes):
        return of_bytes(value, chance)
    return chance.choice((*ODD_VALUES, *ODD_NUMBERS, "x" * chance.choice((10, 1000)), _nested(chance.choice((3, 40, 2000)))))


def _nested(depth: int) -> list:
    value: list = []
    for _ in range(depth):
        value = [value]
    return value


def of_protobuf(data: bytes, chance: Random) -> bytes:
    """One field of a protobuf message changed, left out, doubled or moved: at any depth, without knowing what it means."""
    fields = _fields(data)
    if not fields or chance.random() < 0.1:
        return of_bytes(data, chance)
    at = chance.randrange(len(fields))
    key, value = fields[at]
    way = chance.random()
    if way < 0.6:
        if isinstance(value, int):
            fields[at] = (key, chance.choice((0, 1, 2, value + 1, value ^ 1, 2**31, 2**63, 2**64 - 1)))
        else:
            fields[at] = (key, of_protobuf(value, chance) if _fields(value) else of_bytes(value, chance))
    elif way < 0.7:
        del fields[at]
    elif way < 0.8:
        fields.insert(chance.randrange(len(fields) + 1), fields[at])
    elif way < 0.9:
        fields[at] = ((chance.randrange(1, 40) << 3) | (key & 7), value)
    else:
        fields.insert(at, ((chance.randrange(1, 40) << 3) | 2, data[: chance.randrange(200)]))
    return b"".join(_varint(key) + (_varint(value) if isinstance(value, int) else _sized(key, value)) for key, value in fields)


def _fields(data: bytes) -> list[tuple[int, int | bytes]]:
    """Keys and values of a protobuf message; none for what is not one."""
    fields: list[tuple[int, int | bytes]] = []
    at = 0
    try:
        while at < len(data):
            key, at = _read_varint(data, at)
            size = {0: None, 1: 8, 5: 4}.get(key & 7, -1)
            if size is None:
                value, at = _read_varint(data, at)
                fields.append((key, value))
                continue
            if key & 7 == 2:
                size, at = _read_varint(data, at)
            if size < 0 or at + size > len(data) or key >> 3 == 0:
                return []
            fields.append((key, data[at : at + size]))
            at += size
    except IndexError:
        return []
    return fields


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 0x80:
            return value, at


def _varint(value: int) -> bytes:
    written = bytearray()
    while value >= 0x80:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*written, value])


def _sized(key: int, value: bytes) -> bytes:
    return _varint(len(value)) + value if key & 7 == 2 else value


def of_zip(data: bytes, chance: Random) -> bytes:
    """An archive packed anew with one member changed, renamed, doubled, added or packed in another way; or its bytes changed."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [(info.filename, archive.read(info), zipfile.ZIP_STORED, 0o644) for info in archive.infolist()]
    except Exception:  # whatever an archive that was changed as bytes makes zipfile say
        members = []
    if not members or chance.random() < 0.4:
        return of_bytes(data, chance)
    at = chance.randrange(len(members))
    name, content, method, mode = members[at]
    way = chance.randrange(8)
    if way == 0:
        content = of_json(content, chance) if name.endswith((".json", ".sig")) else of_protobuf(content, chance)
    elif way == 1:
        content = of_bytes(content, chance)
    elif way == 2:
        name = chance.choice((f"../{name}", f"/{name}", f"a/{name}", f"./{name}", f"{name}/", name.upper(), "manifest.sig", *ODD_TEXTS))
    elif way == 3:
        members.append((name, of_bytes(content, chance), method, mode))
    elif way == 4:
        members.append((chance.choice(("x", "../x", "d/", "manifest.json/x")), b"x", method, mode))
    elif way == 5:
        method = chance.choice(METHODS)
    elif way == 6:
        mode = 0o120777  # a symbolic link
    else:
        content = b"\0" * chance.choice((2**10, 2**21))
        method = zipfile.ZIP_DEFLATED
    members[at] = (name, content, method, mode)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # two members of one name are what this is for
        for name, content, method, mode in members:
            info = zipfile.ZipInfo(name)
            info.external_attr, info.compress_type = mode << 16, method
            archive.writestr(info, content)
    return of_bytes(packed.getvalue(), chance) if chance.random() < 0.2 else packed.getvalue()


def of_parts(*each: Mutation) -> Mutation:
    """For an input of several parts with a NUL byte between them: one of them is changed in its own way."""

    def mutate(data: bytes, chance: Random) -> bytes:
        parts = data.split(b"\0", len(each) - 1)
        at = chance.randrange(len(parts))
        parts[at] = each[at](parts[at], chance)
        return b"\0".join(parts)

    return mutate
