"""Which policy is better, where, and how sure that is."""

from __future__ import annotations

from sim3d.report.figure import drawing, figure, table
from sim3d.report.look import Look
from sim3d.report.markup import Markup, tag
from sim3d.report.words import estimate, number, plural
from sim3d.statistics.interval import Estimate
from sim3d.suite.results import Comparison, Results

WIDTH, ROW, LEFT, RIGHT, TOP = 390, 20, 74, 238, 22
SURE = 0.05
"""Largest p, corrected for the number of cells, of what is called a difference."""
TESTS = {
    "mcnemar": "McNemar's exact test on common layouts",
    "sign-flip": "a sign-flip test on common layouts",
    "exchanged seeds": "a permutation test that exchanges training seeds",
}


def comparisons(results: Results, look: Look) -> list[Markup]:
    """One figure for each two policies."""
    return [_comparison(index, each, look) for index, each in enumerate(results.comparisons)]


def _comparison(index: int, comparison: Comparison, look: Look) -> Markup:
    rows: list[tuple[str, Estimate]] = [*comparison.families.items(), ("robustness", comparison.robustness)]
    if comparison.resilience is not None:
        rows.append(("resilience", comparison.resilience))
    title = f"{comparison.policy} minus {comparison.against}"
    described = "; ".join(f"{name} {estimate(each, signed=True)}" for name, each in rows)
    reach = max(0.05, *(max(abs(each.low), abs(each.high)) for _, each in rows))
    picture = drawing(
        f"difference-{index}", title, f"Differences of mean scores: {described}.", WIDTH, TOP + ROW * len(rows) + 8, _forest(rows, reach)
    )
    cells = comparison.cells
    test = TESTS.get(next(iter(cells.values())).test, next(iter(cells.values())).test)
    better = {name: each for name, each in cells.items() if each.p_holm < SURE and each.difference.value > 0}
    worse = {name: each for name, each in cells.items() if each.p_holm < SURE and each.difference.value < 0}
    lines = [
        [
            "Better in ",
            tag("strong", str(len(better))),
            ", worse in ",
            tag("strong", str(len(worse))),
            f" of {plural(len(cells), 'cell')}",
            f" (p < {SURE:g} by {test}, corrected for their number after Holm).",
        ],
        [
            "Probability of improvement ",
            tag("strong", estimate(comparison.improvement)),
            f": how often {comparison.policy} does better than {comparison.against} in a disturbed cell; ties count half.",
        ],
    ]
    extremes = [_named("Gains most in", sorted(better.items(), key=lambda each: -each[1].difference.value)[:5])]
    extremes.append(_named("Loses most in", sorted(worse.items(), key=lambda each: each[1].difference.value)[:5]))
    families = table(["difference", "estimate"], [(name, estimate(each, signed=True)) for name, each in rows])
    every = table(
        ["cell", "difference", "p", "p after Holm"],
        [(name, estimate(each.difference, signed=True), _p(each.p), _p(each.p_holm)) for name, each in cells.items()],
    )
    return figure(
        [look.name(comparison.policy), " minus ", look.name(comparison.against)],
        picture,
        Markup(families.text + every.text),
        notes=[[line, tag("br")] for line in [*lines, *filter(None, extremes)]],
        class_="wide",
    )


def _forest(rows: list[tuple[str, Estimate]], reach: float) -> list[Markup]:
    def x(value: float) -> float:
        return (LEFT + RIGHT) / 2 + value / reach * (RIGHT - LEFT) / 2

    bottom = TOP + ROW * len(rows)
    drawn = [
        tag("line", x1=x(0), x2=x(0), y1=TOP - 6, y2=bottom, class_="zero"),
        tag("text", "0", x=x(0), y=TOP - 10, text_anchor="middle"),
    ]
    for side in (-reach, reach):
        drawn.append(tag("text", number(side, 2, signed=True), x=x(side), y=TOP - 10, text_anchor="end" if side > 0 else "start"))
    for index, (name, each) in enumerate(rows):
        y = TOP + ROW * index + ROW / 2
        sure = each.low > 0 or each.high < 0
        drawn += [
            tag("text", name, x=LEFT - 10, y=y + 4, text_anchor="end"),
            tag("line", x1=x(each.low), x2=x(each.high), y1=y, y2=y, class_="interval"),
            tag("circle", cx=x(each.value), cy=y, r=4.0, class_="dot" if sure else "dot open"),
            tag("text", estimate(each, signed=True), x=WIDTH, y=y + 4, text_anchor="end"),
        ]
    return drawn


def _named(lead: str, cells: list[tuple[str, object]]) -> Markup | None:
    if not cells:
        return None
    parts = [
        [tag("code", name), f" {number(each.difference.value, 3, signed=True)}", ", " if index < len(cells) - 1 else "."]
        for index, (name, each) in enumerate(cells)
    ]
    return tag("span", lead, " ", parts)


def _p(value: float) -> str:
    return f"{value:.3f}" if value >= 0.001 else f"{value:.0e}".replace("-", "\u2212") if value > 0 else "0"
