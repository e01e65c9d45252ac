"""What was found in a run: kept in its directory, and summed up in one line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from runtime.atomic import write_atomically

FINDINGS = "signatures.json"
"""In the run directory: the findings so far."""


class Finding(msgspec.Struct):
    """A signature that was seen.

    Attributes:
        signature: its name.
        first_step: env steps of the run when it began.
        last_step: env steps when it was last seen; None while it lasts, or when the run ended with it.
        symptom: what was wrong when it was named.
        remedy: the key of the configuration that is to be changed, and to what.
    """

    signature: str
    first_step: int
    last_step: int | None
    symptom: str
    remedy: str


def write_findings(directory: Path, findings: Sequence[Finding]) -> None:
    """Write DIRECTORY/signatures.json."""
    write_atomically(directory / FINDINGS, msgspec.json.format(msgspec.json.encode(list(findings)), indent=2))


def read_findings(directory: Path) -> list[Finding]:
    """The findings of a run directory."""
    return msgspec.json.decode((directory / FINDINGS).read_bytes(), type=list[Finding])


def summary(findings: Sequence[Finding]) -> str:
    """All findings in one line: each signature, when it was there, and what helps."""
    if not findings:
        return "no failure signature seen"
    spells: dict[str, list[Finding]] = {}
    for finding in findings:
        spells.setdefault(finding.signature, []).append(finding)
    return "seen: " + "; ".join(f"{name} {_when(found)} (remedy: {found[-1].remedy})" for name, found in spells.items())


def _when(found: Sequence[Finding]) -> str:
    """From the first to the last of one signature's findings."""
    last = found[-1].last_step
    end = "the end" if last is None else f"{millions(last)} steps"
    often = "" if len(found) == 1 else f", {len(found)} times"
    return f"from {millions(found[0].first_step)} to {end}{often}"


def millions(steps: float) -> str:
    """Env steps as they are written."""
    return f"{steps / 1e6:.3g} M"
