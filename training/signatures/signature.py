"""One known way to fail: how it shows, and what helps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from training.config import TrainConfig
from training.signatures.past import Past


@dataclass(frozen=True)
class Signature:
    """A failure signature.

    Attributes:
        name: as it is called.
        columns: of metrics.csv that it is judged by; rows without one of them are passed over, and a learner that has no such figure is
            never accused.
        patience: rows in a row that must show it before it is named.
        symptom: what is wrong in the newest row, in a sentence without an end; None when nothing is.
        remedy: the key of the configuration that is to be changed, and to what.
    """

    name: str
    columns: tuple[str, ...]
    patience: int
    symptom: Callable[[Past], str | None]
    remedy: Callable[[TrainConfig], str]
