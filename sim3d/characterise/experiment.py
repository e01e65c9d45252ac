"""Which set-points show how a robot moves, and what it did with them: driven through its driver, simulated or real."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from robots.driver import Driver, DriverFeatures, PlantGone, RobotState
from robots.errors import InputError
from robots.spec import RobotSpec
from runtime.safety import Limits, gate

DIRECTIONS = (0.0, 90.0, 45.0, 135.0)
"""Of the steps, out and back again [deg]; a robot whose heading matters has another one for each."""
SEQUENCE = 10.0
"""Length of a random sequence [s]."""
HOLD = (0.2, 2.0)
"""For how long a set-point of a random sequence is held, shortest and longest [s]."""
_SHORTEST = 2.0
"""For how long a step is held at least [s]: a robot that has to turn on its way has turned by then."""


@dataclass(frozen=True)
class Step:
    """From rest to a set-point, which is held, and to rest again. Ticks of a plan.

    Attributes:
        speed: [m/s].
        angle: direction [rad].
        begin: the first tick with the set-point.
        release: the first with zero again.
        end: the last of the rest, and one.
    """

    speed: float
    angle: float
    begin: int
    release: int
    end: int


@dataclass(frozen=True)
class Plan:
    """What is to be commanded, tick by tick.

    Attributes:
        setpoints: [T, 2], m/s, world frame.
        steps: by their begin.
        sequences: begin and end of each random sequence, from rest to rest [ticks].
    """

    setpoints: np.ndarray
    steps: tuple[Step, ...]
    sequences: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Track:
    """What a robot measured of itself under a plan, tick by tick; ticks that its driver missed are interpolated.

    Attributes:
        period: of a tick [s].
        position: [T, 2], m, before the command of the tick acts.
        velocity: [T, 2], m/s.
        heading: [T], rad, without jumps.
        missed: how many ticks were.
    """

    period: float
    position: np.ndarray
    velocity: np.ndarray
    heading: np.ndarray
    missed: int


def speeds_of(spec: RobotSpec) -> tuple[float, ...]:
    """Of the steps [m/s]: one that the robot answers without its acceleration limit, the most that missions ask, and its speed limit."""
    corner = min(math.sqrt(2.0) * spec.cruise_speed, spec.speed_limit)
    return min(0.5 * corner, 0.8 * spec.acceleration_limit * spec.velocity_time_constant), corner, spec.speed_limit


def plan_for(spec: RobotSpec, space: float, repeats: int, sequences: int, seed: int) -> Plan:
    """Steps and random sequences that begin and end at rest and stay near the start.

    Args:
        spec: of the kind; its figures say how long a robot needs to settle, with room for one that is twice as slow.
        space: the robot may move within +-this on both axes about its start [m].
        repeats: of each step.
        sequences: how many.
        seed: of the sequences.

    Raises:
        InputError: there is not enough space for the slowest steps; faster ones for which there is not are left out.
    """
    parts: list[np.ndarray] = [np.zeros((_ticks(spec, 1.0), 2))]
    steps: list[Step] = []
    for speed in speeds_of(spec):
        hold = max(_SHORTEST, 2.0 * (spec.command_latency + 4.0 * spec.velocity_time_constant + speed / spec.acceleration_limit))
        way = speed * hold
        if way > space and not steps:
            raise InputError(f"--space: is {space:g} m, a step to {speed:.2g} m/s that settles takes {way:.2f} m ('{spec.kind}')")
        if way > space:
            break
        for degrees in DIRECTIONS if speed < spec.speed_limit else DIRECTIONS[:1]:
            for sense in (0.0, math.pi) * repeats:
                angle = math.radians(degrees) + sense
                begin = sum(map(len, parts))
                parts += [np.tile(speed * _unit(angle), (_ticks(spec, hold), 1)), np.zeros((_ticks(spec, hold), 2))]
                steps.append(Step(speed, angle, begin, begin + _ticks(spec, hold), begin + 2 * _ticks(spec, hold)))
    spans = []
    for number in range(sequences):
        begin = sum(map(len, parts))
        place = sum(part.sum(axis=0) for part in parts) * spec.loop_period
        commanded = random_sequence(spec, np.random.default_rng((seed, number)), spec.cruise_speed, SEQUENCE, space, place)
        parts += [commanded, np.zeros((steps[-1].end - steps[-1].release, 2))]
        spans.append((begin, begin + len(parts[-2]) + len(parts[-1])))
    return Plan(np.concatenate(parts), tuple(steps), tuple(spans))


def random_sequence(
    spec: RobotSpec,
    random: np.random.Generator,
    speed: float,
    duration: float,
    space: float = math.inf,
    start: np.ndarray | tuple[float, float] = (0.0, 0.0),
) -> np.ndarray:
    """Random set-points, each held for a random time, as the runtime issues them: within the robot's limits.

    Args:
        spec: of the kind.
        random: where chance comes from.
        speed: set-points are within +-this on each axis [m/s].
        duration: [s].
        space: an axis that would lead a robot out of +-half of this is turned round, and shortened where that is not enough [m].
        start: where the robot is at the beginning [2], m.

    Returns:
        [T, 2], m/s.
    """
    wanted: list[np.ndarray] = []
    place = np.array(start, dtype=np.float64)
    while len(wanted) < _ticks(spec, duration):
        hold = _ticks(spec, random.uniform(*HOLD))
        seconds = hold * spec.loop_period
        setpoint = random.uniform(-speed, speed, 2)
        setpoint = np.where(np.abs(place + seconds * setpoint) > 0.5 * space, -setpoint, setpoint)
        setpoint = np.clip(setpoint, (-0.5 * space - place) / seconds, (0.5 * space - place) / seconds)
        place = place + seconds * setpoint
        wanted += [setpoint] * hold
    limits, sent = Limits.of(spec, spec.loop_period), np.zeros(2)
    commanded = []
    for setpoint in wanted[: _ticks(spec, duration)]:
        sent = gate(limits, setpoint, sent, np.zeros(2)).action
        commanded.append(sent)
    return np.array(commanded)


def drive(driver: Driver, features: DriverFeatures, plan: Plan, space: float, timeout: float) -> Track:
    """Command a plan, and record what the robot does.

    Args:
        driver: connected; it is told to stop at the end, however it comes.
        features: what it said when it was connected.
        plan: to be commanded.
        space: a robot that leaves +-this on an axis, about its start, is stopped [m].
        timeout: longest wait for a measurement [s].

    Raises:
        InputError: the robot left its space, no measurement came in time, or its plant went.
    """
    count = len(plan.setpoints)
    rows = np.full((count, 5), np.nan)
    first: int | None = None
    try:
        # A plant that was asked for just these ticks says goodbye after the last, others give one state more.
        while (state := _next(driver, timeout, done=bool(np.isfinite(rows[-1, 0])))) is not None:
            first = state.tick if first is None else first
            index = state.tick - first
            if index >= count:
                break
            rows[index] = (*state.position, *state.velocity, state.heading)
            strayed = float(np.abs(state.position - rows[0, :2]).max())
            if strayed > space:
                raise InputError(
                    f"--space: is {space:g} m, the robot was {strayed:.2f} m from its start after {index} ticks and was stopped"
                )
            driver.command(plan.setpoints[index], state.tick)
    finally:
        driver.stop()
    return _track(rows, features.loop_period)


def _next(driver: Driver, timeout: float, done: bool) -> RobotState | None:
    """The next state; None when there is none and none is needed. Raises InputError."""
    try:
        state = driver.read(timeout)
    except PlantGone as gone:
        if done:
            return None
        raise InputError(f"the plant went before the end{': ' + gone.reason if gone.reason else ''}") from None
    if state is None and not done:
        raise InputError(f"no measurement within {timeout:g} s; the robot was told to stop")
    return state


def _track(rows: np.ndarray, period: float) -> Track:
    known = np.flatnonzero(np.isfinite(rows[:, 0]))
    rows[known, 4] = np.unwrap(rows[known, 4])
    ticks = np.arange(len(rows))
    filled = np.stack([np.interp(ticks, known, column[known]) for column in rows.T], axis=-1)
    return Track(period, filled[:, :2], filled[:, 2:4], filled[:, 4], len(rows) - len(known))


def _ticks(spec: RobotSpec, seconds: float) -> int:
    return round(seconds / spec.loop_period)


def _unit(angle: float) -> np.ndarray:
    return np.array([math.cos(angle), math.sin(angle)])
