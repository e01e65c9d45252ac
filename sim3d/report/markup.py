"""HTML and SVG as values: text is escaped because of what it is, not because somebody thought of it.

Whatever is not `Markup` is text and is escaped; `Markup` comes from `tag` alone, and from files of this package. So a name from a user's
file stays a name, wherever it is put.
"""

from __future__ import annotations

import html
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

import msgspec


@dataclass(frozen=True)
class Markup:
    """A piece of a document."""

    text: str


Child: TypeAlias = "Markup | str | int | float | Iterable[Child] | None"
Value: TypeAlias = "str | int | float | bool | None"

_VOID = {"br", "col", "input", "link", "meta"}
"""Elements of HTML without an end tag."""
_LEAVES = {"circle", "line", "path", "polygon", "polyline", "rect"}
"""Elements of SVG that are empty here."""


def tag(name: str, /, *children: Child, **attributes: Value) -> Markup:
    """An element.

    Args:
        name: of the element.
        children: text, markup, numbers, or lists of such; None is left out.
        attributes: `class_="x"` is class="x" and `stroke_width=1` is stroke-width="1"; True is an attribute without a value, None and False
            leave it out; numbers are written to a tenth, which is enough for drawings.
    """
    opening = name + "".join(_attribute(key, value) for key, value in attributes.items())
    if name in _LEAVES:
        return Markup(f"<{opening}/>")
    if name in _VOID:
        return Markup(f"<{opening}>")
    return Markup(f"<{opening}>{join(children).text}</{name}>")


def join(children: Iterable[Child]) -> Markup:
    """Pieces one after the other."""
    return Markup("".join(_text(child) for child in children))


def raw(text: str) -> Markup:
    """A script or style sheet of this package, whose text HTML does not unescape. Raises ValueError where it would end its element."""
    if "</" in text or "<!--" in text:
        raise ValueError("the text of a script or style sheet ends its element")
    return Markup(text)


def data(document: object) -> Markup:
    """A document as JSON that no text in it can end: `<` is written \\u003c."""
    return raw(msgspec.json.encode(document).decode().replace("<", "\\u003c"))


def shortest(value: float, digits: int = 1) -> str:
    """A number without digits that say nothing."""
    text = f"{value:.{digits}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def _text(child: Child) -> str:
    if isinstance(child, Markup):
        return child.text
    if child is None:
        return ""
    if isinstance(child, (str, int, float)):
        # A null character is no text of HTML, escaped or not.
        return html.escape(str(child), quote=False).replace("\0", "\ufffd")
    return join(child).text


def _attribute(key: str, value: Value) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    name = "viewBox" if name == "viewbox" else "preserveAspectRatio" if name == "preserveaspectratio" else name
    if value is True:
        return f" {name}"
    text = shortest(value) if isinstance(value, float) else str(value)
    return f' {name}="{html.escape(text)}"'.replace("\0", "\ufffd")
