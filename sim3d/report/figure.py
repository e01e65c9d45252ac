"""What every figure of the report comes with: a title, words for who cannot see it, and its numbers in a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sim3d.report.markup import Child, Markup, tag


def drawing(identity: str, title: str, described: str, width: float, height: float, *children: Child, class_: str = "chart") -> Markup:
    """A drawing that screen readers read as its title and description.

    Args:
        identity: unique in the page.
        title: of it.
        described: what is to be seen.
        width, height: of its coordinates; it is shown as wide as there is room.
        children: what is drawn.
        class_: for the style sheet.
    """
    return tag(
        "svg",
        tag("title", title, id=f"{identity}-title"),
        tag("desc", described, id=f"{identity}-desc"),
        children,
        viewbox=f"0 0 {width:g} {height:g}",
        role="img",
        aria_labelledby=f"{identity}-title",
        aria_describedby=f"{identity}-desc",
        class_=class_,
    )


def figure(title: Child, picture: Child, numbers: Markup, *, notes: Child = None, class_: str = "") -> Markup:
    """A picture with its title, notes and numbers; what the numbers are in is a table, or several."""
    return tag(
        "figure",
        tag("figcaption", title),
        picture,
        tag("div", notes, class_="notes") if notes else None,
        tag("details", tag("summary", "Numbers"), scrolling(numbers)),
        class_=class_ or None,
    )


def table(head: Sequence[Child], rows: Iterable[Sequence[Child]], *, caption: Child = None, class_: str = "") -> Markup:
    """A table whose first column names its rows."""
    return tag(
        "table",
        tag("caption", caption) if caption else None,
        tag("thead", tag("tr", [tag("th", each, scope="col") for each in head])),
        tag("tbody", [tag("tr", tag("th", row[0], scope="row"), [tag("td", each) for each in row[1:]]) for row in rows]),
        class_=class_ or None,
    )


def scrolling(wide: Child) -> Markup:
    """What may be wider than a telephone moves within its own place, by keyboard too."""
    return tag("div", wide, class_="scroll", role="group", aria_label="Table", tabindex=0)


def section(identity: str, title: str, *children: Child) -> Markup:
    """A part of the page under a heading."""
    return tag("section", tag("h2", title, id=f"{identity}-h"), children, id=identity, aria_labelledby=f"{identity}-h")
