"""`python -m tests.benchmarks.quadrotor`: take-off, hover, landing, set-point steps and a weak motor, in figures and as a picture.

It also has the speed of world `bullet` with three quadrotors, and what the planar model of the spec is worth: position errors after
10 s of random set-points.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from robots.quadrotor.airframe import CRAZYFLIE
from robots.quadrotor.attitude_control import RATE
from robots.quadrotor.flight_stack import MISSION_HEIGHT
from sim3d.bullet import BulletWorld
from sim3d.disturbances.disturbance import Disturbances
from sim3d.profile import load_profile
from sim3d.world import WorldState, random_layouts
from tests.benchmarks.row import Row
from tests.sim3d.quadrotor_flight import SPEC, Flight, Track

TICK = SPEC.loop_period
SEQUENCES = 100
SEQUENCE = 10.0
HOLDS = (0.28, 0.5, 1.0)
"""For which set-points of a sequence are held [s]; the first is the period of an exported policy."""
EPISODES = 30
DURATION = 5.0
"""How long the measurement of speed goes on, at least [s]."""
PUBLISHED_STEPS_PER_SECOND = 4545.0
"""Physics steps of three vehicles a second in gym-pybullet-drones' VelocityAviary, on a 2-core x86-64 machine."""


def measure() -> list[Row]:
    """Physics steps of a team of three a second."""
    rate = _physics_steps_per_second()
    ratio = rate / PUBLISHED_STEPS_PER_SECOND
    return [Row("world bullet, 3 quadrotors, in process", rate, "team physics steps/s", ratio, "gym-pybullet-drones")]


def main() -> None:
    """Fly, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--picture", type=Path, help="PNG of step responses and of take-off, hover and landing")
    arguments = parser.parse_args()
    flight = _demonstration()
    for line in (*_flight_lines(flight), *_step_lines(), *_weak_motor_lines(), *_planar_lines()):
        print(line, flush=True)
    for row in measure():
        print(f"{row.what}: {row.value:,.0f} {row.unit}, {row.ratio:.1f} x {row.against}")
    if arguments.picture:
        _draw(flight, arguments.picture)


def _demonstration() -> dict[str, Track]:
    """Take-off, a minute in one place under profile `field`, landing."""
    disturbances = Disturbances(load_profile("field"), np.array([0]), 1, TICK, SPEC.command_latency)
    vehicle = np.array([True])
    with Flight(np.zeros((1, 2))) as flight:
        bodies = flight.bodies
        bodies.stand(np.zeros((1, 2)))
        bodies.stack.take_off(bodies.motion, vehicle)
        rise = flight.fly(5.0)
        hover = flight.fly(60.0, lambda tick: _homewards(flight, disturbances, tick))
        bodies.stack.land(bodies.motion, vehicle)
        return {"take-off": rise, "hover": hover, "landing": flight.fly(5.0)}


def _homewards(flight: Flight, disturbances: Disturbances, tick: int) -> np.ndarray:
    """What arrives of set-points towards the origin at 1 m/s for each metre, made of what the vehicle measures."""
    motion = flight.bodies.motion
    position, velocity = motion.position[:2].T[None], motion.velocity[:2].T[None]
    state = WorldState(position, velocity, np.zeros((1, flight.vehicles)), np.zeros((1, 0, 2)), tick)
    return disturbances.actuate(-disturbances.sense(state).position)[0]


def _flight_lines(flight: dict[str, Track]) -> list[str]:
    rise, hover, landing = flight["take-off"], flight["hover"], flight["landing"]
    goal = MISSION_HEIGHT + 0.5 * CRAZYFLIE.height
    near = np.abs(rise.position[:, 2, 0] - goal) < 0.05
    settled = (len(near) - np.argmin(near[::-1])) * TICK
    return [
        f"take-off: within 5 cm of {goal:.2f} m after {settled:.1f} s, at most {rise.position[:, 2].max() - goal:.3f} m above",
        f"60 s in one place under field: height within {np.abs(hover.position[:, 2] - goal).max():.3f} m, "
        f"place within {np.linalg.norm(hover.position[:, :2], axis=1).max():.3f} m",
        f"landing: at most {-landing.velocity[:, 2].min():.2f} m/s, {np.linalg.norm(landing.position[-1, :2]):.3f} m aside",
    ]


def _step(speed: float) -> Track:
    with Flight(np.zeros((1, 2))) as flight:
        return flight.fly(3.0, [speed, 0.0])


def _step_lines() -> list[str]:
    lines = []
    for speed in (0.25, 0.5, 1.0):
        track = _step(speed)
        share = track.velocity[:, 0, 0] / speed
        rise = (np.argmax(share > 0.9) - np.argmax(share > 0.1)) * TICK
        lines.append(
            f"step to {speed:g} m/s: 10 to 90 % in {rise:.2f} s, 63 % after {np.argmax(share > 0.632) * TICK:.2f} s, "
            f"overshoot {share.max() - 1:.1%}, after 3 s {share[-1] - 1:+.1%}, height within "
            f"{np.abs(track.position[:, 2] - MISSION_HEIGHT).max():.3f} m, tilt {np.degrees(np.abs(track.angles[:, 1]).max()):.0f} degrees"
        )
    return lines


def _weak_motor_lines() -> list[str]:
    with Flight(np.zeros((4, 2))) as flight:
        np.fill_diagonal(flight.bodies.rotors.gain, 0.9)
        hover = flight.fly(5.0, [0.0, 0.0])
        steps = flight.fly(12.0, lambda tick: [[1.0, -1.0][tick // 100 % 2], 0.0])
    return [
        f"one motor drops to 90 % ({name}): height within {np.abs(track.position[:, 2] - MISSION_HEIGHT).max():.3f} m, "
        f"yaw within {np.degrees(np.abs(track.angles[:, 2]).max()):.1f} degrees"
        for name, track in (("in hover", hover), ("in steps between 1 and -1 m/s", steps))
    ]


def _planar_lines() -> list[str]:
    lines = []
    for hold in HOLDS:
        ticks = round(SEQUENCE / TICK)
        draws = np.random.default_rng(0).uniform(-SPEC.cruise_speed, SPEC.cruise_speed, (int(SEQUENCE / hold) + 1, SEQUENCES, 2))
        setpoints = draws.repeat(round(hold / TICK), axis=0)[:ticks]
        flown = _flown(setpoints.__getitem__, ticks)
        path = np.linalg.norm(np.diff(flown, axis=0), axis=1).sum(axis=0)
        share = np.linalg.norm(flown[-1].T - _planar(setpoints), axis=-1) / path
        lines.append(
            f"planar model against flight, {SEQUENCES} x {SEQUENCE:g} s, set-points held {hold:g} s: position error "
            f"{share.mean():.1%} of the path, at most {share.max():.1%}"
        )
    return lines


def _flown(setpoint: Callable[[int], np.ndarray], ticks: int) -> np.ndarray:
    with Flight(np.zeros((SEQUENCES, 2))) as flight:
        return flight.fly(ticks * TICK, setpoint).position[:, :2]


def _planar(setpoints: np.ndarray) -> np.ndarray:
    """Where v' = clip((v_set - v) / tau, a_max) leads after set-points [T, M, 2]: [M, 2]."""
    position, velocity = np.zeros(setpoints.shape[1:]), np.zeros(setpoints.shape[1:])
    rate = -np.expm1(-TICK / SPEC.velocity_time_constant) / TICK
    for setpoint in setpoints:
        acceleration = rate * (setpoint - velocity)
        size = np.linalg.norm(acceleration, axis=-1, keepdims=True)
        following = velocity + TICK * acceleration * np.minimum(1.0, SPEC.acceleration_limit / np.maximum(size, 1e-9))
        position, velocity = position + 0.5 * TICK * (velocity + following), following
    return position


