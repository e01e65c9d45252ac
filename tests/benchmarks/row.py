"""One line of the table of measurements."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """What was measured.

    Attributes:
        what: and under which conditions.
        value: in `unit`.
        unit: of the value.
        ratio: the value over that of another measurement of the same run, so that it carries over to other machines; None for a reference.
        against: what the ratio is to.
    """

    what: str
    value: float
    unit: str
    ratio: float | None = None
    against: str = ""
