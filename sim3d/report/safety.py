"""Safety: contacts, distances, the gate's interventions and excursions, of every cell, by family."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sim3d.report.figure import drawing, figure, scrolling, table
from sim3d.report.look import Look
from sim3d.report.markup import Markup, shortest, tag
from sim3d.report.words import estimate, number
from sim3d.statistics.interval import Estimate
from sim3d.suite.results import Results
from sim3d.suite.runner import REASONS
from sim3d.suite.store import Manifest

WIDTH, LEFT, RIGHT, TOP = 300, 84, 290, 8
_LANE = 9
"""Height of one policy's lane in a row."""
FIGURES: dict[str, tuple[str, str, Callable[[list[float]], int]]] = {
    "contacts_per_100m": ("contacts per 100 m", "of path, of all robots together", lambda values: int(np.argmax(values))),
    "min_separation": ("smallest separation", "of two robots' centres in a mission, mean [m]", lambda values: int(np.argmin(values))),
    "boundary_violations": ("boundary violations", "times that a robot left the arena, a mission", lambda values: int(np.argmax(values))),
}
"""Metric -> title, what it is, and which of several is the worst."""


def safety(manifest: Manifest, results: Results, look: Look) -> list[Markup]:
    """Strips of all cells by family, and what the gate changed."""
    return [
        tag(
            "p",
            "Every mark is a cell; families lie in rows, with the clean cell on top. While disturbed. ",
            "The worst cell of each family is named under Numbers, with its interval.",
            class_="lede",
        ),
        look.legend(),
        tag("div", [_strip(metric, manifest, results, look) for metric in FIGURES], class_="panels fit"),
        tag("h3", "Interventions of the safety gate"),
        tag(
            "p",
            "Ticks of a mission in which the gate changed a robot's command, by reason; mean over the family's cells, all robots together.",
            class_="lede",
        ),
        _interventions(manifest, results),
    ]


def _groups(manifest: Manifest) -> dict[str, list[str]]:
    """Family or grid -> its cells."""
    groups: dict[str, list[str]] = {}
    for cell in manifest.cells:
        groups.setdefault(cell.group, []).append(cell.id)
    return groups


def _strip(metric: str, manifest: Manifest, results: Results, look: Look) -> Markup:
    title, about, worst = FIGURES[metric]
    groups = _groups(manifest)
    known = [
        each.cells[cell]["during"][metric].value
        for each in results.policies.values()
        for cell in each.cells
        if each.cells[cell]["during"][metric].value is not None
    ]
    top = max([*known, 1e-9])
    row = _LANE * len(results.policies) + 8
    bottom = TOP + row * len(groups)

    def x(value: float) -> float:
        return LEFT + (RIGHT - LEFT) * value / top

    drawn = [
        tag("text", "0", x=LEFT, y=bottom + 13, text_anchor="middle"),
        tag("text", shortest(top, 2 if top < 10 else 0), x=RIGHT, y=bottom + 13, text_anchor="end"),
    ]
    rows = []
    for index, (group, cells) in enumerate(groups.items()):
        y = TOP + row * index
        drawn += [
            tag("text", group, x=LEFT - 8, y=y + row / 2 + 3, text_anchor="end"),
            tag("line", x1=LEFT, x2=RIGHT, y1=y + row - 4, y2=y + row - 4, class_="grid"),
        ]
        for lane, (policy, each) in enumerate(results.policies.items()):
            found = {cell: each.cells[cell]["during"][metric] for cell in cells}
            values = {cell: figure.value for cell, figure in found.items() if figure.value is not None}
            if not values:
                continue
            centre = y + _LANE * (lane + 0.5)
            drawn.append(tag("g", [_tick(x(value), centre) for value in values.values()], class_=look.css_class(policy)))
            name = list(values)[worst(list(values.values()))]
            rows.append((group, policy, name, estimate(found[name])))
    described = " ".join(f"{policy}, {group}: at worst {words} in {cell}." for group, policy, cell, words in rows)
    return figure(
        [tag("strong", title), f" {about}"],
        drawing(f"safety-{metric.replace('_', '-')}", title, described, WIDTH, bottom + 18, drawn),
        Markup(table(["family", "policy", "worst cell", "estimate"], rows).text + _every(metric, results).text),
        class_="panel",
    )


def _tick(x: float, centre: float) -> Markup:
    return tag("line", x1=x, x2=x, y1=centre - 3.5, y2=centre + 3.5, class_="tickmark")


def _every(metric: str, results: Results) -> Markup:
    cells = next(iter(results.policies.values())).cells
    rows = [(cell, *[estimate(each.cells[cell]["during"][metric]) for each in results.policies.values()]) for cell in cells]
    return table(["cell", *results.policies], rows)


def _interventions(manifest: Manifest, results: Results) -> Markup:
    """One row a family and policy in which there are any, one column for each reason that ever was."""
    groups = _groups(manifest)
    means = {
        (group, policy): [_mean([each.cells[cell]["during"][f"interventions_{reason}"] for cell in cells]) or 0.0 for reason in REASONS]
        for group, cells in groups.items()
        for policy, each in results.policies.items()
    }
    given = [index for index in range(len(REASONS)) if any(row[index] for row in means.values())]
    if not given:
        return tag("p", "It changed no command of any robot in any cell.")
    rows = [(group, policy, *[number(row[index], 1) for index in given]) for (group, policy), row in means.items() if any(row)]
    return scrolling(table(["family", "policy", *[REASONS[index].replace("_", " ") for index in given]], rows, class_="plain"))


def _mean(figures: list[Estimate]) -> float | None:
    known = [figure.value for figure in figures if figure.value is not None]
    return float(np.mean(known)) if known else None
