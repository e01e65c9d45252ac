"""Logs of robots that did what they must not do are noticed; that of one that did nothing wrong is not."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from runtime.log_lines import Header, Peer, Tick
from runtime.team import Member, Team
from tests.benchmarks.conduct import bad_commands, hold_delay, plant_times, recovery, wrong_states
from tests.benchmarks.deployment import Life

HEADER = Header(
    robot="r0",
    boot=1,
    clock="realtime",
    period=0.02,
    team=msgspec.to_builtins(Team(robots=(Member(id="r0", kind="omni", agent=0, endpoint="tcp://127.0.0.1:1"),))),
    contract_sha256="",
    actor_sha256="",
    versions={},
    began=0.0,
    link={},
    command_latency=0.05,
    kind="omni",
    missions={},
)


def tick(number: int, mode: str = "ACTIVE", age: float | None = 0.01, **changes: Any) -> Tick:
    values = {"t": 0.02 * number, "tick": number, "episode": 0, "elapsed": number, "mode": mode, "own_age": 0.01, "heading": 0.0}
    values |= {"position": [0.0, 0.0], "velocity": [0.0, 0.0], "wanted": [0.0, 0.0], "sent": [0.0, 0.0], "gate": [], "compute": 1.0}
    return Tick(**values | {"peers": {"r1": Peer(age, [0.0, 0.0], [0.0, 0.0])}} | changes)


def life(*ticks: Tick) -> Life:
    return Life(HEADER, list(ticks))


def sound() -> Life:
    """A second of driving, one of silence, and one of driving again."""
    driving = [tick(n, sent=[0.03 * min(n, 10), 0.0]) for n in range(50)]
    silent = [tick(50 + n, "ACTIVE" if 0.02 * n <= 0.5 else "HOLD", 0.02 * n) for n in range(1, 50)]
    silent = [each if each.mode == "HOLD" else msgspec.structs.replace(each, sent=[0.3, 0.0]) for each in silent]
    return life(*driving, *silent, *(tick(100 + n) for n in range(50)))


def test_a_sound_log_has_no_breach() -> None:
    assert not list(wrong_states(sound())) and not list(bad_commands(sound()))


@pytest.mark.parametrize(
    "wrong",
    [
        life(tick(0), tick(1, age=0.6)),
        life(tick(0), tick(1, age=None)),
        life(tick(0), tick(1, "HOLD")),
        life(tick(0), tick(1, "HOLD", 0.6), tick(2, "ACTIVE", 0.2)),
        life(tick(0), tick(1, own_age=2.1, mode="HOLD")),
        life(tick(0, age=None), tick(1)),
    ],
    ids=["drives on", "drives unheard", "holds for nothing", "drives too soon", "no stop", "arms alone"],
)
def test_a_state_that_is_not_the_tables_is_a_breach(wrong: Life) -> None:
    assert list(wrong_states(wrong))


@pytest.mark.parametrize(
    "wrong",
    [
        life(tick(0), tick(1, "HOLD", 0.6, sent=[0.01, 0.0])),
        life(tick(0, sent=[2.6, 0.0], gate=["barrier"])),
        life(tick(0), tick(1, sent=[0.05, 0.0])),
        life(tick(0, sent=[float("nan"), 0.0])),
    ],
    ids=["moves in HOLD", "too fast", "leaps", "no number"],
)
def test_a_command_beyond_the_limits_is_a_breach(wrong: Life) -> None:
    assert list(bad_commands(wrong))


def test_times_to_hold_and_back_are_those_of_the_log() -> None:
    log = sound()
    times = plant_times(log)
    assert hold_delay(log, times, begin=1.0, end=2.0) == pytest.approx(0.52)
    assert recovery(log, times, end=1.9) == pytest.approx(0.1)
    assert hold_delay(log, times, begin=0.0, end=1.0) is None
    assert recovery(life(*(tick(n, "HOLD", 0.6) for n in range(20))), times[:20], end=0.0) is None
