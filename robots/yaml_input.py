"""YAML into typed structs, with errors that name the file, the place and the nearest known key."""

from __future__ import annotations

import difflib
import re
import typing
from collections.abc import Hashable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from robots.errors import InputError

T = TypeVar("T")

_UNKNOWN_FIELD = re.compile(r"unknown field `(?P<key>[^`]*)`(?: - at `(?P<place>[^`]*)`)?")
# YAML 1.1 reads 1e-3 as text; YAML 1.2 and every user read it as a number.
_FLOAT = re.compile(r"^[-+]?(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$|^[-+]?\.(?:inf|Inf|INF)$|^\.(?:nan|NaN|NAN)$")


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """Safe loader that reads YAML 1.2 floats and refuses a key given twice."""


def _mapping_without_duplicates(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node)
        line = key_node.start_mark.line + 1
        if not isinstance(key, Hashable):
            raise yaml.constructor.ConstructorError(None, None, f"a list or mapping cannot be a key (line {line})", None)
        if key in seen:
            raise yaml.constructor.ConstructorError(None, None, f"key '{key}' stands twice (line {line})", None)
        seen.add(key)
    return loader.construct_mapping(node, deep=True)


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):
    """Safe dumper that quotes a text which the loader would read as a number."""


for _each in (_Loader, _Dumper):
    _each.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:float"]
        for first, resolvers in _each.yaml_implicit_resolvers.items()
    }
    _each.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+0123456789."))
_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping_without_duplicates)


def read_yaml(path: str | Path, into: type[T]) -> T:
    """Read one YAML file into a struct.

    Args:
        path: the file.
        into: a msgspec struct type that forbids unknown fields.

    Raises:
        InputError: the file is missing, is no YAML, has an unknown key, or a value of the wrong type.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
    return parse_yaml(text, into, place=str(path))


def parse_yaml(text: str, into: type[T], place: str) -> T:
    """Parse YAML text into a struct; `place` names its source in errors. Raises InputError as `read_yaml` does."""
    try:
        raw = yaml.load(text, Loader=_Loader)  # a SafeLoader
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"{place}: not valid YAML: {_one_line(error)}") from None
    if raw is None:
        raw = {}
    return convert(raw, into, place)


def convert(raw: Any, into: type[T], place: str) -> T:
    """Plain data (from YAML or JSON) into a struct; `place` names its source in errors. Raises InputError."""
    try:
        return msgspec.convert(raw, into)
    except (msgspec.ValidationError, RecursionError, OverflowError) as error:
        raise InputError(f"{place}: {_explain(str(error), into)}") from None


def dump_yaml(value: Any) -> str:
    """A struct as YAML text, keys in their declared order."""
    return yaml.dump(msgspec.to_builtins(value), Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=None)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _explain(message: str, into: type) -> str:
    match = _UNKNOWN_FIELD.search(message)
    if not match:
        return message.replace("`$.", "`").replace(" - at `$`", "")
    key, place = match["key"], (match["place"] or "$").removeprefix("$").lstrip(".")
    known = _keys_at(into, place)
    nearest = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    hint = f"; did you mean '{nearest[0]}'?" if nearest else f"; known keys: {', '.join(known)}" if known else ""
    where = f" in '{place}'" if place else ""
    return f"unknown key '{key}'{where}{hint}"


def _keys_at(into: Any, place: str) -> list[str]:
    """The field names of the struct that lies at a msgspec error path such as `robots[0].limits`."""
    current = into
    for part in re.findall(r"[^.\[\]]+|\[[^\]]*\]", place):
        current = _inside(current, part)
        if current is None:
            return []
    current = _struct_of(current)
    return [field.encode_name for field in msgspec.structs.fields(current)] if current else []


def _inside(kind: Any, part: str) -> Any:
    if part.startswith("["):
        arguments = typing.get_args(kind)
        return arguments[-1] if part == "[...]" and typing.get_origin(kind) is dict else (arguments or [None])[0]
    struct = _struct_of(kind)
    if struct is None:
        return None
    return next((field.type for field in msgspec.structs.fields(struct) if field.encode_name == part), None)


def _struct_of(kind: Any) -> type | None:
    for candidate in (kind, *typing.get_args(kind)):
        if isinstance(candidate, type) and issubclass(candidate, msgspec.Struct):
            return candidate
    return None
