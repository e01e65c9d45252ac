"""Whether the robot that failed first is named: missions in which one robot, another one in each, is disturbed from a known step on.

`python -m tests.benchmarks.patient_zero BUNDLE...` takes bundles of robots of kind `point`; entity actors are as many robots as
`--robots` says. Every disturbance runs on the same layouts, at severity 3 and 5 of the default suite (configs/suites/field.yaml; what is
no ladder there is said below). *Accuracy* is the share of all missions in which the disturbed robot is named; *named* that in which
anybody is; *felt* that in which any robot is ever 1 mm from where it would have been: what nobody feels, nobody can name. The last
columns are the accuracy of other tests:

- `unasked`: what errors in all that a robot was told change in its action, without asking who told it; and its motion.
- `in time`: the Taylor remainder of the action commitment cost along the change of the observation from step to step (arXiv 2602.08104 as
  it reads for a Gaussian actor): how much the action changes.
- `reward`: the Taylor remainder of simple_spread's reward along the motion of each robot.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np

from robots.yaml_input import convert
from runtime.bundle import read_bundle
from sim3d.explain.patient_zero import name_first, thresholds
from sim3d.explain.record import Record
from sim3d.explain.signs import actions_of, truth
from sim3d.explain.watched import Detector, WatchedTeam
from sim3d.profile import Profile, load_profile
from sim3d.spread_task import distances
from sim3d.suite.runner import Settings

SINCE = 5
"""Control step, of 25, from which on the robot is disturbed: the team is on its way."""
CALIBRATION = 1000
FELT = 1e-3

Signs = dict[str, np.ndarray]


Rung = dict[str, Any]
"""A part of a profile, as a suite has it."""


def _rungs(section: str, **values: tuple[float, float]) -> tuple[Rung, Rung]:
    return tuple({section: {name: pair[index] for name, pair in values.items()}} for index in (0, 1))


DISTURBANCES: dict[str, dict[str, tuple[Rung, Rung]]] = {
    "sensing": {
        "noise": _rungs("sensing", position_sigma=(0.05, 0.25), velocity_sigma=(0.05, 0.25)),
        # No ladder: as large as the noise.
        "bias": _rungs("sensing", position_bias=(0.05, 0.25)),
        "dropout": _rungs("sensing", dropout=(0.1, 0.4)),
        "outliers": _rungs("sensing", outliers=(0.05, 0.2), outlier_sigma=(0.5, 0.5)),
    },
    "actuation": {
        "latency": _rungs("actuation", delay=(0.1, 0.3)),
        # No ladder: as weak as the motors.
        "gain": _rungs("actuation", gain=(0.8, 0.5)),
    },
    "link": {
        "loss": _rungs("link", loss=(0.1, 0.4)),
        "delay": _rungs("link", delay=(0.15, 0.5), jitter=(0.05, 0.1)),
    },
    "dynamics": {
        "mass": _rungs("dynamics", mass=(1.35, 2.0)),
        "motor gain": _rungs("dynamics", motor_gain=(0.8, 0.5)),
    },
    # Severity is when they begin, which is given here; but for how far off a lie is.
    "faults": {
        "stop": ({"faults": [{"kind": "stop"}]},) * 2,
        "silent": ({"faults": [{"kind": "silent"}]},) * 2,
        "lie": tuple({"faults": [{"kind": "lie", "offset": offset}]} for offset in (0.25, 1.0)),
    },
}
"""Family -> disturbance -> severities 3 and 5."""


def laid_over(base: Profile, rung: Rung) -> Profile:
    """The base with what the rung names in place of what it says."""
    document = msgspec.to_builtins(base)
    for section, figures in rung.items():
        document[section] = figures if section == "faults" else {**document[section], **figures}
    return convert(document, Profile, "patient_zero")


class Test:
    """One way to find the first failure, calibrated on clean missions."""

    def __init__(self, signs: Callable[[Sequence[Record]], Signs], clean: Sequence[Record]) -> None:
        self._signs = signs
        self._thresholds = thresholds(signs(clean))

    def first(self, records: Sequence[Record]) -> np.ndarray:
        """Who is named [B]."""
        return name_first(self._signs(records), self._thresholds).robot


def unasked(detector: Detector, team: WatchedTeam, records: Sequence[Record]) -> Signs:
    """What all that a robot was told changes in its action, and its motion."""

    def told(record: Record) -> np.ndarray:
        steps = range(len(record.views))
        actions = [
            [actions_of(view, record.memories[step], team.actors) for view in (record.views[step], truth(record, step))] for step in steps
        ]
        return np.stack([np.linalg.norm(told - true, axis=-1) for told, true in actions], axis=1)

    return {"told": np.concatenate([told(record) for record in records]), "motion": detector.signs(records)["motion"]}


def in_time(team: WatchedTeam, records: Sequence[Record]) -> Signs:
    """How much the action changes from one observation to the next."""

    def change(record: Record) -> np.ndarray:
        actions = [actions_of(view, memory, team.actors) for view, memory in zip(record.views, record.memories, strict=True)]
        return np.linalg.norm(np.diff(np.stack([actions[0], *actions], axis=1), axis=1), axis=-1)

    return {"change": np.concatenate([change(record) for record in records])}


def reward(landmarks: np.ndarray, records: Sequence[Record]) -> Signs:
    """C(x + d) - C(x) - grad C(x)'d, with d the motion of one robot, and C the sum over landmarks of the nearest robot's distance."""
    position = np.concatenate([record.position for record in records])
    marks = np.broadcast_to(landmarks[:, None], (*position.shape[:2], *landmarks.shape[1:]))[:, :-1]
    before, after = position[:, :-1], position[:, 1:]

    def cost(where: np.ndarray) -> np.ndarray:
        return distances(where, marks).min(axis=-2).sum(axis=-1)

    def moved(robot: int, by: np.ndarray) -> np.ndarray:
        where = before.copy()
        where[:, :, robot] += by
        return cost(where)

    remainders = []
    for robot in range(position.shape[2]):
        step = (after - before)[:, :, robot]
        little = 1e-4
        slope = (moved(robot, little * step) - moved(robot, -little * step)) / (2 * little)
        remainders.append(np.abs(moved(robot, step) - cost(before) - slope))
    return {"remainder": np.stack(remainders, axis=-1)}


def measure(path: str, robots: int | None, base: Profile, episodes: int, seed: int) -> list[str]:
    """The table of one bundle, whose entity actors may be more robots than it has files."""
    bundle = read_bundle(path)
    actors = bundle.actors_for(robots, robots) if robots else bundle.verify()
    team = WatchedTeam(actors, "spread", Settings(), path)
    layouts, more = team.layouts(0, episodes, seed), team.layouts(episodes, CALIBRATION, seed)
    clean, twins = team.missions(more, base), team.missions(layouts, base)
    detector = Detector(team, clean)
    others = [
        Test(lambda records: unasked(detector, team, records), clean),
        Test(lambda records: in_time(team, records), clean),
        Test(lambda records: reward(more.landmarks if records is clean else layouts.landmarks, records), clean),
    ]
    alarms = [(names >= 0).mean() for names in (detector.first(twins).robot, *(test.first(twins) for test in others))]
    limits = ", ".join(f"{sign} {limit:.3g}" for sign, limit in detector.threshold.items())
    lines = [
        f"{path}: {len(actors)} robots, {episodes} missions each, all others under '{base.name}'; thresholds {limits}",
        f"{'':22} {'accuracy':>8} {'named':>6} {'felt':>6} {'of felt':>7} {'step':>5}   {'unasked':>7} {'in time':>7} {'reward':>7}",
        f"{'false alarms':22} {alarms[0]:8.3f} {'':27}   " + " ".join(f"{share:7.3f}" for share in alarms[1:]),
    ]
    for family, group in DISTURBANCES.items():
        found = []
        for name, severities in group.items():
            for severity, rung in zip((3, 5), severities, strict=True):
                records, who = team.with_one_disturbed(layouts, base, laid_over(base, rung), SINCE)
                named = detector.first(records)
                felt = np.concatenate([_felt(one, twin) for one, twin in zip(records, twins, strict=True)])
                right = named.robot == who
                accuracy = [right.mean(), *((test.first(records) == who).mean() for test in others)]
                found.append((severity, accuracy))
                of_felt = right[felt].mean() if felt.any() else np.nan
                step = np.median(named.step[named.anybody]) if named.anybody.any() else np.nan
                told = f"{accuracy[0]:8.3f} {named.anybody.mean():6.3f} {felt.mean():6.3f} {of_felt:7.3f} {step:5.1f}"
                lines.append(f"  {f'{name} {severity}':20} {told}   " + " ".join(f"{share:7.3f}" for share in accuracy[1:]))
        for severity in (3, 5):
            mean = np.mean([accuracy for its, accuracy in found if its == severity], axis=0)
            lines.append(f"{f'{family} {severity}':22} {mean[0]:8.3f} {'':27}   " + " ".join(f"{share:7.3f}" for share in mean[1:]))
    team.close()
    return lines


def _felt(record: Record, twin: Record) -> np.ndarray:
    return (np.linalg.norm(record.position - twin.position, axis=-1) > FELT).any(axis=(1, 2))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", nargs="+")
    parser.add_argument("--robots", type=int, help="of entity actors, with as many landmarks")
    parser.add_argument("--base", default="clean", help="what the others meet, and clean missions too (default: %(default)s)")
    parser.add_argument("--episodes", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    for path in arguments.bundle:
        print("\n".join(measure(path, arguments.robots, load_profile(arguments.base), arguments.episodes, arguments.seed)))


if __name__ == "__main__":
    main()
