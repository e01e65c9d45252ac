"""Which robot failed first, and what each contributes: the evaluation's explanation, where there is one."""

from __future__ import annotations

from sim3d.explain.results import BundleExplanation, Contributions, Explanation, FirstFailures, PatientZero
from sim3d.report.figure import drawing, figure, scrolling, table
from sim3d.report.look import Look
from sim3d.report.markup import Child, Markup, join, shortest, tag
from sim3d.report.words import DASH, estimate, number
from sim3d.statistics.interval import Estimate
from sim3d.suite.cells import CLEAN
from sim3d.suite.store import Manifest

WIDTH, LEFT, RIGHT, TOP = 330, 62, 318, 18
_LANE = 11
"""Height of one bundle's lane in a row."""


def attribution(manifest: Manifest, explanation: Explanation, look: Look) -> list[Markup]:
    """Shapley values, then first failures."""
    bundles = {
        entry.name: (entry.policy, explanation.bundles[entry.name]) for entry in manifest.bundles if entry.name in explanation.bundles
    }
    return [
        tag("h3", "What each robot contributes"),
        tag(
            "p",
            "Exact Shapley values over all coalitions: the mean gain when a robot joins those that are at work already. Robots that are ",
            "not at work stand where they started. The values of a team add up to what it does beyond what nobody does.",
            class_="lede",
        ),
        look.legend(),
        tag(
            "div",
            _contributions("coverage", {name: (policy, each.shapley) for name, (policy, each) in bundles.items()}, look),
            _contributions("success", {name: (policy, each.shapley_success) for name, (policy, each) in bundles.items()}, look),
            class_="pair",
        ),
        tag("h3", "Which robot failed first"),
        tag(
            "p",
            "Every robot's actions are held against what its actor would do with the truth; the first that leaves it by more than robots ",
            "do in clean missions is named.",
            class_="lede",
        ),
        *_failures(manifest, bundles, look),
    ]


def _contributions(identity: str, bundles: dict[str, tuple[str, Contributions]], look: Look) -> Markup:
    some = next(iter(bundles.values()))[1]
    robots = range(len(some.values))
    rows = [(f"robot {robot}", {name: each.values[robot] for name, (_, each) in bundles.items()}) for robot in robots]
    policies = {name: policy for name, (policy, _) in bundles.items()}
    top = max(each.high for _, values in rows for each in values.values())
    described = " ".join(f"{name}, {label}: {estimate(each)}." for label, values in rows for name, each in values.items())
    coalitions = [(_team(name), *[estimate(each.coalitions[name]) for _, each in bundles.values()]) for name in some.coalitions]
    return figure(
        [tag("strong", some.figure), " that each robot adds"],
        drawing(
            f"shapley-{identity}",
            f"Shapley values of {some.figure}",
            described,
            WIDTH,
            _height(rows, bundles),
            _rows(rows, policies, max(top, 0.01), look),
        ),
        join(
            [
                table(["robot", *bundles], [(label, *map(estimate, values.values())) for label, values in rows]),
                table(["at work", *bundles], coalitions),
            ]
        ),
        notes=[
            [look.name(policy), f" {name if name != policy else ''} {_bargain(each.values)}", tag("br")]
            for name, (policy, each) in bundles.items()
        ],
    )


def _bargain(values: tuple[Estimate, ...]) -> str:
    return " + ".join(number(each.value, 3) for each in values) + f" = {number(sum(each.value for each in values), 3)}"


def _team(name: str) -> str:
    """`0, 2` of `101`."""
    return ", ".join(str(robot) for robot, works in enumerate(name) if works == "1") or "nobody"


