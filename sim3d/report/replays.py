"""Missions of an evaluation run once more, and kept: OUT/replays.json.

A cell stores figures of its episodes, not their trajectories. Those that are shown are run again, each alone, so that the file does not
depend on what else is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
import numpy as np

from robots.errors import InputError
from robots.spec import load_spec
from robots.yaml_input import convert
from runtime.atomic import write_atomically
from runtime.faults import Faults
from sim3d.metrics import TOUCH_MARGIN
from sim3d.profile import Profile
from sim3d.report.selection import Choice, Shown
from sim3d.suite.cells import Cell
from sim3d.suite.entrants import read_entrants
from sim3d.suite.runner import CellRunner, CellTask, Entrant, Missions
from sim3d.suite.store import CellStore, Manifest
from sim3d.world import Layouts, random_layouts

FILE = "replays.json"
FORMAT = 1
MOST_FRAMES = 250
"""Of a run; more is nothing that anyone sees."""
_MILLIMETRES = 1000.0


class Run(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One run, as it is shown.

    Attributes:
        policy, bundle, cell: whose, and where.
        position: [F, 2 N], x and y of every robot in each frame, in thousandths of a metre.
        contacts: first and last frame, and the two robots, of each touch.
        faults: robot, what is wrong with it, first and last frame.
        episode_return, score: of phase `during`.
    """

    policy: str
    bundle: str
    cell: str
    position: list[list[int]]
    contacts: list[tuple[int, int, int, int]]
    faults: list[tuple[int, str, int, int]]
    episode_return: float
    score: float


