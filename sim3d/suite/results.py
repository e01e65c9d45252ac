"""The shape of `results.json` and `figures.csv`; `sim3d.suite.figures` and `sim3d.suite.comparisons` fill it.

`figures.csv` has one row for each figure of each policy: `policy, place, phase, figure, value, low, high`. A place is a cell's id, a ladder
(`sensing.noise`), a family (`sensing`) or `suite`. Rules of `--require` name the same figures as `place.figure`, or `place.after.figure`.
"""

from __future__ import annotations

import csv
import io

import msgspec

from sim3d.statistics.interval import Estimate
from sim3d.suite.scores import METRICS
from sim3d.suite.store import Manifest

FORMAT = 2
"""1 had nothing of recovery."""


class LadderResult(msgspec.Struct, frozen=True, kw_only=True):
    """How a policy falls along a ladder.

    Attributes:
        about: what disturbs.
        figure, unit: of the ladder's axis; empty without one.
        severities: 0 for clean, then those of the rungs.
        along: the axis' figure at each severity, in the suite's units; None without an axis.
        cells: ids.
        score, score_after: in each cell, while it is disturbed and after that; None where the disturbance does not end.
        retention: score over that of the clean cell, from the first rung on.
        area, area_after: mean height of the curves of score over severity: robustness and resilience.
        break_severity: where the score first falls below 90 % of the clean one; the last severity where it never does.
        break_at: the same on the axis; None without an axis.
        never_breaks: no bundle's score ever falls so low.
    """

    about: str
    figure: str
    unit: str
    severities: tuple[int, ...]
    along: tuple[float, ...] | None
    cells: tuple[str, ...]
    score: tuple[Estimate, ...]
    score_after: tuple[Estimate, ...] | None
    retention: tuple[Estimate, ...]
    area: Estimate
    area_after: Estimate | None
    break_severity: Estimate
    break_at: Estimate | None
    never_breaks: bool


class FamilyResult(msgspec.Struct, frozen=True, kw_only=True):
    """Means over the ladders of a family: of their areas, while disturbed (robustness) and after that (resilience)."""

    robustness: Estimate
    resilience: Estimate | None
    ladders: dict[str, LadderResult]


class GridResult(msgspec.Struct, frozen=True, kw_only=True):
    """Scores of two crossed ladders, severity 0 of either included: [rows][columns] of cells and scores."""

    rows: str
    columns: str
    row_severities: tuple[int, ...]
    column_severities: tuple[int, ...]
    cells: tuple[tuple[str, ...], ...]
    score: tuple[tuple[Estimate, ...], ...]


class ProfileResult(msgspec.Struct, frozen=True, kw_only=True):
    """Performance profile: the share of a policy's bundles and disturbed cells whose score is above each threshold."""

    thresholds: tuple[float, ...]
    share: tuple[Estimate, ...]


class RecoveryCurve(msgspec.Struct, frozen=True, kw_only=True):
    """Coverage over time around a fault, means over episodes and bundles; a value for each control step that all episodes have.

    Attributes:
        time: since the fault struck, or for a robot that is late since it joined [s].
        coverage: share of the landmarks that are covered.
        clean: the same of the clean twins.
        ends: when the fault is over and the aftermath begins, on the same axis [s]; None without an aftermath, and where it differs from
            episode to episode.
    """

    time: tuple[float, ...]
    coverage: tuple[float, ...]
    clean: tuple[float, ...]
    ends: float | None


class RecoveryResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a fault costs and what comes back of it, in one cell; definitions and their reasons are in `sim3d.recovery`.

    Coverage is the share of the landmarks that are covered, from 0 to 1. The end is that of the mission; where robots are late and nothing
    else fails, it is that of the aftermath. Times are in s, in `spread` its own.

    Attributes:
        episodes: of each bundle in which a fault struck; all figures are of these.
        begins: mean time at which it struck, after the beginning of the mission [s]; None where there are no episodes.
        coverage_before: when the fault struck.
        coverage_clean: of the clean twins at the end.
        coverage_attainable: the most that robots that still move could hold at the end, those that do not standing where they stand.
        coverage_lowest: the lowest after the fault, once the clean twin stands where it ends.
        coverage_after: at the end.
        ratio: coverage_after over coverage_clean.
        attained: coverage_after over coverage_attainable.
        affected: share of the episodes that fell below 90 % of their clean twin's coverage.
        recovered: share of the episodes that hold 90 % of it at the end, those that never fell below included.
        time_to_recover: mean of those that fell below and came back, from falling below to holding it for good; none where none did.
            Those that did not come back are 1 - recovered.
        time_below: mean time below 90 %, of all episodes.
        fairness: how evenly the path is shared among the robots that move: Jain's index.
        fairness_clean: the same robots' in the clean twins.
        aftermath_recovered, aftermath_time_to_recover: the same in the aftermath, in which nothing fails any more, from its beginning
            on; None without one, and where robots are late and nothing else fails.
        curve: coverage over time.
    """

    episodes: int
    begins: float | None
    coverage_before: Estimate
    coverage_clean: Estimate
    coverage_attainable: Estimate
    coverage_lowest: Estimate
    coverage_after: Estimate
    ratio: Estimate
    attained: Estimate
    affected: Estimate
    recovered: Estimate
    time_to_recover: Estimate
    time_below: Estimate
    fairness: Estimate
    fairness_clean: Estimate
    aftermath_recovered: Estimate | None
    aftermath_time_to_recover: Estimate | None
    curve: RecoveryCurve


RECOVERY = (
    *("coverage_before", "coverage_clean", "coverage_attainable", "coverage_lowest", "coverage_after", "ratio", "attained"),
    *("affected", "recovered", "time_to_recover", "time_below", "fairness", "fairness_clean"),
)
RECOVERY_AFTER = ("recovered", "time_to_recover")
"""Figures of a cell with faults: while they last, and in the aftermath."""


class PolicyResult(msgspec.Struct, frozen=True, kw_only=True):
    """One policy: headlines never without the families that they are made of.

    Attributes:
        bundles: names.
        clean: score where nothing disturbs.
        robustness, resilience: means over the families.
        typical: interquartile mean of the scores of all disturbed cells and bundles.
        lowest, lowest_cell: the worst disturbed cell, its score and its id.
        tail: mean score of the worst tenth of the disturbed cells (CVaR 10 %).
        families: by name.
        grids: by name.
        profile: of the disturbed cells.
        cells: id -> phase -> metric -> estimate.
        recovery: id -> what comes back, of the cells with faults.
    """

    bundles: tuple[str, ...]
    clean: Estimate
    robustness: Estimate
    resilience: Estimate | None
    typical: Estimate
    lowest: Estimate
    lowest_cell: str
    tail: Estimate
    families: dict[str, FamilyResult]
    grids: dict[str, GridResult]
    profile: ProfileResult
    cells: dict[str, dict[str, dict[str, Estimate]]]
    recovery: dict[str, RecoveryResult]


class CellComparison(msgspec.Struct, frozen=True, kw_only=True):
    """Scores of two policies in one cell.

    Attributes:
        difference: of the scores.
        test: `mcnemar`, `sign-flip` (one bundle each) or `exchanged seeds`.
        p: two-sided.
        p_holm: the same, corrected for the number of cells.
    """

    difference: Estimate
    test: str
    p: float
    p_holm: float


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """A policy against an earlier one; differences are `policy` minus `against`.

    Attributes:
        policy, against: names.
        robustness, resilience: differences of the headlines.
        families: of each family's robustness.
        improvement: probability that a bundle of `policy` has a higher score in a cell than one of `against`, mean over disturbed cells; of
            one bundle each, that it does better on a layout. Ties count half.
        cells: by id.
    """

    policy: str
    against: str
    robustness: Estimate
    resilience: Estimate | None
    families: dict[str, Estimate]
    improvement: Estimate
    cells: dict[str, CellComparison]


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """All of `results.json`."""

    format: int = FORMAT
    suite: str
    suite_sha256: str
    score: str
    policies: dict[str, PolicyResult]
    comparisons: tuple[Comparison, ...]


def encode(results: Results) -> bytes:
    """The bytes of `results.json`."""
    return msgspec.json.format(msgspec.json.encode(results), indent=1) + b"\n"


def rows_of(policy: PolicyResult) -> list[tuple[str, str, str, Estimate]]:
    """Place, phase, figure and estimate of everything that is known of a policy."""
    rows: list[tuple[str, str, str, Estimate | None]] = [
        ("suite", "during", "clean", policy.clean),
        ("suite", "during", "robustness", policy.robustness),
        ("suite", "after", "resilience", policy.resilience),
        ("suite", "during", "typical", policy.typical),
        ("suite", "during", "lowest", policy.lowest),
        ("suite", "during", "tail", policy.tail),
    ]
    for name, family in policy.families.items():
        rows += [(name, "during", "robustness", family.robustness), (name, "after", "resilience", family.resilience)]
        for ladder_name, ladder in family.ladders.items():
            rows += [
                (ladder_name, "during", "area", ladder.area),
                (ladder_name, "after", "area", ladder.area_after),
                (ladder_name, "during", "break_severity", ladder.break_severity),
                (ladder_name, "during", "break_at", ladder.break_at),
            ]
            rows += [(cell, "during", "retention", kept) for cell, kept in zip(ladder.cells[1:], ladder.retention, strict=True)]
    for cell, found in policy.recovery.items():
        rows += [(cell, "during", figure, getattr(found, figure)) for figure in RECOVERY]
        rows += [(cell, "after", figure, getattr(found, f"aftermath_{figure}")) for figure in RECOVERY_AFTER]
    for cell, phases in policy.cells.items():
        rows += [(cell, phase, metric, estimate) for phase, figures in phases.items() for metric, estimate in figures.items()]
    return [(place, phase, figure, estimate) for place, phase, figure, estimate in rows if estimate is not None]


def named_figures(policy: PolicyResult) -> dict[str, Estimate]:
    """Everything that is known of a policy, under the names that rules have for it."""
    return {figure_name(place, phase, figure): estimate for place, phase, figure, estimate in rows_of(policy)}


def figure_name(place: str, phase: str, figure: str) -> str:
    """`place.figure`, or `place.after.figure` of what is measured after the disturbance."""
    return f"{place}.after.{figure}" if phase == "after" else f"{place}.{figure}"


def figure_names(manifest: Manifest) -> tuple[str, ...]:
    """The names of all figures that an evaluation will have, before it has any."""
    suite = manifest.suite
    goes_on = {cell.id for cell in manifest.cells if cell.ends and manifest.periods_after}
    rungs = {name: [cell.id for cell in manifest.cells if list(cell.severities) == [name]] for name in suite.ladders}
    ends = {name: goes_on >= set(cells) for name, cells in rungs.items()}
    names = [f"suite.{figure}" for figure in ("clean", "robustness", "typical", "lowest", "tail")]
    names += ["suite.after.resilience"] * any(ends.values())
    for family in suite.families:
        names += [f"{family}.robustness"] + [f"{family}.after.resilience"] * any(
            ends[f"{family}.{name}"] for name in suite.families[family]
        )
    for name, ladder in suite.ladders.items():
        names += [f"{name}.area", f"{name}.break_severity"] + [f"{name}.break_at"] * (ladder.axis is not None)
        names += [f"{name}.after.area"] * ends[name] + [f"{cell}.retention" for cell in rungs[name]]
    for cell in manifest.faulty:
        names += [f"{cell}.{figure}" for figure in RECOVERY] + [
            f"{cell}.after.{figure}" for figure in RECOVERY_AFTER if cell in manifest.repaired
        ]
    for cell in manifest.cells:
        names += [f"{cell.id}.{metric}" for metric in METRICS]
        names += [f"{cell.id}.after.{metric}" for metric in METRICS if cell.id in goes_on]
    return tuple(names)


def encode_rows(results: Results) -> bytes:
    """The bytes of `figures.csv`."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("policy", "place", "phase", "figure", "value", "low", "high"))
    for name, policy in results.policies.items():
        for place, phase, figure, estimate in rows_of(policy):
            writer.writerow((name, place, phase, figure, *map(_number, (estimate.value, estimate.low, estimate.high))))
    return text.getvalue().encode()


def _number(value: float | None) -> str:
    """An empty field for what there is not."""
    return "" if value is None else repr(value)
