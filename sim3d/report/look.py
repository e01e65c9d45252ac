"""How policies are told apart, the same throughout the report: by colour, by the shape of their marks, and by name."""

from __future__ import annotations

from collections.abc import Sequence

from sim3d.report.markup import Markup, tag

COLOURS = 6
"""Classes `p0` ... of the style sheet; the seventh policy has the first colour with another mark."""
_SHAPES = 5


class Look:
    """The look of each policy.

    Args:
        policies: names, in the order of the evaluation.
    """

    def __init__(self, policies: Sequence[str]) -> None:
        self._number = {name: number for number, name in enumerate(policies)}

    def css_class(self, policy: str) -> str:
        """Sets the colour of what is within."""
        return f"p{self._number[policy] % COLOURS}"

    def mark(self, policy: str, x: float, y: float, radius: float = 3.0) -> Markup:
        """The policy's mark in a drawing."""
        return mark(self._number[policy] % _SHAPES, x, y, radius)

    def weight(self, policy: str) -> float:
        """How thick the policy's lines are: the first lie under the others, and show where they are the same."""
        return 1.6 + 0.8 * (len(self._number) - 1 - self._number[policy])

    def name(self, policy: str) -> Markup:
        """The policy's name in text, with its mark."""
        drawn = tag("svg", self.mark(policy, 5, 5, 3.6), viewbox="0 0 10 10", class_="mark", aria_hidden="true")
        return tag("span", drawn, policy, class_=f"policy {self.css_class(policy)}")

    def legend(self) -> Markup:
        """All of them."""
        return tag("p", [[self.name(policy), " "] for policy in self._number], class_="legend")


def mark(shape: int, x: float, y: float, radius: float) -> Markup:
    """A circle, square, triangle, diamond or cross of about the same weight."""
    if shape == 0:
        return tag("circle", cx=x, cy=y, r=radius, class_="dot")
    r = radius
    corners = {
        1: [(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
        2: [(0, -1.2), (1.1, 0.8), (-1.1, 0.8)],
        3: [(0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0)],
        4: [(-1, -0.4), (-0.4, -0.4), (-0.4, -1), (0.4, -1), (0.4, -0.4), (1, -0.4),
            (1, 0.4), (0.4, 0.4), (0.4, 1), (-0.4, 1), (-0.4, 0.4), (-1, 0.4)],
    }[shape]  # fmt: skip
    return tag("polygon", points=" ".join(f"{x + r * dx:.1f},{y + r * dy:.1f}" for dx, dy in corners), class_="dot")
