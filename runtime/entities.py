"""Actors that read any number of peers and landmarks: what their graphs are fed, and their contract for a team of one size.

The observation stays one row of numbers, composed by field as everywhere, so that logs and replays know nothing of it. Before the graph
runs, its fields are sorted by whom they are of: `observation` [B, O] of the robot itself, `landmarks` [B, L, F] and `peers` [B, P, G].
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from robots.errors import InputError
from runtime.contract import Contract
from runtime.observation import field_owner, field_shapes

INPUTS = {"own": "observation", "landmark": "landmarks", "peer": "peers"}
"""Name of the graph's input by the owner of a field."""


def input_sizes(layout: Sequence[str], words: int = 0) -> dict[str, int]:
    """Numbers in a row of each input of the graph that a layout asks for, by name; inputs without numbers are left out.

    Args:
        layout: names of the fields.
        words: numbers in a message of a peer.
    """
    sizes = dict.fromkeys(INPUTS.values(), 0)
    for field in field_shapes(layout, 2, 1, words):  # one peer, one landmark
        sizes[INPUTS[field_owner(field.name)]] += field.size
    return {name: size for name, size in sizes.items() if size}


def by_owner(contract: Contract, observation: np.ndarray) -> dict[str, np.ndarray]:
    """Observations as the graph reads them.

    Args:
        contract: for a team of one size.
        observation: [B, D].

    Returns:
        By name of the input: [B, O], [B, L, F], [B, P, G]. A robot without peers gets one of zeros, which is not known.
    """
    parts: dict[str, list[np.ndarray]] = {}
    begin = 0
    for field in contract.observation:
        numbers = observation[:, begin : begin + field.size]
        begin += field.size
        owner = field_owner(field.name)
        if owner != "own":
            count = contract.landmarks if owner == "landmark" else contract.team_size - 1
            numbers = numbers.reshape(len(numbers), count, -1) if count else np.zeros((len(numbers), 1, _per_peer(field.name, contract)))
        parts.setdefault(INPUTS[owner], []).append(numbers)
    return {name: np.concatenate(rows, axis=-1).astype(np.float32, copy=False) for name, rows in parts.items()}


def contract_for_team(contract: Contract, agent: int, robots: int, landmarks: int, place: str) -> Contract:
    """The contract of an entity actor in a team of another size, in an arena as crowded.

    Args:
        contract: of the actor.
        agent: its place in that team.
        robots: N of that team.
        landmarks: L.
        place: names the actor in errors.

    Raises:
        InputError: the actor is for one size of team, or the team is outside of its range.
    """
    for name, asked, fixed in (("robots", robots, contract.team_size), ("landmarks", landmarks, contract.landmarks)):
        if not contract.reads_entities:
            if asked != fixed:
                raise InputError(f"{place}: is for {fixed} {name}, not for {asked}")
            continue
        least, most = getattr(contract.entities, name)
        if not least <= asked <= most:
            raise InputError(f"{place}: is for {least} ... {most} {name}, not for {asked}")
    if not contract.reads_entities:
        return contract
    return msgspec.structs.replace(
        contract,
        agent=agent,
        team_size=robots,
        landmarks=landmarks,
        observation=field_shapes(contract.layout, robots, landmarks, contract.words),
        arena_half_size=arena_for(contract.arena_half_size, max(contract.team_size, contract.landmarks), max(robots, landmarks)),
    )


def arena_for(arena_half_size, team_size: int, entities):
    """Half size of the arena in which `entities` robots, or landmarks if they are more, are as dense as `team_size` in the given one [m].

    Args:
        arena_half_size: for a team of `team_size` [m].
        team_size: robots, or landmarks if they are more.
        entities: the same of another team, or an array of those of many.
    """
    return arena_half_size * (entities / team_size) ** 0.5


def _per_peer(name: str, contract: Contract) -> int:
    return field_shapes((name,), 2, 1, contract.words)[0].size
