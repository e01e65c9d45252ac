"""Which missions are shown again: where a disturbance did most harm, not where the layout was hard."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim3d.suite.cells import CLEAN
from sim3d.suite.results import Results
from sim3d.suite.store import CellStore

RULE = (
    "For each policy and family: in the cell of the family in which the policy scores lowest, the mission whose return fell farthest "
    "below that of its clean twin, which has the same layout and the same chance and no disturbance. Of equals the first. Beside "
    "them, what the other policies do in the same cell on the same layout."
)
OTHERS = 2
"""Most other policies beside one."""


@dataclass(frozen=True)
class Shown:
    """One run of a mission."""

    policy: str
    bundle: str
    cell: str


@dataclass(frozen=True)
class Choice:
    """A mission to be shown.

    Attributes:
        policy: whose worst it is.
        family: of the disturbance.
        cell: in which.
        episode: its number.
        runs: its clean twin, itself, and others on the same layout.
    """

    policy: str
    family: str
    cell: str
    episode: int
    runs: tuple[Shown, ...]


def choose(store: CellStore, results: Results) -> list[Choice]:
    """By `RULE`, for each policy the family that costs it most first. Raises InputError when a cell is not there."""
    return [choice for policy in results.policies for choice in _of_policy(store, results, policy)]


def _of_policy(store: CellStore, results: Results, policy: str) -> list[Choice]:
    bundles = {name: [entry.name for entry in entries] for name, entries in store.manifest.policies.items()}
    score = results.score
    cells = results.policies[policy].cells

    def of(cell: str) -> float:
        return cells[cell]["during"][score].value

    worst = {
        family: min((cell.id for cell in store.manifest.cells if cell.group == family), key=of) for family in store.manifest.suite.families
    }
    choices = []
    for family, cell in sorted(worst.items(), key=lambda item: of(item[1])):
        bundle, episode = _fell_farthest(store, bundles[policy], cell)
        others = [Shown(other, bundles[other][0], cell) for other in results.policies if other != policy][:OTHERS]
        runs = (Shown(policy, bundle, CLEAN), Shown(policy, bundle, cell), *others)
        choices.append(Choice(policy=policy, family=family, cell=cell, episode=episode, runs=runs))
    return choices


def _fell_farthest(store: CellStore, bundles: list[str], cell: str) -> tuple[str, int]:
    """Bundle and episode."""
    falls = [store.load(bundle, CLEAN)["during.episode_return"] - store.load(bundle, cell)["during.episode_return"] for bundle in bundles]
    seed, episode = np.unravel_index(int(np.argmax(falls)), np.shape(falls))
    return bundles[int(seed)], int(episode)
