"""One robot of a team of three, as it is deployed: its files, its plant, and its peers, in the test's hands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.runtime.deployment import Deployment, RealTimePlant, TalkingPeers


@pytest.fixture
def deployment(tmp_path: Path, free_endpoints: Callable[[int], list[str]]) -> Deployment:
    return Deployment(tmp_path, free_endpoints(6))


@pytest.fixture
def plant(deployment: Deployment) -> Iterator[RealTimePlant]:
    serving = RealTimePlant(deployment.endpoints[3])
    yield serving
    serving.stop()


@pytest.fixture
def talk(deployment: Deployment) -> Iterator[Callable[[Callable[[str, int], list[bytes]]], TalkingPeers]]:
    talking: list[TalkingPeers] = []

    def start(frames_of: Callable[[str, int], list[bytes]]) -> TalkingPeers:
        talking.append(TalkingPeers({"r1": deployment.endpoints[1], "r2": deployment.endpoints[2]}, frames_of))
        return talking[-1]

    yield start
    for each in talking:
        each.stop()