def _failures(manifest: Manifest, bundles: dict[str, tuple[str, BundleExplanation]], look: Look) -> list[Markup]:
    """A table of the ladders whose culprit is known, one of the other cells, and the numbers of both."""
    some = next(iter(bundles.values()))[1].patient_zero.cells
    robots = len(next(iter(some.values())).first)
    ladders: dict[str, dict[int, str]] = {}
    for cell in manifest.cells:
        if cell.id in some and some[cell.id].correct is not None and len(cell.severities) == 1:
            ((ladder, severity),) = cell.severities.items()
            ladders.setdefault(ladder, {})[severity] = cell.id
    severities = sorted({severity for cells in ladders.values() for severity in cells})
    known = [
        (ladder, look.name(policy), *[_rightly(each.patient_zero.cells, cells.get(severity)) for severity in severities])
        for ladder, cells in ladders.items()
        for policy, each in bundles.values()
    ]
    head = [
        "cell",
        "bundle",
        "missions",
        "somebody named",
        "rightly",
        "step",
        *[f"robot {robot}" for robot in range(robots)],
        "given away by",
    ]
    rows = [(cell, name, *_row(each)) for name, (_, explained) in bundles.items() for cell, each in explained.patient_zero.cells.items()]
    alarms = [
        [look.name(policy), f" {name if name != policy else ''} {_alarms(each.patient_zero)}", tag("br")]
        for name, (policy, each) in bundles.items()
    ]
    lowest = [_lowest(policy, explained, look) for policy, explained in bundles.values()]
    picture = scrolling(table(["ladder", "policy", *severities], known, class_="plain"))
    return [
        figure("Share of missions in which the robot with the fault is named first, by severity", picture, table(head, rows), notes=alarms),
        *filter(None, lowest),
    ]


def _rightly(cells: dict[str, FirstFailures], cell: str | None) -> str:
    return DASH if cell not in cells or cells[cell].correct is None else number(cells[cell].correct.value, 2)


def _row(found: FirstFailures) -> list[Child]:
    reasons = ", ".join(f"{why} {number(share, 2)}" for why, share in found.why.items() if share > 0) or DASH
    step = DASH if found.step is None else shortest(found.step)
    return [found.episodes, estimate(found.named), estimate(found.correct), step, *[number(share, 2) for share in found.first], reasons]


def _lowest(policy: str, explained: BundleExplanation, look: Look) -> Markup | None:
    """Who is first in cells that no single robot is to blame for."""
    found = {cell: each for cell, each in explained.patient_zero.cells.items() if each.correct is None and cell != CLEAN}
    if not found:
        return None
    said = [
        [tag("code", cell), ": " + ", ".join(f"robot {robot} in {number(share, 2)}" for robot, share in enumerate(each.first)), "; "]
        for cell, each in found.items()
    ]
    said[-1][-1] = "."
    return tag("p", look.name(policy), ", who failed first where it scores lowest: ", said, class_="small")


def _alarms(test: PatientZero) -> str:
    thresholds = ", ".join(f"{sign} {value:.3g}" for sign, value in test.threshold.items())
    return f"false alarms in clean missions {estimate(test.false_alarms)}; thresholds {thresholds}, from {test.calibration} others"


def _height(rows: list[tuple[str, dict[str, Estimate]]], bundles: dict[str, object]) -> float:
    return TOP + len(rows) * (_LANE * len(bundles) + 5)


def _rows(rows: list[tuple[str, dict[str, Estimate]]], policies: dict[str, str], top: float, look: Look) -> list[Markup]:
    """Dots with their intervals, a lane for each bundle."""

    def x(value: float) -> float:
        return LEFT + (RIGHT - LEFT) * value / top

    height = _LANE * len(policies) + 5
    drawn = [tag("text", shortest(level * top, 2), x=x(level * top), y=TOP - 8, text_anchor="middle") for level in (0, 0.5, 1)]
    drawn += [
        tag("line", x1=x(level * top), x2=x(level * top), y1=TOP - 4, y2=TOP + height * len(rows), class_="grid") for level in (0, 0.5, 1)
    ]
    for index, (label, values) in enumerate(rows):
        y = TOP + height * index
        drawn.append(tag("text", label, x=LEFT - 10, y=y + height / 2 + 2, text_anchor="end"))
        for name, each in values.items():
            lane = y + _LANE * (list(policies).index(name) + 0.5) + 1
            marks = [tag("line", x1=x(each.low), x2=x(each.high), y1=lane, y2=lane, class_="interval")] if each.low is not None else []
            marks += [look.mark(policies[name], x(each.value), lane, 3.2)] if each.value is not None else []
            drawn.append(tag("g", marks, class_=look.css_class(policies[name])))
    return drawn
