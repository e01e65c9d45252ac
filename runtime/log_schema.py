"""JSON schemas of log lines, in the part of the language that Foxglove reads.

Foxglove opens a channel only if each property has one plain type, an object its properties, and an array items of a plain type; it knows no
references, alternatives, or maps with free keys (foxglove/studio: packages/mcap-support/src/parseJsonSchema.ts). It does not check values
against the schema, so a null where a number may be missing is no fault. What is a map by robot has the peers' ids for properties; other
maps have none here, and are shown as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec


def schema_of(kind: type, peers: Sequence[str] = ()) -> dict[str, Any]:
    """The schema of one kind of line.

    Args:
        kind: a struct.
        peers: ids of the robot's peers.
    """
    (schema,), parts = msgspec.json.schema_components((kind,))

    def resolved(node: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in node or "anyOf" in node:
            if "$ref" in node:
                node = parts[node["$ref"].rpartition("/")[2]]
            else:  # of what may be null: the other
                node = next(each for each in node["anyOf"] if each.get("type") != "null")
        return node

    def plain(node: dict[str, Any]) -> dict[str, Any]:
        node = resolved(node)
        if "enum" in node:
            return {"type": "string"}
        if node["type"] == "array":
            return {"type": "array", "items": plain(node["items"])}
        if node["type"] != "object":
            return {"type": node["type"]}
        properties = {name: plain(each) for name, each in node.get("properties", {}).items()}
        members = node.get("additionalProperties")
        if isinstance(members, dict) and members and resolved(members).get("type") == "object":
            properties |= {peer: plain(members) for peer in peers}
        return {"type": "object", "properties": properties}

    return {"title": kind.__name__, "description": kind.__doc__ or "", **plain(schema)}
