"""What grows for an hour is told from what only wavers."""

from __future__ import annotations

import numpy as np
import pytest

from tests.benchmarks.endurance import growth_of
from tests.benchmarks.process_figures import ProcessFigures

HOURS = np.arange(1, 361) / 360


def looks(resident: np.ndarray, descriptors: np.ndarray | None = None) -> list[ProcessFigures]:
    files = np.full(len(resident), 20) if descriptors is None else descriptors
    return [ProcessFigures(0.0, float(size), 0.0, int(count), 7) for size, count in zip(resident, files, strict=True)]


@pytest.mark.parametrize(
    ("resident", "flat"),
    [
        (70.0 + 0.0 * HOURS, True),
        (70.0 + np.minimum(20.0 * HOURS, 5.0), True),
        (70.0 + 0.1 * np.sin(200.0 * HOURS), True),
        (70.0 + 2.0 * HOURS, False),
        (70.0 + np.floor(8.0 * HOURS), False),
    ],
    ids=["still", "fills caches", "wavers", "leaks", "leaks in steps"],
)
def test_memory(resident: np.ndarray, flat: bool) -> None:
    assert growth_of(HOURS, looks(resident)).is_flat is flat


def test_files_that_stay_open_are_growth() -> None:
    assert not growth_of(HOURS, looks(70.0 + 0.0 * HOURS, 20 + np.arange(360) // 100)).is_flat
