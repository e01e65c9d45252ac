"""Missions of one bundle that are watched: what there was to see of them at each control step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from runtime.actor import OnnxActor
from runtime.team import KEEP_APART, SMOOTHED
from sim3d.explain.motion import MotionModel
from sim3d.explain.one_robot import disturb_one
from sim3d.explain.patient_zero import Named, name_first, thresholds
from sim3d.explain.record import Record, Recorder
from sim3d.explain.signs import signs_of
from sim3d.in_process import run_missions
from sim3d.metrics import team_metrics
from sim3d.mission_length import mission_periods
from sim3d.profile import Profile
from sim3d.suite.runner import BATCH, Settings
from sim3d.world import Layouts, World, random_layouts
from sim3d.worlds import make_world, specs_of


class WatchedTeam:
    """A bundle's team in a world, ready for missions of the usual length.

    Args:
        actors: by agent.
        world: its name.
        settings: of the robots.
        place: names the bundle in errors.
    """

    def __init__(self, actors: Sequence[OnnxActor], world: str, settings: Settings, place: str) -> None:
        self.actors, self._settings = actors, settings
        self._specs = specs_of(actors, place)
        self._batch = BATCH[world]
        contract = actors[0].contract
        self.world = make_world(world, self._specs, contract.landmarks, contract.arena_half_size)

    def layouts(self, first: int, count: int, seed: int) -> Layouts:
        """As an evaluation of this team draws them."""
        contract = self.actors[0].contract
        return random_layouts(count, contract.team_size, contract.landmarks, contract.arena_half_size, seed, first)

    def missions(self, layouts: Layouts, profile: Profile) -> list[Record]:
        """All robots under one profile, in batches."""
        return [self._run(part, profile) for part in self._parts(layouts)]

    def scores(self, layouts: Layouts, profile: Profile) -> tuple[np.ndarray, np.ndarray]:
        """Coverage at the end and success of missions [B], as `sim3d.metrics` defines them."""
        found = [self._scored(part, self._position(part, profile)) for part in self._parts(layouts)]
        coverage, success = (np.concatenate(values) for values in zip(*found, strict=True))
        return coverage, success

    def with_one_disturbed(self, layouts: Layouts, base: Profile, profile: Profile, since: int) -> tuple[list[Record], np.ndarray]:
        """One robot of each team under a profile of its own from control step `since` on (`sim3d.explain.one_robot`).

        Returns:
            What there was to see, and which robot it is [B].
        """
        ticks = since * round(self.actors[0].contract.period / self.world.tick_period)
        records, who = [], []
        for part in self._parts(layouts):
            disturbed = disturb_one(self.world, self._specs, self.actors, part, base, profile, ticks)
            records.append(self._run(part, base, world=disturbed.world, between=disturbed.between))
            who.append(disturbed.who.argmax(axis=1))
        return records, np.concatenate(who)

    def close(self) -> None:
        """Release the world."""
        self.world.close()

    def _parts(self, layouts: Layouts) -> list[Layouts]:
        return [layouts[first : first + self._batch] for first in range(0, len(layouts), self._batch)]

    def _run(self, layouts: Layouts, profile: Profile, **instead: Any) -> Record:
        recorder = Recorder()
        return recorder.record(self._position(layouts, profile, watch=recorder, **instead)[:, -1])

    def _position(self, layouts: Layouts, profile: Profile, world: World | None = None, **options: Any) -> np.ndarray:
        return run_missions(
            world or self.world,
            self._specs,
            self.actors,
            layouts,
            profile,
            mission_periods(self.actors[0].contract),
            separation=KEEP_APART if self._settings.separation else None,
            localisation=SMOOTHED if self._settings.localisation else None,
            known_latency=self._settings.known_latency,
            **options,
        )

    def _scored(self, layouts: Layouts, position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        metrics = team_metrics(position, layouts.landmarks, self.actors[0].contract, self.world)
        return metrics.coverage, metrics.success


class Detector:
    """The test for the first failure, calibrated on clean missions of a team.

    Attributes:
        threshold: sign -> deviation.

    Args:
        team: whose missions they are.
        clean: records of them.
    """

    def __init__(self, team: WatchedTeam, clean: Sequence[Record]) -> None:
        self._actors = team.actors
        self._motion = MotionModel.fit(clean, team.world.robot_radius)
        self.threshold = thresholds(self.signs(clean))

    def signs(self, records: Sequence[Record]) -> dict[str, np.ndarray]:
        """Sign -> deviations [B, T, N], of all records together."""
        parts = [signs_of(record, self._actors, self._motion) for record in records]
        return {sign: np.concatenate([part[sign] for part in parts]) for sign in parts[0]}

    def first(self, records: Sequence[Record]) -> Named:
        """Who failed first in these missions."""
        return name_first(self.signs(records), self.threshold)
