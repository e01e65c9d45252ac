"""What several tests of `sim3d` share and nobody changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sim3d.reported import evaluate_hostile


@pytest.fixture(scope="session")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of results with its report."""
    return evaluate_hostile(tmp_path_factory.mktemp("reported"))
