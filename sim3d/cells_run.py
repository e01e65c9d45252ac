"""Runs one cell of a suite: a bundle's exported actors, in one process, through all episodes of one profile.

A mission has `HORIZON` control periods under the cell's disturbance (phase `during`). Then, where the suite has an aftermath and the
disturbance can end, it goes on without it (phase `after`), from wherever it left the robots and whatever it left in the actors' memories.
"""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
import numpy as np

from robots.spec import RobotSpec, load_spec
from runtime.actor import OnnxActor
from sim3d.in_process import run_missions
from sim3d.metrics import episode_metrics
from sim3d.profile import Profile
from sim3d.spread import HORIZON
from sim3d.suite_cells import Cell
from sim3d.world import Layouts, World, random_layouts
from sim3d.worlds import make_world

BATCH = {"spread": 1000, "bullet": 120}
"""Episodes at once: more are no faster in `spread`, and every 30 take 34 MB in `bullet`. Fixed, for a cell's last bits depend on it
through the matrix products of the actors."""
REASONS = ("not_finite", "speed", "acceleration", "geofence", "barrier", "dead_end")
"""Why the safety gate changed a command (`runtime.safety`)."""


@dataclass(frozen=True)
class Missions:
    """What all cells of an evaluation have in common.

    Attributes:
        world: its name.
        episodes: E of each cell.
        seed: of the layouts and all chance; every cell has the same.
        aftermath: control periods after the disturbance; 0 for none.
    """

    world: str
    episodes: int
    seed: int
    aftermath: int


@dataclass(frozen=True)
class Entrant:
    """One bundle, as it travels to a worker on this machine or another.

    Attributes:
        actors: by agent: the ONNX file, and what names it in errors.
    """

    actors: tuple[tuple[bytes, str], ...]


@dataclass(frozen=True)
class CellTask:
    """One bundle in one cell."""

    bundle: str
    cell: Cell


class CellRunner:
    """Runs cells, one after the other; what two cells share is set up once.

    Args:
        missions: what all cells have in common.
        entrants: by name.
    """

    def __init__(self, missions: Missions, entrants: Mapping[str, Entrant]) -> None:
        self._missions, self._entrants = missions, entrants
        self._bundle = ""
        self._actors: list[OnnxActor] = []
        self._specs: list[RobotSpec] = []
        self._world: World | None = None

    def __call__(self, task: CellTask) -> bytes:
        """The file of a cell: an .npz with the figures of every episode (`sim3d.cells_store`)."""
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **self.figures(task))
        return buffer.getvalue()

    def figures(self, task: CellTask) -> dict[str, np.ndarray]:
        """Phase and metric -> [E], such as `during.success`."""
        self._take(task.bundle)
        contract, missions = self._actors[0].contract, self._missions
        parts = []
        for first in range(0, missions.episodes, BATCH[missions.world]):
            count = min(BATCH[missions.world], missions.episodes - first)
            layouts = random_layouts(count, contract.team_size, contract.landmarks, contract.arena_half_size, missions.seed, first)
            parts.append(self._batch(task.cell, layouts))
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def positions(self, task: CellTask, episode: int) -> np.ndarray:
        """True positions [T + 1, N, 2], m, of one episode of a cell, run once more; as in the cell, but for rounding in the actors."""
        self._take(task.bundle)
        contract = self._actors[0].contract
        layouts = random_layouts(1, contract.team_size, contract.landmarks, contract.arena_half_size, self._missions.seed, episode)
        return self._run(task.cell, layouts, _Interventions(1, 1))[0]

    def close(self) -> None:
        """Release the world. May be called twice."""
        if self._world is not None:
            self._world.close()
            self._world = None

    def _take(self, bundle: str) -> None:
        if bundle == self._bundle:
            return
        self.close()
        self._actors = [OnnxActor(model, place) for model, place in self._entrants[bundle].actors]
        self._specs = specs_of(self._actors)
        contract = self._actors[0].contract
        self._world = make_world(self._missions.world, self._specs, contract.landmarks, contract.arena_half_size)
        self._bundle = bundle

    def _batch(self, cell: Cell, layouts: Layouts) -> dict[str, np.ndarray]:
        contract, world = self._actors[0].contract, self._world
        every = round(contract.period / world.tick_period)
        end = HORIZON * every
        interventions = _Interventions(len(layouts), end)
        position = self._run(cell, layouts, interventions)
        figures: dict[str, np.ndarray] = {}
        for phase, part in (("during", position[:, : end + 1]), ("after", position[:, end:])):
            if part.shape[1] == 1:
                continue
            metrics = episode_metrics(
                part,
                layouts.landmarks,
                ticks_per_step=every,
                tick_period=world.tick_period,
                capture_radius=contract.capture_radius,
                robot_radius=np.array([spec.radius for spec in self._specs]),
                arena_half_size=contract.arena_half_size,
            )
            figures |= {f"{phase}.{field.name}": getattr(metrics, field.name) for field in dataclasses.fields(metrics)}
            figures |= {f"{phase}.interventions_{reason}": count for reason, count in interventions.counts[phase].items()}
        return figures

    def _run(self, cell: Cell, layouts: Layouts, interventions: _Interventions) -> np.ndarray:
        period = self._actors[0].contract.period
        goes_on = self._missions.aftermath if cell.ends else 0
        profile: Profile = msgspec.structs.replace(cell.profile, until=HORIZON * period if goes_on else None)
        return run_missions(self._world, self._specs, self._actors, layouts, profile, HORIZON + goes_on, intervened=interventions)


def specs_of(actors: list[OnnxActor]) -> list[RobotSpec]:
    """What the robots of a team are, by agent: the first kind that each actor is for."""
    return [load_spec(actor.contract.robot_kinds[0]) for actor in actors]


class _Interventions:
    """Counts what the safety gate changes, in robots and ticks of each episode.

    Args:
        episodes: E.
        ticks: of phase `during`; what comes later is `after`.
    """

    def __init__(self, episodes: int, ticks: int) -> None:
        self.counts = {phase: {reason: np.zeros(episodes, dtype=int) for reason in REASONS} for phase in ("during", "after")}
        self._left = ticks

    def __call__(self, changed: Mapping[str, np.ndarray]) -> None:
        phase = self.counts["during" if self._left > 0 else "after"]
        self._left -= 1
        for reason, where in changed.items():
            phase[reason] += where.sum(axis=-1)
