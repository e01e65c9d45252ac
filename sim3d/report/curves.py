"""Degradation curves: one panel a ladder, in the unit of its axis, from clean at the left to the worst at the right."""

from __future__ import annotations

from collections.abc import Sequence

from sim3d.report.figure import drawing, figure, table
from sim3d.report.look import Look
from sim3d.report.markup import Markup, tag
from sim3d.report.words import SCORES, estimate, ladder_name, plural, quantity, quantity_estimate
from sim3d.statistics.interval import Estimate
from sim3d.suite.results import FamilyResult, LadderResult, Results

WIDTH, HEIGHT = 262, 168
LEFT, RIGHT, TOP, BOTTOM = 26, 254, 8, 140
_LETTER, _GAP = 6.2, 5
"""Width of a letter of a tick's label, about, and room between two labels."""


def curves(results: Results, look: Look) -> list[Markup]:
    """All families, each with its ladders."""
    some = next(iter(results.policies.values()))
    return [
        tag(
            "p",
            f"Each panel is a ladder: {SCORES[results.score]} over the strength of one disturbance, from none at the left. ",
            "Solid is while it lasts, dashed is afterwards, for as long again without it; bands are 95 % intervals. ",
            "A ring marks where the score falls below 90 % of the clean one, with the interval of that point.",
            class_="lede",
        ),
        look.legend(),
        tag(
            "div",
            [_family(name, {policy: each.families[name] for policy, each in results.policies.items()}, look) for name in some.families],
            class_="families",
        ),
    ]


def _family(name: str, by_policy: dict[str, FamilyResult], look: Look) -> Markup:
    figures = [
        [
            look.name(policy),
            f" {estimate(each.robustness)}",
            [tag("br"), f"after {estimate(each.resilience)}"] if each.resilience else None,
            tag("br"),
        ]
        for policy, each in by_policy.items()
    ]
    ladders = next(iter(by_policy.values())).ladders
    return tag(
        "div",
        tag("div", tag("h3", name), tag("p", "Mean height of the curves", tag("br"), figures, class_="small")),
        tag(
            "div",
            [_panel(ladder, {policy: each.ladders[ladder] for policy, each in by_policy.items()}, look) for ladder in ladders],
            class_="panels",
        ),
        class_="family one" if len(ladders) == 1 else "family",
    )


def _panel(name: str, by_policy: dict[str, LadderResult], look: Look) -> Markup:
    ladder = next(iter(by_policy.values()))
    along = ladder.along or tuple(map(float, ladder.severities))
    scale = _Scale(along)
    described = f"Score from clean to severity {ladder.severities[-1]} of {ladder.about}. " + " ".join(
        f"{policy} goes from {each.score[0].value:.3f} to {each.score[-1].value:.3f}: {_breaks(each)}."
        for policy, each in by_policy.items()
    )
    drawn = [
        _frame(scale, ladder),
        [_curve(scale, each.score_after, policy, look, "after") for policy, each in by_policy.items() if each.score_after],
        [_curve(scale, each.score, policy, look, "during") for policy, each in by_policy.items()],
        [_break(scale, each, policy, look) for policy, each in by_policy.items()],
    ]
    return figure(
        [tag("strong", ladder_name(name)), f" {ladder.about}"],
        drawing(f"curve-{name.replace('.', '-')}", f"Degradation under {name}", described, WIDTH, HEIGHT, drawn),
        [_numbers(policy, each) for policy, each in by_policy.items()],
        notes=[[look.name(policy), f" {_breaks(each)}", tag("br")] for policy, each in by_policy.items()],
        class_="panel",
    )


