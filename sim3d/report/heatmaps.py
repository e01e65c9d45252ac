"""Two disturbances at once: a table for each policy, shaded by what is lost, with the 90 % line drawn between cells."""

from __future__ import annotations

from sim3d.report.figure import scrolling, table
from sim3d.report.look import Look
from sim3d.report.markup import Markup, tag
from sim3d.report.words import SCORES, TIMES, estimate, ladder_name, number, quantity
from sim3d.suite.definition import Suite
from sim3d.suite.results import GridResult, PolicyResult, Results

SHADES = 10
"""Classes `s0` ... `s10` of the style sheet: from nothing lost to all."""


def heatmaps(suite: Suite, results: Results, look: Look) -> list[Markup]:
    """All grids, each for every policy."""
    some = next(iter(results.policies.values()))
    return [
        tag(
            "p",
            f"{SCORES[results.score].capitalize()} where two ladders disturb at once. The darker a cell, the more of clean is lost; "
            "the heavy line parts the cells that keep 90 % of it from those that do not.",
            class_="lede",
        ),
        *[
            tag(
                "div",
                tag("h3", f"{ladder_name(grid.rows)} {TIMES} {ladder_name(grid.columns)}"),
                tag("div", [_map(suite, name, policy, each, results, look) for policy, each in results.policies.items()], class_="pair"),
            )
            for name, grid in some.grids.items()
        ],
    ]


def _map(suite: Suite, name: str, policy: str, result: PolicyResult, results: Results, look: Look) -> Markup:
    grid = result.grids[name]
    rows, columns = (_labels(suite, results, each) for each in (grid.rows, grid.columns))
    clean = result.clean.value
    kept = [[each.value >= 0.9 * clean for each in row] for row in grid.score]
    head = tag(
        "tr",
        tag("th", [f"{ladder_name(grid.rows)} ↓", tag("br"), f"{ladder_name(grid.columns)} →"], scope="col"),
        [_head(columns[s]) for s in grid.column_severities],
    )
    body = [
        tag(
            "tr",
            tag("th", rows[severity], scope="row"),
            [
                tag("td", number(each.value, 2), class_=_class(kept, r, c, each.value / clean if clean else 1.0))
                for c, each in enumerate(grid.score[r])
            ],
        )
        for r, severity in enumerate(grid.row_severities)
    ]
    shown = tag(
        "table", tag("caption", f"{policy}: {grid.rows} down, {grid.columns} across"), tag("thead", head), tag("tbody", body), class_="heat"
    )
    return tag(
        "figure",
        tag("figcaption", look.name(policy)),
        scrolling(shown),
        tag("details", tag("summary", "Numbers"), scrolling(_numbers(grid, rows, columns))),
    )


def _head(label: str) -> Markup:
    return tag("th", label, scope="col")


def _labels(suite: Suite, results: Results, ladder: str) -> dict[int, str]:
    """Severity -> what it is, in the unit of the axis where there is one."""
    family = ladder.partition(".")[0]
    found = next(iter(results.policies.values())).families[family].ladders[ladder]
    if found.along is None:
        return {severity: str(severity) if severity else "clean" for severity in found.severities}
    labels = {severity: quantity(value, found.unit) for severity, value in zip(found.severities, found.along, strict=True)}
    return {**labels, 0: "clean"}


def _class(kept: list[list[bool]], row: int, column: int, of_clean: float) -> str:
    """Shade, and which of the upper and left edges part cells that keep 90 % from those that do not."""
    shade = round(SHADES * min(max(1.0 - of_clean, 0.0), 1.0))
    edges = ""
    if row and kept[row][column] != kept[row - 1][column]:
        edges += " top"
    if column and kept[row][column] != kept[row][column - 1]:
        edges += " left"
    return f"s{shade}{edges}"


def _numbers(grid: GridResult, rows: dict[int, str], columns: dict[int, str]) -> Markup:
    found = [
        (cell, rows[severity], columns[across], estimate(score))
        for severity, cells, scores in zip(grid.row_severities, grid.cells, grid.score, strict=True)
        for across, cell, score in zip(grid.column_severities, cells, scores, strict=True)
    ]
    return table(["cell", ladder_name(grid.rows), ladder_name(grid.columns), "score"], found)
