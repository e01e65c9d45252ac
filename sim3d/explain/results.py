"""The shape of `explanation.json`, which `fieldswarm explain OUT` adds to the folder of an evaluation."""

from __future__ import annotations

from pathlib import Path

import msgspec

from robots.errors import InputError
from sim3d.statistics.interval import Estimate

FORMAT = 1
EXPLANATION = "explanation.json"


class Contributions(msgspec.Struct, frozen=True, kw_only=True):
    """What each robot of a team contributes to a figure (`sim3d.explain.shapley`).

    Attributes:
        figure: of the mission: `coverage` or `success`.
        values: exact Shapley value of each robot, by agent; together they are the figure of the whole team minus that of none.
        coalitions: the mean figure with only these robots at work, by name: "101" has robots 0 and 2. The others stand where they
            started, and still tell their peers where that is.
    """

    figure: str
    values: tuple[Estimate, ...]
    coalitions: dict[str, Estimate]


class FirstFailures(msgspec.Struct, frozen=True, kw_only=True):
    """Who failed first in the episodes of one cell (`sim3d.explain.patient_zero`).

    Attributes:
        episodes: that were looked at.
        named: share of them in which somebody is named.
        first: share of them in which each robot is named, by agent; they sum to that of `named`.
        correct: share of those with a culprit in which it is named; None where the culprit is not known.
        step: median control step of the detection, from 0; None where nobody is ever named.
        why: sign by which robots were given away (`sim3d.explain.signs`) -> share of the episodes.
    """

    episodes: int
    named: Estimate
    first: tuple[float, ...]
    correct: Estimate | None
    step: float | None
    why: dict[str, float]


class PatientZero(msgspec.Struct, frozen=True, kw_only=True):
    """The test for the first failure.

    Attributes:
        threshold: sign -> deviation of the action beyond which a robot has failed, in units of the largest action.
        calibration: clean episodes that the thresholds were set on.
        false_alarms: share of other clean episodes in which somebody is named.
        cells: by id.
    """

    threshold: dict[str, float]
    calibration: int
    false_alarms: Estimate
    cells: dict[str, FirstFailures]


class BundleExplanation(msgspec.Struct, frozen=True, kw_only=True):
    """One bundle.

    Attributes:
        shapley: of the coverage at the end.
        shapley_success: of success.
        patient_zero: who failed first.
    """

    shapley: Contributions
    shapley_success: Contributions
    patient_zero: PatientZero


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """All of `explanation.json`; `bundles` by their names in the manifest."""

    format: int = FORMAT
    bundles: dict[str, BundleExplanation]


def encode(explanation: Explanation) -> bytes:
    """The bytes of `explanation.json`."""
    return msgspec.json.format(msgspec.json.encode(explanation), indent=1) + b"\n"


def read_explanation(folder: str | Path) -> Explanation | None:
    """The explanation in the folder of an evaluation; None where there is none. Raises InputError when it cannot be read."""
    path = Path(folder) / EXPLANATION
    try:
        return msgspec.json.decode(path.read_bytes(), type=Explanation)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: is no explanation of results: {error}") from None
