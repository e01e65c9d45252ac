from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from scripted_plant import ScriptedPlant


@pytest.fixture
def plant(free_endpoints: Callable[[int], list[str]]) -> Iterator[ScriptedPlant]:
    """A plant at a free endpoint that does what the test says."""
    scripted = ScriptedPlant(free_endpoints(1)[0])
    yield scripted
    scripted.close()