def _physics_steps_per_second() -> float:
    world = BulletWorld([SPEC] * 3, arena_half_size=0.7)
    substeps = round(RATE * TICK)
    generator = np.random.default_rng(0)
    try:
        state = world.reset(random_layouts(EPISODES, 3, 3, world.arena_half_size, seed=0))
        state = world.step(state, np.zeros((EPISODES, 3, 2)))
        begin, steps = time.perf_counter(), 0
        while (elapsed := time.perf_counter() - begin) < DURATION:
            state = world.step(state, generator.uniform(-SPEC.cruise_speed, SPEC.cruise_speed, (EPISODES, 3, 2)), ticks=5)
            steps += EPISODES * 5 * substeps
        return steps / elapsed
    finally:
        world.close()


def _draw(flight: dict[str, Track], path: Path) -> None:
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    for speed in (0.25, 0.5, 1.0):
        velocity = _step(speed).velocity[:, 0, 0]
        seconds = np.arange(len(velocity)) * TICK
        (line,) = left.plot(seconds, velocity, label=f"step to {speed:g} m/s")
        left.plot(seconds, speed * (1 - np.exp(-seconds / SPEC.velocity_time_constant)), "--", color=line.get_color(), linewidth=0.8)
    left.set(xlabel="time [s]", ylabel="velocity [m/s]", title="steps (dashed: first order, the spec's time constant)", xlim=(0, 2))
    left.legend()
    height = np.concatenate([track.position[1:, 2, 0] for track in flight.values()])
    right.plot(np.arange(len(height)) * TICK, height)
    right.set(xlabel="time [s]", ylabel="height [m]", title="take-off, a minute under field, landing")
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