class _Scale:
    """From figures to places in the drawing; an axis may fall from clean to worst."""

    def __init__(self, along: Sequence[float]) -> None:
        self.along, self._first, self._last = along, along[0], along[-1]

    def x(self, value: float) -> float:
        return LEFT + (RIGHT - LEFT) * (value - self._first) / (self._last - self._first)

    @staticmethod
    def y(score: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * score


def _frame(scale: _Scale, ladder: LadderResult) -> list[Markup]:
    heights = [tag("line", x1=LEFT, x2=RIGHT, y1=scale.y(level), y2=scale.y(level), class_="grid") for level in (0, 0.5, 1)]
    levels = [tag("text", f"{level:g}", x=LEFT - 5, y=scale.y(level) + 3.5, text_anchor="end") for level in (0, 0.5, 1)]
    places = [scale.x(value) for value in scale.along]
    ticks = [tag("line", x1=x, x2=x, y1=BOTTOM, y2=BOTTOM + 4, class_="tick") for x in places]
    labels = [tag("text", "clean", x=places[0], y=BOTTOM + 17, text_anchor="middle")]
    taken = RIGHT + _GAP
    for x, value in list(zip(places, scale.along, strict=True))[:0:-1]:
        text = f"{value:g}" if ladder.along is None else quantity(value, ladder.unit)
        width = _LETTER * len(text)
        # The last one ends where the axis does.
        centre = min(x, RIGHT - width / 2)
        if centre + width / 2 + _GAP <= taken + 0.5 and centre - width / 2 >= places[0] + _LETTER * len("clean") / 2 + _GAP:
            labels.append(tag("text", text, x=centre, y=BOTTOM + 17, text_anchor="middle"))
            taken = centre - width / 2
    return [*heights, *levels, *ticks, *labels]


def _curve(scale: _Scale, scores: Sequence[Estimate], policy: str, look: Look, phase: str) -> Markup:
    places = [scale.x(value) for value in scale.along]
    lows = [(x, scale.y(each.low)) for x, each in zip(places, scores, strict=True)]
    highs = [(x, scale.y(each.high)) for x, each in zip(places, scores, strict=True)]
    points = [(x, scale.y(each.value)) for x, each in zip(places, scores, strict=True)]
    return tag(
        "g",
        tag("polygon", points=_points([*lows, *highs[::-1]]), class_="band"),
        tag(
            "polyline",
            points=_points(points),
            class_="line",
            stroke_width=look.weight(policy) if phase == "during" else 0.7 * look.weight(policy),
        ),
        [look.mark(policy, x, y, 1.2 + look.weight(policy)) for x, y in points] if phase == "during" else None,
        class_=f"{look.css_class(policy)} {phase}",
    )


def _break(scale: _Scale, ladder: LadderResult, policy: str, look: Look) -> Markup | None:
    if not _falls(ladder):
        return None
    at = ladder.break_at or ladder.break_severity
    y = scale.y(0.9 * ladder.score[0].value)
    low, high = scale.x(at.low), scale.x(at.high)
    return tag(
        "g",
        tag("line", x1=low, x2=high, y1=y, y2=y, class_="whisker"),
        tag("line", x1=scale.x(at.value), x2=scale.x(at.value), y1=y, y2=BOTTOM, class_="drop"),
        tag("circle", cx=scale.x(at.value), cy=y, r=5, class_="ring"),
        class_=look.css_class(policy),
    )


def _falls(ladder: LadderResult) -> bool:
    return not ladder.never_breaks


def _breaks(ladder: LadderResult) -> str:
    if not _falls(ladder):
        return "90 % of clean throughout"
    if ladder.break_at is None:
        return f"90 % of clean up to severity {quantity_estimate(ladder.break_severity, '')}"
    return f"90 % of clean up to {quantity_estimate(ladder.break_at, ladder.unit)}"


def _numbers(policy: str, ladder: LadderResult) -> Markup:
    after = ladder.score_after
    unit = f" [{ladder.unit}]" if ladder.unit else ""
    head = ["severity", *([f"{ladder.figure}{unit}"] if ladder.along else []), "during", *(["after"] if after else []), "of clean"]
    rows = []
    for index, severity in enumerate(ladder.severities):
        row = [severity or "clean"]
        row += [f"{ladder.along[index]:g}"] if ladder.along else []
        row += [estimate(ladder.score[index])] + ([estimate(after[index])] if after else [])
        rows.append([*row, estimate(ladder.retention[index - 1]) if index else "1"])
    areas = f"mean height {estimate(ladder.area)}" + (f", after {estimate(ladder.area_after)}" if ladder.area_after else "")
    return table(head, rows, caption=f"{policy}: {_breaks(ladder)}; {areas}; {plural(len(ladder.cells), 'cell')}")


def _points(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
