"""Performance profiles: which share of the disturbed cells lies above each score."""

from __future__ import annotations

from sim3d.report.figure import drawing, figure, table
from sim3d.report.look import Look
from sim3d.report.markup import Markup, tag
from sim3d.report.words import SCORES, estimate
from sim3d.suite.results import ProfileResult, Results

WIDTH, HEIGHT = 350, 204
LEFT, RIGHT, TOP, BOTTOM = 32, 342, 8, 168


def profiles(results: Results, look: Look) -> list[Markup]:
    """One picture with all policies."""
    found = {policy: each.profile for policy, each in results.policies.items()}
    described = " ".join(
        f"{policy}: {each.share[10].value:.2f} of the cells lie above 0.5, {each.share[18].value:.2f} above 0.9."
        for policy, each in found.items()
    )
    score = SCORES[results.score]
    picture = drawing(
        "profile",
        "Performance profiles",
        f"The share of disturbed cells whose {score} is above a threshold, falling as the threshold rises. {described}",
        WIDTH,
        HEIGHT,
        _frame(score),
        [_curve(policy, each, look) for policy, each in found.items()],
    )
    thresholds = next(iter(found.values())).thresholds
    rows = [(f"{threshold:g}", *[estimate(each.share[index]) for each in found.values()]) for index, threshold in enumerate(thresholds)]
    return [
        tag(
            "p",
            f"The share of all disturbed cells in which {score} is above a threshold. The higher curve is the better policy; ",
            "where it drops shows whether a policy is middling everywhere or good in most cells and lost in some.",
            class_="lede",
        ),
        figure(["Performance profiles ", look.legend()], picture, table(["above", *found], rows), class_="wide"),
    ]


def _x(threshold: float) -> float:
    return LEFT + (RIGHT - LEFT) * threshold


def _y(share: float) -> float:
    return BOTTOM - (BOTTOM - TOP) * share


def _frame(score: str) -> list[Markup]:
    levels = (0, 0.25, 0.5, 0.75, 1)
    return [
        *[tag("line", x1=LEFT, x2=RIGHT, y1=_y(level), y2=_y(level), class_="grid") for level in levels],
        *[tag("text", f"{level:g}", x=LEFT - 6, y=_y(level) + 3.5, text_anchor="end") for level in levels],
        *[tag("line", x1=_x(level), x2=_x(level), y1=BOTTOM, y2=BOTTOM + 4, class_="tick") for level in levels],
        *[tag("text", f"{level:g}", x=_x(level), y=BOTTOM + 17, text_anchor="middle") for level in levels],
        tag("text", f"{score} above", x=(LEFT + RIGHT) / 2, y=BOTTOM + 31, text_anchor="middle"),
    ]


def _curve(policy: str, profile: ProfileResult, look: Look) -> Markup:
    known = list(zip(profile.thresholds, profile.share, strict=True))
    band = [(_x(at), _y(each.low)) for at, each in known] + [(_x(at), _y(each.high)) for at, each in reversed(known)]
    points = [(_x(at), _y(each.value)) for at, each in known]
    return tag(
        "g",
        tag("polygon", points=" ".join(f"{x:.1f},{y:.1f}" for x, y in band), class_="band"),
        tag("polyline", points=" ".join(f"{x:.1f},{y:.1f}" for x, y in points), class_="line", stroke_width=look.weight(policy)),
        [look.mark(policy, x, y, 2.4) for x, y in points[::2]],
        class_=look.css_class(policy),
    )
