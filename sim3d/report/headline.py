"""The answer in words, and the headline figures, never without the families that they are made of."""

from __future__ import annotations

from dataclasses import dataclass

from sim3d.report.figure import scrolling
from sim3d.report.look import Look
from sim3d.report.markup import Markup, tag
from sim3d.report.words import SCORES, estimate, ladder_name, listed, plural, quantity
from sim3d.statistics.interval import Estimate
from sim3d.suite.results import LadderResult, Results


def title(results: Results) -> str:
    """What the evaluation found, in one or two sentences made of its figures; the policy that is the more robust comes first."""
    score = SCORES[results.score]
    ladders = {policy: _ladders(results, policy) for policy in results.policies}
    kept = {policy: sum(each.never_breaks for each in found.values()) for policy, found in ladders.items()}
    count = len(next(iter(ladders.values())))
    first, *others = sorted(results.policies, key=lambda policy: -results.policies[policy].robustness.value)
    clean = {policy: f"{each.clean.value:.2f}" for policy, each in results.policies.items()}
    survives = f"{first} ({clean[first]} clean) keeps 90 % of its clean {score} on {kept[first]} of {plural(count, 'ladder')}"
    if not others:
        broken = {name: each for name, each in ladders[first].items() if not each.never_breaks}
        if not broken:
            return f"{survives}."
        name = min(broken, key=lambda each: broken[each].break_severity.value)
        return f"{survives}; it breaks first at {_place(name, broken[name])} ({broken[name].about})."
    survives += f", {listed([f'{policy} ({clean[policy]}) on {kept[policy]}' for policy in others])}."
    gap = _widest(ladders)
    # Where little succeeds anyway, where that breaks is chance.
    if gap is None or results.policies[gap.worse].clean.value < 0.5 * results.policies[gap.better].clean.value:
        return survives
    worse, better = ladders[gap.worse][gap.ladder], ladders[gap.better][gap.ladder]
    breaks = f"{gap.worse} breaks at {_place(gap.ladder, worse)}"
    holds = f"holds to the last, {_last(better)}" if better.never_breaks else f"at {_place(gap.ladder, better)}"
    return f"{survives} They differ most under {ladder_name(gap.ladder)}: {breaks}, {gap.better} {holds}."


def headline(results: Results, look: Look) -> Markup:
    """Table of the headline figures: each family, then what is made of them."""
    policies = results.policies
    some = next(iter(policies.values()))
    score = SCORES[results.score]
    rows = [("clean", f"{score} where nothing disturbs", {name: each.clean for name, each in policies.items()}, None, "")]
    for family in some.families:
        rows.append(
            (
                family,
                f"mean height of {plural(len(some.families[family].ladders), 'curve')}",
                {name: each.families[family].robustness for name, each in policies.items()},
                {name: each.families[family].resilience for name, each in policies.items()},
                "",
            )
        )
    rows += [
        (
            "all families",
            "their mean: robustness; after: resilience",
            {name: each.robustness for name, each in policies.items()},
            {name: each.resilience for name, each in policies.items()},
            "sum",
        ),
        ("typical cell", "interquartile mean of the disturbed cells", {name: each.typical for name, each in policies.items()}, None, "sum"),
        ("worst tenth", "mean of the worst tenth of the cells", {name: each.tail for name, each in policies.items()}, None, ""),
        (
            "worst cell",
            ", ".join(f"{name}: {each.lowest_cell}" for name, each in policies.items()),
            {name: each.lowest for name, each in policies.items()},
            None,
            "",
        ),
    ]
    some_after = any(after is not None and any(after.values()) for _, _, _, after, _ in rows)
    head = ["", "policy", "while disturbed", "from 0 to 1", *(["after that"] if some_after else [])]
    body = [_group(label, about, during, after, some_after, look, class_) for label, about, during, after, class_ in rows]
    return scrolling(
        tag(
            "table",
            tag("caption", f"{score.capitalize()}, with 95 % intervals"),
            tag("thead", tag("tr", [tag("th", each, scope="col") for each in head])),
            body,
            class_="headline",
        )
    )


@dataclass(frozen=True)
class _Gap:
    ladder: str
    better: str
    worse: str
    gap: float


def _group(
    label: str,
    about: str,
    during: dict[str, Estimate],
    after: dict[str, Estimate | None] | None,
    some_after: bool,
    look: Look,
    class_: str,
) -> Markup:
    rows = []
    for number, (policy, figure) in enumerate(during.items()):
        first = tag("th", tag("span", label), tag("small", about), scope="rowgroup", rowspan=len(during)) if number == 0 else None
        cells = [
            tag("td", look.name(policy)),
            tag("td", estimate(figure), class_="num"),
            tag("td", _bar(figure, policy, look), class_="bar"),
        ]
        rows.append(tag("tr", first, cells, tag("td", _after(after, policy), class_="num") if some_after else None))
    return tag("tbody", rows, class_=class_ or None)


def _after(after: dict[str, Estimate | None] | None, policy: str) -> list[Markup | str]:
    """With a word that stands for the column's head where there is no room for columns."""
    return [tag("span", "after ", class_="narrow"), estimate(after[policy])] if after and after[policy] else []


def _bar(figure: Estimate, policy: str, look: Look) -> Markup:
    """The interval between 0 and 1; its numbers stand beside it."""
    if figure.value is None:
        return tag("svg", viewbox="0 0 100 10", aria_hidden="true")
    low, value, high = (100 * each for each in (figure.low, figure.value, figure.high))
    return tag(
        "svg",
        tag("line", x1=0, x2=100, y1=5, y2=5, class_="grid"),
        tag("line", x1=low, x2=high, y1=5, y2=5, class_="interval"),
        tag("line", x1=value, x2=value, y1=1, y2=9, class_="value"),
        viewbox="0 0 100 10",
        preserveaspectratio="none",
        aria_hidden="true",
        class_=f"bar {look.css_class(policy)}",
    )


def _ladders(results: Results, policy: str) -> dict[str, LadderResult]:
    return {name: ladder for family in results.policies[policy].families.values() for name, ladder in family.ladders.items()}


def _widest(ladders: dict[str, dict[str, LadderResult]]) -> _Gap | None:
    """The ladder on which the best and the worst policy lie farthest apart, of those on which the worst breaks the earlier."""
    gaps = []
    for name in next(iter(ladders.values())):
        areas = {policy: found[name].area.value for policy, found in ladders.items()}
        better, worse = max(areas, key=areas.__getitem__), min(areas, key=areas.__getitem__)
        if ladders[worse][name].break_severity.value < ladders[better][name].break_severity.value:
            gaps.append(_Gap(name, better, worse, areas[better] - areas[worse]))
    return max(gaps, key=lambda each: each.gap, default=None)


def _place(name: str, ladder: LadderResult) -> str:
    if ladder.break_at is None:
        return f"severity {quantity(ladder.break_severity.value, '')} of {ladder_name(name)}"
    at = quantity(ladder.break_at.value, ladder.unit)
    return f"{at} of {ladder_name(name)}" if ladder.unit else f"{ladder_name(name)} {at}"


def _last(ladder: LadderResult) -> str:
    return f"severity {ladder.severities[-1]}" if ladder.along is None else quantity(ladder.along[-1], ladder.unit)
