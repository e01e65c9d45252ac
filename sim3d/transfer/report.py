"""A transfer table in words: aligned for a terminal, as CSV, and as JSON with everything that it was made of and with."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import msgspec

from sim3d.statistics.interval import Estimate
from sim3d.team_name import team_name
from sim3d.transfer.figures import FIGURES, TransferRow
from sim3d.transfer.plan import TransferManifest

_SHOWN = {
    "success": ("success", 2),
    "success_body": ("success_body", 2),
    "retention": ("retention", 2),
    "time_to_cover": ("time to cover [s]", 1),
    "contacts": ("contacts a mission", 2),
}
"""Figures of the table: their heading, and digits after the point; CSV and JSON have all."""


def table_text(rows: Sequence[TransferRow]) -> str:
    """One line a cell, columns aligned."""
    lines = [("bundle", "robots", "world", "profile", *(heading for heading, _ in _SHOWN.values()))]
    lines += [
        (row.bundle, team_name(row.kinds), row.world, row.profile, *(_shown(row.figures[name], *_SHOWN[name][1:]) for name in _SHOWN))
        for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip() for line in lines)


def table_csv(rows: Sequence[TransferRow]) -> bytes:
    """One row a cell; a figure that does not exist is an empty field."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    ends = [(name, end) for name in FIGURES for end in ("value", "low", "high")]
    columns = [name if end == "value" else f"{name}_{end}" for name, end in ends]
    writer.writerow(["bundle", "robots", "world", "profile", "missions", *columns])
    for row in rows:
        values = [getattr(row.figures[name], end) for name, end in ends]
        figures = ["" if value is None else f"{value:.6g}" for value in values]
        writer.writerow([row.bundle, " ".join(row.kinds), row.world, row.profile, row.missions, *figures])
    return buffer.getvalue().encode()


def table_json(manifest: TransferManifest, rows: Sequence[TransferRow]) -> bytes:
    """Everything as one document; a figure that does not exist is null."""
    document = {**msgspec.to_builtins(manifest), "rows": rows}
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def _shown(estimate: Estimate, digits: int) -> str:
    if estimate.value is None:
        return "-"
    known = "" if estimate.low is None else f" [{estimate.low:.{digits}f}, {estimate.high:.{digits}f}]"
    return f"{estimate.value:.{digits}f}{known}"
