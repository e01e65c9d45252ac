"""Runs one cell of a suite: a bundle's exported actors, in one process, through all episodes of one profile.

A mission has its usual length (`sim3d.mission_length`) under the cell's disturbance: phase `during`. Then, where the suite has an aftermath
and the disturbance can end, it goes on without it, from wherever it left the robots and whatever it left in the actors' memories: `after`.
"""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
import numpy as np

from robots.spec import RobotSpec
from runtime.actor import OnnxActor
from runtime.contract import Contract
from runtime.team import KEEP_APART, SMOOTHED
from sim3d.in_process import run_missions
from sim3d.metrics import team_metrics
from sim3d.mission_length import mission_periods
from sim3d.profile import Profile
from sim3d.recovery import attainable_landmarks, covered_landmarks, path_lengths, strikes
from sim3d.suite.cells import CLEAN, Cell
from sim3d.world import Layouts, World, random_layouts
from sim3d.worlds import make_world, specs_of

BATCH = {"spread": 1000, "planar": 1000, "bullet": 120}
"""World -> episodes at once: more are no faster, and every 30 take 34 MB in `bullet`. Fixed, for a cell's last bits depend on it through
the matrix products of the actors."""
REASONS = ("not_finite", "speed", "acceleration", "geofence", "barrier", "dead_end")
"""Why the safety gate changed a command (`runtime.safety`)."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the robots are set up, in every cell.

    Attributes:
        separation: whether the filter keeps them apart.
        localisation: whether they smooth their positions.
        known_latency: what they are told of their command latency [s]; None for that in their spec.
    """

    separation: bool = True
    localisation: bool = True
    known_latency: float | None = None


@dataclass(frozen=True)
class Missions:
    """What all cells of an evaluation have in common.

    Attributes:
        world: its name.
        episodes: E of each cell.
        seed: of the layouts and all chance; every cell has the same.
        aftermath: how long a mission goes on after the disturbance, in lengths of a mission.
        settings: of the robots.
    """

    world: str
    episodes: int
    seed: int
    aftermath: float
    settings: Settings


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
        self._drawn: dict[tuple[int, int, float, int, int], Layouts] = {}

    def __call__(self, task: CellTask) -> bytes:
        """The file of a cell: an .npz with the figures of every episode (`sim3d.suite.store`)."""
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **self.figures(task))
        return buffer.getvalue()

    def figures(self, task: CellTask) -> dict[str, np.ndarray]:
        """Phase and metric -> [E], such as `during.success`, and `recovery.*` (`sim3d.suite.store`)."""
        batch, episodes = BATCH[self._missions.world], self._missions.episodes
        parts = [self.episodes(task, first, min(batch, episodes - first))[0] for first in range(0, episodes, batch)]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def episodes(self, task: CellTask, first: int, count: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Some episodes of a cell, the same in any batch but for rounding in the actors.

        Args:
            task: bundle and cell.
            first: number of the first episode.
            count: how many.

        Returns:
            Phase and metric -> [count], and true positions [count, T + 1, N, 2], m, at every tick of both phases.
        """
        self._take(task.bundle)
        contract = self._actors[0].contract
        layouts = self._layouts(contract, first, count)
        end = mission_periods(contract) * round(contract.period / self._world.tick_period)
        interventions = _Interventions(count, end)
        position = self._run(task.cell, layouts, interventions)
        figures = self._scored(position, layouts, interventions, end)
        if task.cell.profile.faults or task.cell.id == CLEAN:
            figures |= self._followed(task.cell.profile, position, layouts, end)
        return figures, position

    def _layouts(self, contract: Contract, first: int, count: int) -> Layouts:
        """The same in all cells of a bundle, and of another with as many robots in as large an arena; so drawn once."""
        team = (contract.team_size, contract.landmarks, contract.arena_half_size)
        key = (*team, first, count)
        if key not in self._drawn:
            self._drawn[key] = random_layouts(count, *team, self._missions.seed, first)
        return self._drawn[key]

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
        self._specs = specs_of(self._actors, bundle)
        contract = self._actors[0].contract
        self._world = make_world(self._missions.world, self._specs, contract.landmarks, contract.arena_half_size)
        self._bundle = bundle

    def _scored(self, position: np.ndarray, layouts: Layouts, interventions: _Interventions, end: int) -> dict[str, np.ndarray]:
        contract, world = self._actors[0].contract, self._world
        figures: dict[str, np.ndarray] = {}
        for phase, part in (("during", position[:, : end + 1]), ("after", position[:, end:])):
            if part.shape[1] == 1:
                continue
            metrics = team_metrics(part, layouts.landmarks, contract, world)
            figures |= {f"{phase}.{field.name}": getattr(metrics, field.name) for field in dataclasses.fields(metrics)}
            figures |= {f"{phase}.interventions_{reason}": count for reason, count in interventions.counts[phase].items()}
        return figures

    def _followed(self, profile: Profile, position: np.ndarray, layouts: Layouts, end: int) -> dict[str, np.ndarray]:
        """What recovery from a fault is measured by (`sim3d.recovery`), of a cell with faults and of its clean twin."""
        contract, world = self._actors[0].contract, self._world
        ticks_per_step = round(contract.period / world.tick_period)
        figures = {
            "covered": covered_landmarks(position, layouts.landmarks, ticks_per_step, contract.capture_radius),
            "path_length": path_lengths(position[:, : end + 1]),
            "path_length_after": path_lengths(position[:, end:]),
        }
        if profile.faults:
            struck = strikes(profile.faults, layouts.seeds, world.robots, end, world.tick_period)
            figures |= {
                # The last step that the fault has not touched yet; -1 stays -1.
                "begins": struck.tick // ticks_per_step,
                "stopped": struck.stopped,
                "attainable": attainable_landmarks(position[:, end], layouts.landmarks, struck.stopped, contract.capture_radius),
            }
        return {f"recovery.{name}": values for name, values in figures.items()}

    def _run(self, cell: Cell, layouts: Layouts, interventions: _Interventions) -> np.ndarray:
        contract, settings = self._actors[0].contract, self._missions.settings
        periods = mission_periods(contract)
        goes_on = aftermath_periods(contract, self._missions.aftermath) if cell.ends else 0
        profile: Profile = msgspec.structs.replace(cell.profile, until=periods * contract.period if goes_on else None)
        return run_missions(
            self._world,
            self._specs,
            self._actors,
            layouts,
            profile,
            periods + goes_on,
            separation=KEEP_APART if settings.separation else None,
            localisation=SMOOTHED if settings.localisation else None,
            known_latency=settings.known_latency,
            intervened=interventions,
        )


def aftermath_periods(contract: Contract, aftermath: float) -> int:
    """Control periods of an aftermath that is given in lengths of a mission."""
    return round(aftermath * mission_periods(contract))


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
