"""Did a robot do what runtime/README.md says? Its log is checked against the README's own table, and against its limits.

Nothing of `runtime.states` or `runtime.safety` is used: what those get wrong is to be found here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from robots.spec import load_spec
from runtime.log_lines import Header, Tick
from tests.benchmarks.deployment import Life

README = Path(__file__).parents[2] / "runtime" / "README.md"
ROUNDING = 1e-9
LAST_TICKS = 5
"""Of a mission, in which a robot may hear peers that are in the next one already, and hold."""
BRAKES_HARDER = {"geofence", "barrier", "dead_end"}
"""Reasons for which the gate may change a set-point by more than the acceleration limit (runtime/README.md)."""


def readme_table() -> dict[str, list[tuple[str, str]]]:
    """State -> (condition, next state), from top to bottom."""
    table: dict[str, list[tuple[str, str]]] = {}
    for state, condition, following in re.findall(r"^\| ([A-Z_]+) \| `(\w+)` \| ([A-Z_]+) \|$", README.read_text(), re.MULTILINE):
        table.setdefault(state, []).append((condition, following))
    if not table:
        raise RuntimeError(f"{README}: has no table of states")
    return table


def wrong_states(life: Life) -> Iterator[str]:
    """Ticks whose state is not what the table makes of the state before and the ages; nobody must have stopped or armed the robot."""
    table, figures, period = readme_table(), life.header.team["staleness"], life.header.period
    state = "INIT"
    for tick in life.ticks:
        holds = _conditions(tick, life.header, figures, period)
        for _ in range(len(table)):
            following = next((following for condition, following in table[state] if holds.get(condition, False)), state)
            if following == state:
                break
            state = following
        if tick.mode != state:
            yield f"tick {tick.tick}: is {tick.mode}, the table says {state}"
            state = tick.mode


def _conditions(tick: Tick, header: Header, figures: dict[str, float], period: float) -> dict[str, bool]:
    fresh = max(figures["stale_periods"] * period, figures["stale_floor"])
    needed = tick.peers.values() if header.team["require_peers"] else ()
    ages = [math.inf if peer.age is None else peer.age for peer in needed]
    return {
        "own_seen": True,
        "all_fresh": tick.own_age <= fresh and all(age <= fresh for age in ages),
        "something_lost": tick.own_age > figures["own_hold"] or any(age > figures["lost"] for age in ages),
        "own_gone": tick.own_age > figures["own_stop"],
    }


def bad_commands(life: Life) -> Iterator[str]:
    """Commands outside of the robot's limits, and commands other than zero outside of ACTIVE."""
    spec = load_spec(life.header.kind)
    before: Tick | None = None
    for tick in life.ticks:
        speed = math.hypot(*tick.sent)
        if not math.isfinite(speed):
            yield f"tick {tick.tick}: commanded {tick.sent}"
        elif tick.mode != "ACTIVE" and speed > 0.0:
            yield f"tick {tick.tick}: commanded {tick.sent} in {tick.mode}"
        elif spec.action == "force" and max(map(abs, tick.sent)) > 1.0 + ROUNDING:
            yield f"tick {tick.tick}: commanded {tick.sent}, a force is within +-1"
        elif spec.action == "velocity_setpoint":
            if speed > spec.speed_limit + ROUNDING:
                yield f"tick {tick.tick}: commanded {speed:.3f} m/s, the limit is {spec.speed_limit} m/s"
            if tick.mode == "ACTIVE" and not BRAKES_HARDER & set(tick.gate):
                start = before.sent if before is not None and before.episode == tick.episode else [0.0, 0.0]
                change = math.dist(tick.sent, start)
                if change > spec.acceleration_limit * life.header.period + ROUNDING:
                    yield f"tick {tick.tick}: the command changed by {change:.3f} m/s"
        before = tick


def wall_times(life: Life) -> np.ndarray:
    """When each tick was [T], s since 1970. The header is written a moment before the log's own time begins: a few ms too early."""
    return life.header.began + np.array([tick.t for tick in life.ticks])


def plant_times(life: Life) -> np.ndarray:
    """When each tick was [T], s of the plant's time."""
    return life.header.period * np.array([tick.tick for tick in life.ticks])


def hold_delay(life: Life, times: np.ndarray, begin: float, end: float) -> float | None:
    """How long it took from `begin` [s] until the robot was not ACTIVE, and stayed so to `end`; None where it was ACTIVE to the end."""
    during = (times >= begin) & (times < end)
    active = np.flatnonzero(during & _active(life))
    later = np.flatnonzero(during & (np.arange(len(times)) > (active[-1] if len(active) else -1)))
    return float(times[later[0]] - begin) if len(later) else None


def recovery(life: Life, times: np.ndarray, end: float) -> float | None:
    """How long it took from an outage's `end` [s] until the robot was ACTIVE for the rest of the mission; None where it never was."""
    episodes = np.array([tick.episode for tick in life.ticks])
    after = times >= end
    if not after.any():
        return None
    after &= episodes == episodes[after.argmax()]
    after[np.flatnonzero(after)[-LAST_TICKS:]] = False
    idle = np.flatnonzero(after & ~_active(life))
    later = np.flatnonzero(after & (np.arange(len(times)) > (idle[-1] if len(idle) else -1)))
    return max(0.0, float(times[later[0]] - end)) if len(idle) and len(later) else None if len(idle) else 0.0


def kept_driving(life: Life, times: np.ndarray, begin: float, end: float) -> bool:
    """Whether the robot was ACTIVE from `begin` to `end` [s]."""
    return bool(_active(life)[(times >= begin) & (times < end)].all())


def _active(life: Life) -> np.ndarray:
    return np.array([tick.mode == "ACTIVE" for tick in life.ticks])


def true_ages(listener: Life, speaker: Life, name: str) -> np.ndarray:
    """How old what the listener used of the speaker truly was [K], s, in ticks of the plant that both share.

    A message is found again by the velocity in it, which is logged to the last bit by both; where the speaker stood, none is found.
    """
    sent: dict[tuple[float, float], int] = {}
    for tick in speaker.ticks:
        sent[tuple(tick.velocity)] = tick.tick if tuple(tick.velocity) not in sent else -1
    used = ((tick.tick, sent.get(tuple(tick.peers[name].velocity), -1)) for tick in listener.ticks if tick.peers[name].age is not None)
    return listener.header.period * np.array([now - then for now, then in used if then >= 0], dtype=float)


def believed_ages(life: Life) -> np.ndarray:
    """What the robot believed of the ages of all its peers [K], s; infinite where a peer was not heard in the mission."""
    return np.array([math.inf if peer.age is None else peer.age for tick in life.ticks for peer in tick.peers.values()])


def percentile(values: Sequence[float] | np.ndarray, share: float) -> float:
    """As np.percentile, but for infinite values too; NaN for none."""
    ordered = np.sort(np.asarray(values, dtype=float))
    return float(ordered[math.ceil(share * len(ordered)) - 1]) if len(ordered) else math.nan
