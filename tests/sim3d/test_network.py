"""A team whose network is away for a while holds, and drives again when it is back; and a benchmark's networks leave nothing behind."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.benchmarks.impairing_proxy import Air, Proxy, Stream
from tests.benchmarks.impairment import CLEAN, Impairment, full_partition
from tests.benchmarks.namespaces import Namespaces, NotPermitted
from tests.benchmarks.network import ALL, ROBOTS, Case, run_case
from tests.runtime.factory import make_bundle


def test_a_team_holds_while_it_is_parted_and_drives_again_afterwards(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "bundle", ROBOTS, state_initial=())
    with Proxy(ROBOTS) as proxy:
        row = run_case(Case("partition", full_partition(ROBOTS), deaf=ALL), 6.0, proxy, bundle, tmp_path / "run")
    assert row.failed == []  # no process, state, command or fence
    assert math.isfinite(row.held) and math.isfinite(row.recovered) and row.active > 0.3


def test_what_waited_for_a_lossy_link_comes_soon_after_it_is_good_again() -> None:
    """Before any piece would have been tried again by itself."""

    async def carried() -> tuple[float, float]:
        air, loop = Air(seed=0), asyncio.get_running_loop()
        air.impairment = Impairment(loss=1.0)
        stream, began = Stream(air, 0, 1), loop.time()
        waiting = [asyncio.create_task(stream.carry(100, 6.0)) for _ in range(20)]
        await asyncio.sleep(0.1)
        air.impairment = CLEAN
        for _ in range(3):
            await stream.carry(100, 6.0)
        good = loop.time()
        await asyncio.gather(*waiting)
        return good - began, loop.time() - began

    good, all_came = asyncio.run(carried())
    assert 0.1 <= good <= all_came < 5.0


MAKER = """
from tests.benchmarks.namespaces import Namespaces
with Namespaces(2, delays=True) as network:
    print(*network.holders, flush=True)
    input()
"""


def test_namespaces_are_gone_when_their_maker_was_killed() -> None:
    try:
        Namespaces(2, delays=True).close()
    except NotPermitted as refused:
        pytest.skip(f"no network namespaces here: {refused}")
    maker = subprocess.Popen([sys.executable, "-c", MAKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    holders = [int(word) for word in maker.stdout.readline().split()]
    assert len(holders) == 3 and all(map(_is_alive, holders))
    maker.send_signal(signal.SIGKILL)
    maker.communicate()
    deadline = time.monotonic() + 30.0
    while any(map(_is_alive, holders)):
        assert time.monotonic() < deadline, "a namespace is still held"
        time.sleep(0.05)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
