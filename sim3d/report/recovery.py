"""What comes back after a fault: coverage over time beside the clean twins', and how often, how soon and how fairly it is made up for."""

from __future__ import annotations

from collections.abc import Sequence

from sim3d.report.figure import drawing, figure, table
from sim3d.report.look import Look
from sim3d.report.markup import Child, Markup, join, tag
from sim3d.report.words import DASH, estimate, ladder_name, number, quantity
from sim3d.statistics.interval import Estimate
from sim3d.suite.results import RecoveryCurve, RecoveryResult, Results
from sim3d.suite.store import Manifest

WIDTH, HEIGHT = 190, 118
LEFT, RIGHT, TOP, BOTTOM = 20, 186, 6, 98

_FIGURES = {
    "coverage_before": "before",
    "coverage_clean": "clean",
    "coverage_attainable": "attainable",
    "coverage_lowest": "lowest",
    "coverage_after": "at the end",
    "ratio": "of clean",
    "attained": "of attainable",
    "affected": "fell below",
    "recovered": "recovered",
    "time_to_recover": "in [s]",
    "time_below": "below for [s]",
    "aftermath_recovered": "recovered, fault over",
    "aftermath_time_to_recover": "in [s]",
    "fairness": "fairness",
    "fairness_clean": "fairness, clean",
}
"""Figures of `sim3d.suite.results.RecoveryResult`, and their columns."""


def recovery(manifest: Manifest, results: Results, look: Look) -> list[Markup]:
    """One figure for each ladder of faults, one panel a severity."""
    faulty = next(iter(results.policies.values())).recovery
    ladders: dict[str, list[str]] = {}
    for cell in manifest.cells:
        if cell.id in faulty:
            ladders.setdefault(" and ".join(cell.severities), []).append(cell.id)
    return [
        tag(
            "p",
            "Coverage is the share of landmarks that are covered. The fault strikes at the upright line; a robot that is late joins. ",
            "The thin line is the clean twins': the same team on the same layouts without the fault. Where the ground is shaded the fault ",
            "is over. To recover is to hold 90 % of the twin's coverage at the end.",
            class_="lede",
        ),
        look.legend(),
        *[_ladder(manifest, name, cells, results, look) for name, cells in ladders.items()],
    ]


def _ladder(manifest: Manifest, name: str, cells: Sequence[str], results: Results, look: Look) -> Markup:
    found = {cell: {policy: each.recovery[cell] for policy, each in results.policies.items()} for cell in cells}
    begins = [curve.time[0] for each in found.values() for curve in (result.curve for result in each.values()) if curve.time]
    ends = [result.curve.time[-1] for each in found.values() for result in each.values() if result.curve.time]
    if not begins:
        return tag("p", f"{name}: the fault struck in no mission.")
    panels = [
        tag(
            "div",
            tag("p", _severity(manifest, name, cell), class_="panel-title"),
            _panel(cell, found[cell], (min(begins), max(ends)), look),
        )
        for cell in cells
    ]
    return figure(
        [tag("strong", ladder_name(name) or name), f" {manifest.suite.ladders[name].about}" if name in manifest.suite.ladders else ""],
        tag("div", panels, class_="strip"),
        join([_figures(found), *[_course(cell, each) for cell, each in found.items()]]),
        notes=[
            [f"At {_severity(manifest, name, cells[-1])}", tag("br")],
            [[look.name(policy), _sentence(each), tag("br")] for policy, each in found[cells[-1]].items()],
        ],
        class_="recovery",
    )


def _severity(manifest: Manifest, name: str, cell: str) -> str:
    entry = next(each for each in manifest.cells if each.id == cell)
    ladder = manifest.suite.ladders.get(name)
    severity = ", ".join(map(str, entry.severities.values()))
    if ladder is None or ladder.axis is None or entry.axis is None:
        return f"severity {severity}"
    return f"severity {severity}: {quantity(entry.axis, ladder.axis.unit)}"