class Replay(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mission and its twins.

    Attributes:
        policy, family, cell, episode: which (`sim3d.report.selection.Choice`).
        landmarks: [L, 2], m.
        frame: time between two frames [s].
        during: frames until the disturbance ends.
        runs: the clean twin, the mission, others on the same layout.
    """

    policy: str
    family: str
    cell: str
    episode: int
    landmarks: list[list[float]]
    frame: float
    during: int
    runs: list[Run]


class Replays(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of `replays.json`."""

    format: int = FORMAT
    replays: list[Replay]


def stored_replays(store: CellStore, choices: list[Choice]) -> list[Replay] | None:
    """Those of the folder; None when there are none, or others than those that were chosen. Raises InputError."""
    path = store.folder / FILE
    if not path.exists():
        return None
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Replays).replays
    except (OSError, msgspec.DecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
    return found if [_wanted(choice) for choice in choices] == [_known(replay) for replay in found] else None


def run_replays(
    store: CellStore, choices: list[Choice], files: Mapping[str, Entrant], progress: Callable[[int, int], None]
) -> list[Replay]:
    """Run what was chosen, and store it.

    Args:
        store: of the evaluation.
        choices: what to run.
        files: bundle -> its actors.
        progress: told how many runs are done and how many there are.

    Raises:
        InputError: it cannot be written.
    """
    manifest = store.manifest
    # Run by bundle: each has a world of its own.
    wanted = sorted({(shown.bundle, shown.cell, choice.episode) for choice in choices for shown in choice.runs})
    runner = CellRunner(Missions(manifest.world, manifest.episodes, manifest.seed, manifest.suite.aftermath, manifest.settings), files)
    found = {}
    try:
        for done, (bundle, cell, episode) in enumerate(wanted):
            progress(done, len(wanted))
            found[bundle, cell, episode] = runner.episodes(CellTask(bundle, _cell(manifest, cell)), episode, 1)
        progress(len(wanted), len(wanted))
    finally:
        runner.close()
    replays = [_replay(manifest, choice, found) for choice in choices]
    write_atomically(store.folder / FILE, msgspec.json.encode(Replays(replays=replays)) + b"\n")
    return replays


def entrants_of(manifest: Manifest) -> dict[str, Entrant]:
    """The bundles that were evaluated, from where they were. Raises InputError when one is not there any more, or has changed."""
    words = [f"{entry.policy}={entry.path}" for entry in manifest.bundles]
    entrants = read_entrants(words, manifest.world)
    for now, then in zip(entrants.entries, manifest.bundles, strict=True):
        if now.sha256 != then.sha256:
            raise InputError(f"{then.path}: actors have sha256 {now.sha256[:12]}, those that were evaluated {then.sha256[:12]}")
    return entrants.files


def _wanted(choice: Choice) -> tuple[object, ...]:
    return choice.policy, choice.family, choice.cell, choice.episode, choice.runs


def _known(replay: Replay) -> tuple[object, ...]:
    return replay.policy, replay.family, replay.cell, replay.episode, tuple(Shown(run.policy, run.bundle, run.cell) for run in replay.runs)


def _cell(manifest: Manifest, name: str) -> Cell:
    entry = next(entry for entry in manifest.cells if entry.id == name)
    profile = convert(entry.profile, Profile, name)
    return Cell(id=entry.id, group=entry.group, severities=entry.severities, axis=entry.axis, profile=profile, ends=entry.ends)


def _replay(manifest: Manifest, choice: Choice, found: Mapping[tuple[str, str, int], tuple[dict[str, np.ndarray], np.ndarray]]) -> Replay:
    runs = [found[shown.bundle, shown.cell, choice.episode] for shown in choice.runs]
    layout = random_layouts(1, len(manifest.kinds), manifest.landmarks, manifest.arena_half_size, manifest.seed, choice.episode)
    ends = all(f"after.{manifest.suite.score}" in figures for figures, _ in runs)
    # What of its runs all have: a disturbance that does not end has no aftermath.
    ticks = min(position.shape[1] - 1 for _, position in runs)
    periods = manifest.periods + (manifest.periods_after if ends else 0)
    tick = manifest.bundles[0].period * periods / ticks
    stride = -(-ticks // MOST_FRAMES)
    during = ticks * manifest.periods // periods
    return Replay(
        policy=choice.policy,
        family=choice.family,
        cell=choice.cell,
        episode=choice.episode,
        landmarks=layout.landmarks[0].round(4).tolist(),
        frame=round(stride * tick, 9),
        during=during // stride,
        runs=[
            _run(manifest, shown, layout, figures, position[0, : ticks + 1], tick, stride, during if ends else None)
            for shown, (figures, position) in zip(choice.runs, runs, strict=True)
        ],
    )


def _run(
    manifest: Manifest,
    shown: Shown,
    layout: Layouts,
    figures: dict[str, np.ndarray],
    position: np.ndarray,
    tick: float,
    stride: int,
    until: int | None,
) -> Run:
    frames = position[::stride]
    return Run(
        policy=shown.policy,
        bundle=shown.bundle,
        cell=shown.cell,
        position=np.rint(_MILLIMETRES * frames).astype(int).reshape(len(frames), -1).tolist(),
        contacts=_contacts(manifest, position, stride),
        faults=_faults(_cell(manifest, shown.cell).profile, layout.seeds, position, tick, stride, until),
        episode_return=round(float(figures["during.episode_return"][0]), 3),
        score=float(figures[f"during.{manifest.suite.score}"][0]),
    )


def _contacts(manifest: Manifest, position: np.ndarray, stride: int) -> list[tuple[int, int, int, int]]:
    radius = np.array([load_spec(kind).radius for kind in manifest.kinds])
    found = []
    for one in range(len(radius)):
        for other in range(one + 1, len(radius)):
            gap = np.linalg.norm(position[:, one] - position[:, other], axis=-1)
            touching = gap < (2 + TOUCH_MARGIN) * 0.5 * (radius[one] + radius[other])
            found += [(first // stride, last // stride, one, other) for first, last in _stretches(touching)]
    return sorted(found)


def _faults(
    profile: Profile, seeds: np.ndarray, position: np.ndarray, tick: float, stride: int, until: int | None
) -> list[tuple[int, str, int, int]]:
    """What is wrong with which robot, in frames."""
    robots = position.shape[1]
    faults = Faults(profile.faults, seeds, robots, np.zeros((1, robots)))
    times = np.arange(len(position))
    found = []
    for kind, state in (
        ("stopped", faults.stopped),
        ("absent", faults.absent),
        ("silent", lambda time: faults.silent(time) & ~faults.absent(time)),
        ("lies", lambda time: np.broadcast_to(np.any(faults.lie(time), axis=-1), (1, robots)) if profile.faults else np.zeros((1, robots))),
    ):
        on = np.array([state(tick * time)[0] if until is None or time < until else np.zeros(robots) for time in times], dtype=bool)
        for robot in range(robots):
            found += [(robot, kind, first // stride, last // stride) for first, last in _stretches(on[:, robot])]
    return sorted(found)


def _stretches(on: np.ndarray) -> list[tuple[int, int]]:
    """First and last index of each stretch of True."""
    steps = np.flatnonzero(np.diff(np.concatenate([[False], on, [False]]).astype(int)))
    return [(int(first), int(last) - 1) for first, last in zip(steps[::2], steps[1::2], strict=True)]
