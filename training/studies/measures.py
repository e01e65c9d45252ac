"""What a run is measured by: from its final missions, its learning curve and its log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from sim3d.statistics.aggregates import area
from training.studies.roles import specialisation

Run: TypeAlias = dict[str, np.ndarray]
"""What is stored of a run (`training.studies.run.result_of`)."""
REACHED = 0.91
"""Success that counts as having learned the task: what the IPPO paper reports (arXiv 2510.00022)."""
LATE = 0.8
"""Share of the budget after which a run should have settled."""


@dataclass(frozen=True)
class Measure:
    """One figure of a run.

    Attributes:
        label: in table and picture, with its unit.
        digits: after the point, in tables.
        of: the figure: [E], one an episode, whose mean counts and which layouts add chance to; or [1], of the run as a whole. NaN where
            there is none.
        less_is_better: of two values.
        bounds: that it cannot leave.
        attained: whether the figure is what it says; else it is a lower bound of it.
        curve: what of the learning curve it is the end of; empty where nothing is.
        world: the only one in which it can be measured; empty for all.
    """

    label: str
    digits: int
    of: Callable[[Run], np.ndarray]
    less_is_better: bool = False
    bounds: tuple[float, float] = (-np.inf, np.inf)
    attained: Callable[[Run], bool] = lambda run: True
    curve: str = ""
    world: str = ""


def _episodes(name: str) -> Callable[[Run], np.ndarray]:
    return lambda run: run[f"episodes.{name}"]


def _sampled_success(run: Run) -> np.ndarray:
    return run.get("sampled.success", np.array([np.nan]))


def _share(name: str, label: str, less_is_better: bool = False, curve: str = "") -> Measure:
    return Measure(label, 3, _episodes(name), less_is_better, (0.0, 1.0), curve=curve)


def _specialisation(role: str, label: str) -> Measure:
    def of(run: Run) -> np.ndarray:
        roles = run[f"roles.{role}"]
        return np.array([specialisation(roles, roles.shape[1])])

    return Measure(f"robot and {label} [bit]", 3, of, world="spread")


def steps_to(run: Run, success: float = REACHED) -> int:
    """Env steps up to the first evaluation with that success; the whole budget where there is none."""
    steps, reached = run["curve.steps"], run["curve.success"] >= success
    return int(steps[reached.argmax()] if reached.any() else steps[-1])


def reached(run: Run, success: float = REACHED) -> bool:
    """Whether any evaluation had that success."""
    return bool((run["curve.success"] >= success).any())


def seconds_to(run: Run, success: float = REACHED) -> float:
    """Seconds of the batches up to there, evaluations and start left aside; of the whole budget where it is never reached."""
    return float(run["curve.seconds"][run["curve.steps"] == steps_to(run, success)][0])


def _area(run: Run) -> np.ndarray:
    steps, success = run["curve.steps"], run["curve.success"]
    # Before the first evaluation nothing was learned.
    return np.array([area(np.array([0.0, *steps]), np.array([success[0], *success]))])


def _late_deviation(run: Run) -> np.ndarray:
    # Of the return: success is as steady as can be where it is always 0.
    late = run["curve.episode_return"][run["curve.steps"] > LATE * run["curve.steps"][-1]]
    return np.array([late.std()])


def _late_drop(run: Run) -> np.ndarray:
    return np.array([run["curve.success"].max() - run["curve.success"][-1]])


MEASURES: dict[str, Measure] = {
    "success": _share("success", "success (mpe2)", curve="success"),
    "success_sampled": Measure("success, drawn actions", 3, _sampled_success, bounds=(0.0, 1.0)),
    "success_end": _share("success_end", "success_end"),
    "success_body": _share("success_body", "success_body"),
    "matched": _share("matched", "matched"),
    "coverage": _share("coverage", "coverage"),
    "overlap": _share("overlap", "overlap", less_is_better=True),
    "mean_separation": Measure("mean distance of robots", 3, _episodes("mean_separation"), bounds=(0.0, np.inf)),
    "end_distance": Measure(
        "mean distance of robots at the end", 3, lambda run: run["end.mean_distance"], bounds=(0.0, np.inf), world="spread"
    ),
    "end_closest": Measure(
        "distance of the closest two at the end", 3, lambda run: run["end.least_distance"], bounds=(0.0, np.inf), world="spread"
    ),
    "episode_return": Measure("return", 1, _episodes("episode_return"), bounds=(-np.inf, 0.0), curve="episode_return"),
    "contacts": Measure("contacts an episode", 2, _episodes("contacts"), True, (0.0, np.inf)),
    "entropy": Measure("policy entropy [nat]", 3, lambda run: run["training.entropy"]),
    "steps_to_0.91": Measure(
        f"steps to {REACHED} [M]", 2, lambda run: np.array([steps_to(run) / 1e6]), True, (0.0, np.inf), attained=reached
    ),
    "area": Measure("area under success", 3, _area, bounds=(0.0, 1.0)),
    "late_deviation": Measure("late deviation of return", 2, _late_deviation, True, (0.0, np.inf)),
    "late_drop": Measure("best success less last", 3, _late_drop, True, (0.0, 1.0)),
    "specialisation_number": _specialisation("number", "landmark's number"),
    "specialisation_east": _specialisation("east", "landmark's rank from the west"),
    "specialisation_choice": _specialisation("choice", "landmark's rank by own distance"),
}
"""By the names that studies call them."""
