"""From the folder of an evaluation to why its teams fail: runs the missions that this takes, of every bundle."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import numpy as np

from robots.errors import InputError
from robots.yaml_input import convert
from runtime.actor import OnnxActor
from sim3d.explain.one_robot import culprits
from sim3d.explain.patient_zero import Named
from sim3d.explain.results import BundleExplanation, Explanation, FirstFailures, PatientZero
from sim3d.explain.shapley import coalitions, contributions, only
from sim3d.explain.signs import SIGNS
from sim3d.explain.watched import Detector, WatchedTeam
from sim3d.profile import Profile
from sim3d.suite.cells import CLEAN
from sim3d.suite.entrants import Entrants, read_entrants
from sim3d.suite.scores import wilson
from sim3d.suite.store import BundleEntry, CellStore, Manifest

EPISODES = 500
"""Of a cell that is looked at for its first failures, at most; what Shefin et al. (arXiv 2602.08104) take."""
CALIBRATION = 1000
"""Clean missions that thresholds are set on, at most: more layouts, which come after those of the evaluation."""
WORST = 3
"""Cells that are looked at beside those whose culprit is known: those of the lowest score."""

Progress = Callable[[str, int, int], None]
"""Told what comes next, how many parts are done and how many there are."""


def explain(store: CellStore, progress: Progress) -> Explanation:
    """Explain an evaluation whose cells are all there.

    Raises:
        InputError: a bundle is not there any more or is another one now, a cell is missing, or the team is too large.
    """
    manifest = store.manifest
    entrants = _same_entrants(manifest, store)
    teams = len(coalitions(len(manifest.kinds)))
    chosen = {bundle.name: _cells(store, bundle) for bundle in manifest.bundles}
    parts = _Parts(progress, sum(teams + len(cells) + 1 for cells in chosen.values()))
    bundles = {bundle.name: _explained(store, entrants, bundle, chosen[bundle.name], parts) for bundle in manifest.bundles}
    parts.next("")
    return Explanation(bundles=bundles)


class _Parts:
    """Counts what is done."""

    def __init__(self, progress: Progress, of: int) -> None:
        self._progress, self._of, self._done = progress, of, -1

    def next(self, name: str) -> None:
        self._done += 1
        self._progress(name, self._done, self._of)


def _same_entrants(manifest: Manifest, store: CellStore) -> Entrants:
    """The bundles of the evaluation, from where they were."""
    entrants = read_entrants([f"{bundle.policy}={bundle.path}" for bundle in manifest.bundles], manifest.world)
    for found, bundle in zip(entrants.entries, manifest.bundles, strict=True):
        if found.sha256 != bundle.sha256:
            raise InputError(f"{bundle.path}: has actors {found.sha256[:12]}, {store.folder} was made with {bundle.sha256[:12]}")
    return entrants


def _explained(store: CellStore, entrants: Entrants, bundle: BundleEntry, cells: Sequence[str], parts: _Parts) -> BundleExplanation:
    manifest = store.manifest
    actors = [OnnxActor(model, place) for model, place in entrants.files[bundle.name].actors]
    team = WatchedTeam(actors, manifest.world, manifest.settings, bundle.path)
    try:
        coverage, success = _scores(manifest, team, bundle, parts)
        return BundleExplanation(
            shapley=contributions("coverage", coverage),
            shapley_success=contributions("success", success),
            patient_zero=_patient_zero(manifest, team, bundle, cells, parts),
        )
    finally:
        team.close()


def _scores(manifest: Manifest, team: WatchedTeam, bundle: BundleEntry, parts: _Parts) -> tuple[np.ndarray, np.ndarray]:
    """Coverage at the end and success [E, 2^N] with each coalition at work, in the episodes of the evaluation."""
    layouts, base, scores = team.layouts(0, manifest.episodes, manifest.seed), _profile(manifest, CLEAN), []
    for name in coalitions(len(manifest.kinds)):
        parts.next(f"{bundle.name} coalition {name}")
        scores.append(team.scores(layouts, only(name, base)))
    coverage, success = (np.stack(each, axis=1) for each in zip(*scores, strict=True))
    return coverage, success


def _patient_zero(manifest: Manifest, team: WatchedTeam, bundle: BundleEntry, cells: Sequence[str], parts: _Parts) -> PatientZero:
    parts.next(f"{bundle.name} calibration")
    base, robots = _profile(manifest, CLEAN), len(manifest.kinds)
    calibration = min(manifest.episodes, CALIBRATION)
    detector = Detector(team, team.missions(team.layouts(manifest.episodes, calibration, manifest.seed), base))
    layouts = team.layouts(0, min(manifest.episodes, EPISODES), manifest.seed)
    alarms = detector.first(team.missions(layouts, base)).anybody
    found = {}
    for cell in cells:
        parts.next(f"{bundle.name} {cell}")
        profile = _profile(manifest, cell)
        who = culprits(profile, layouts.seeds, robots) if _known(profile, base) else None
        found[cell] = first_failures(detector.first(team.missions(layouts, profile)), who, robots)
    return PatientZero(threshold=detector.threshold, calibration=calibration, false_alarms=wilson(alarms), cells=found)


def first_failures(named: Named, who: np.ndarray | None, robots: int) -> FirstFailures:
    """The figures of one cell.

    Args:
        named: in its B episodes.
        who: culprits [B, N]; None where they are not known.
        robots: N.
    """
    correct = None
    if who is not None and who.any():
        guilty = who.any(axis=1)
        correct = wilson((named.robot == who.argmax(axis=1))[guilty])
    return FirstFailures(
        episodes=len(named.robot),
        named=wilson(named.anybody),
        first=tuple(float((named.robot == robot).mean()) for robot in range(robots)),
        correct=correct,
        step=float(np.median(named.step[named.anybody])) if named.anybody.any() else None,
        why={sign: float((named.anybody & (named.sign == number)).mean()) for number, sign in enumerate(SIGNS)},
    )


def _cells(store: CellStore, bundle: BundleEntry) -> list[str]:
    """The cells that are explained: those whose culprit is known, and the worst of the others."""
    manifest = store.manifest
    base = _profile(manifest, CLEAN)
    known = [cell.id for cell in manifest.cells if _known(_profile(manifest, cell.id), base)]
    others = [cell.id for cell in manifest.cells if cell.id not in (CLEAN, *known)]
    score = {cell: float(store.load(bundle.name, cell)[f"during.{manifest.suite.score}"].mean()) for cell in others}
    return [*known, *sorted(others, key=score.__getitem__)[:WORST]]


def _known(profile: Profile, base: Profile) -> bool:
    """Whether one fault is all that a profile adds to the base."""
    return len(profile.faults) == 1 and msgspec.structs.replace(profile, faults=(), name=base.name) == base


def _profile(manifest: Manifest, cell: str) -> Profile:
    entry = next(entry for entry in manifest.cells if entry.id == cell)
    return convert(entry.profile, Profile, f"cell {cell}")
