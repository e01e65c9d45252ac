"""Looks at a run row by row for the signatures, so that each is said once when it begins, and once when it has passed."""

from __future__ import annotations

from collections.abc import Mapping

from training.config import TrainConfig
from training.signatures.entropy_collapse import ENTROPY_COLLAPSE
from training.signatures.findings import Finding, millions
from training.signatures.flat_reward import FLAT_REWARD
from training.signatures.oscillation import OSCILLATION
from training.signatures.past import Past
from training.signatures.signature import Signature
from training.signatures.symmetry_collapse import SYMMETRY_COLLAPSE
from training.signatures.value_explosion import VALUE_EXPLOSION

OF_TEAMS = (SYMMETRY_COLLAPSE, OSCILLATION, FLAT_REWARD, ENTROPY_COLLAPSE)
"""These read evaluations, which are of the others where one robot learns to play against its team."""

PASSED = 3
"""Judged rows in a row without a symptom, after which it has passed."""


class Watch:
    """What was found in a run. It is made from the rows of metrics.csv alone: a resumed run finds what an uninterrupted one finds.

    Attributes:
        findings: in the order in which they were named.

    Args:
        config: of the run.
    """

    def __init__(self, config: TrainConfig) -> None:
        self.findings: list[Finding] = []
        self._past = Past(config)
        self._watched = (
            [_Watched(VALUE_EXPLOSION)] if config.adversary.victims else [_Watched(each) for each in (*OF_TEAMS, VALUE_EXPLOSION)]
        )

    def look(self, row: Mapping[str, float]) -> list[str]:
        """Take in the row of the next batch; returns what is to be said of it, a line for each signature that begins or passes."""
        self._past.add(row)
        said = []
        for watched in self._watched:
            if all(name in row for name in watched.signature.columns):
                said += watched.judge(self._past, int(row["steps"]), self.findings)
        return [f"{millions(row['steps'])} steps: {line}" for line in said]


class _Watched:
    """One signature in one run.

    Args:
        signature: that is looked for.
    """

    def __init__(self, signature: Signature) -> None:
        self.signature = signature
        self._showing: list[int] = []
        self._clean = 0
        self._open: Finding | None = None

    def judge(self, past: Past, steps: int, findings: list[Finding]) -> list[str]:
        symptom = self.signature.symptom(past)
        if symptom is None:
            self._clean += 1
            if self._open is None:
                self._showing.clear()
            elif self._clean == PASSED:
                self._open.last_step = self._showing[-1]
                self._open = None
                self._showing.clear()
                return [f"{self.signature.name} has passed"]
            return []
        self._clean = 0
        self._showing.append(steps)
        if self._open is not None or len(self._showing) < self.signature.patience:
            return []
        remedy = self.signature.remedy(past.config)
        self._open = Finding(self.signature.name, self._showing[0], None, symptom, remedy)
        findings.append(self._open)
        return [f"{self.signature.name}: {symptom}. Remedy: {remedy}"]