def _panel(cell: str, by_policy: dict[str, RecoveryResult], span: tuple[float, float], look: Look) -> Markup:
    first, last = span

    def x(time: float) -> float:
        return LEFT + (RIGHT - LEFT) * (time - first) / ((last - first) or 1.0)

    def y(coverage: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * coverage

    def line(curve: RecoveryCurve, values: Sequence[float]) -> str:
        return " ".join(f"{x(time):.1f},{y(value):.1f}" for time, value in zip(curve.time, values, strict=True))

    over = next((each.curve.ends for each in by_policy.values() if each.curve.ends is not None), None)
    drawn: list[Child] = [
        tag("rect", x=x(over), y=TOP, width=max(RIGHT - x(over), 0.0), height=BOTTOM - TOP, class_="over") if over is not None else None,
        [tag("line", x1=LEFT, x2=RIGHT, y1=y(level), y2=y(level), class_="grid") for level in (0, 1)],
        [tag("text", str(level), x=LEFT - 4, y=y(level) + 3.5, text_anchor="end") for level in (0, 1)],
        tag("line", x1=x(0), x2=x(0), y1=TOP - 3, y2=BOTTOM, class_="zero"),
        tag("text", "0 s", x=x(0), y=BOTTOM + 13, text_anchor="middle"),
        tag("text", quantity(last, "s"), x=RIGHT, y=BOTTOM + 13, text_anchor="end") if RIGHT - x(0) > 45 else None,
    ]
    for policy, each in by_policy.items():
        drawn.append(tag("polyline", points=line(each.curve, each.curve.clean), class_=f"twin {look.css_class(policy)}"))
    for policy, each in by_policy.items():
        drawn.append(
            tag(
                "polyline",
                points=line(each.curve, each.curve.coverage),
                class_=f"line {look.css_class(policy)}",
                stroke_width=look.weight(policy),
            )
        )
    words = " ".join(f"{policy}{_sentence(each)}" for policy, each in by_policy.items())
    return drawing(f"recovery-{cell}", f"Coverage over time in {cell}", words, WIDTH, HEIGHT, drawn)


def _sentence(found: RecoveryResult) -> str:
    """What the last severity of a ladder comes to."""
    if not found.episodes:
        return ": the fault struck in no mission."
    text = (
        f" ends with {number(found.coverage_after.value, 2)} of the landmarks covered (clean {number(found.coverage_clean.value, 2)}, "
        f"attainable {number(found.coverage_attainable.value, 2)}); recovers in {estimate(found.recovered, 2)} of the missions"
    )
    if found.time_to_recover.value is not None:
        text += f", after {_seconds(found.time_to_recover)}"
    if found.aftermath_recovered is not None:
        text += f"; with the fault over in {estimate(found.aftermath_recovered, 2)}"
        if found.aftermath_time_to_recover is not None and found.aftermath_time_to_recover.value is not None:
            text += f", after {_seconds(found.aftermath_time_to_recover)}"
    return f"{text}."


def _seconds(found: Estimate) -> str:
    return f"{estimate(found, 1)} s"


def _figures(found: dict[str, dict[str, RecoveryResult]]) -> Markup:
    rows = [
        (cell, policy, each.episodes, *[estimate(getattr(each, figure)) for figure in _FIGURES])
        for cell, by_policy in found.items()
        for policy, each in by_policy.items()
    ]
    return table(["cell", "policy", "missions", *_FIGURES.values()], rows)


def _course(cell: str, by_policy: dict[str, RecoveryResult]) -> Markup:
    """The curves of one cell."""
    times = sorted({time for each in by_policy.values() for time in each.curve.time})
    known = {
        policy: {time: (shown, clean) for time, shown, clean in zip(each.curve.time, each.curve.coverage, each.curve.clean, strict=True)}
        for policy, each in by_policy.items()
    }
    head = ["time [s]", *[f"{policy}{what}" for policy in by_policy for what in ("", ", clean")]]
    rows = [(f"{time:g}", *[_share(known[policy].get(time), what) for policy in by_policy for what in (0, 1)]) for time in times]
    return table(head, rows, caption=f"{cell}: coverage over time")


def _share(known: tuple[float, float] | None, what: int) -> str:
    return DASH if known is None else f"{known[what]:.3f}"
