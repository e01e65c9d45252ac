"""One robot of each team disturbed, from a known step on, and its peers not: runs in which it is known who failed first.

A profile disturbs all robots alike, but for faults. Here it is applied to one robot, its radio included: what it hears, and what is heard
of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec
import numpy as np

from robots.spec import RobotSpec
from runtime.actor import OnnxActor
from runtime.faults import Faults
from runtime.heard import Heard, Peers, believe
from runtime.link import Fault
from sim3d.disturbances.disturbance import Disturbances
from sim3d.disturbances.hearing import LOST, Hearing
from sim3d.disturbances.sensing import Measurement
from sim3d.in_process import hearing_of
from sim3d.profile import Profile
from sim3d.world import Dynamics, Layouts, World, WorldState


def culprits(profile: Profile, seeds: np.ndarray, robots: int) -> np.ndarray:
    """Which robots fail in the episodes of a profile, by its faults: booleans [B, N]."""
    faults = Faults(profile.faults, seeds, robots, np.zeros(0))
    lying = np.broadcast_to(faults.lie(np.inf), (len(seeds), robots, 2)).any(axis=-1)
    # Whoever joins late is absent at first, and all else has begun at the end of time.
    return faults.stopped(np.inf) | faults.silent(np.inf) | faults.absent(-np.inf) | lying


@dataclass(frozen=True)
class Disturbed:
    """Who is disturbed, and where.

    Attributes:
        who: booleans [B, N], one robot of each episode.
        world: to run it in.
        between: what stands between robots, plants and peers (`sim3d.in_process.run_missions`).
    """

    who: np.ndarray
    world: World
    between: tuple[Disturbances, Hearing]


def disturb_one(
    world: World, specs: list[RobotSpec], actors: Sequence[OnnxActor], layouts: Layouts, base: Profile, profile: Profile, since: int
) -> Disturbed:
    """One robot of each team, drawn as faults draw theirs, meets a profile from a tick on; before that, and all others, another one.

    Args:
        world: of the robots.
        specs: of the robots, by agent.
        actors: by agent.
        layouts: of B missions.
        base: what all robots meet.
        profile: what that one robot meets instead. The time of its faults is `since`, whatever the profile says.
        since: first tick in which it does.

    Raises:
        ValueError: other dynamics from a later tick on, in a world that cannot change them.
    """
    at = since * world.tick_period
    faults = tuple(msgspec.structs.replace(fault, at=at) for fault in profile.faults)
    profile = msgspec.structs.replace(profile, faults=faults)
    who = culprits(profile if faults else Profile(name="", faults=(Fault(kind="stop"),)), layouts.seeds, world.robots)
    latencies = [spec.command_latency for spec in specs]

    def stands_between(each: Profile) -> tuple[Disturbances, Hearing]:
        return (
            Disturbances(each, layouts.seeds, world.robots, world.tick_period, latencies),
            hearing_of(actors, each, layouts.seeds, world.tick_period),
        )

    (plants, ears), (its_plant, its_ears) = stands_between(base), stands_between(profile)
    return Disturbed(
        who,
        _changing(world, who, since, plants.dynamics, its_plant.dynamics),
        (
            _OnePlant(plants, its_plant if profile.sensing != base.sensing else None, its_plant, who, since),
            _OneRadio(ears, its_ears, who, since, world.tick_period, actors[0].contract.period),
        ),
    )


class _OnePlant:
    """Sensing and actuation, of one robot and of its peers; `its_sensors` is None where all sense alike."""

    def __init__(
        self, base: Disturbances, its_sensors: Disturbances | None, its_actuators: Disturbances, who: np.ndarray, since: int
    ) -> None:
        self._base, self._its_sensors, self._its_actuators, self._who, self._since = base, its_sensors, its_actuators, who[..., None], since
        self._tick = -1
        self.dynamics = base.dynamics

    def sense(self, state: WorldState) -> Measurement:
        measured = self._base.sense(state)
        if self._its_sensors is None or state.tick < self._since:
            return measured
        # Sensors that hold or delay begin with what is true now.
        its = self._its_sensors.sense(replace(state, tick=state.tick - self._since))
        one = self._who[..., 0]
        return Measurement(
            np.where(self._who, its.position, measured.position),
            np.where(self._who, its.velocity, measured.velocity),
            np.where(one, its.heading, measured.heading),
            np.where(one, its.age, measured.age),
        )

    def actuate(self, action: np.ndarray) -> np.ndarray:
        self._tick += 1
        # Both know all commands: a command that is late from now on was given before.
        applied, its = self._base.actuate(action), self._its_actuators.actuate(action)
        return np.where(self._who, its, applied) if self._tick >= self._since else applied


class _OneRadio:
    """Links: those from and to one robot by one profile, all others by another."""

    def __init__(self, base: Hearing, its: Hearing, who: np.ndarray, since: int, period: float, heeded: float) -> None:
        self._base, self._its, self._since, self._period, self._heeded = base, its, since, period, heeded
        robots = who.shape[1]
        peers = [[other for other in range(robots) if other != me] for me in range(robots)]
        self._touched = who[:, :, None] | who[:, peers]
        self._tick = -1
        self._before: Heard | None = None
        self._measured: Measurement | None = None

    def listen(self, tick: int, measured: Measurement, said: np.ndarray | None = None) -> None:
        if self._tick == self._since - 1 and self._measured is not None:
            self._before = self._base.heard()
        self._tick, self._measured = tick, measured
        self._base.listen(tick, measured, said)
        self._its.listen(tick, measured, said)

    def heard(self) -> Heard:
        heard = self._base.heard()
        if self._tick < self._since:
            return heard
        its = self._its.heard()
        if self._before is not None:
            # What it heard before its radio failed is not forgotten.
            age = self._before.age + (self._tick - self._since + 1) * self._period
            its = _chosen(its.age <= age, its, replace(self._before, age=age))
        return _chosen(self._touched, its, heard)

    def peers(self) -> Peers:
        return believe(self.heard(), self._measured.position, LOST, self._heeded)


def _chosen(where: np.ndarray, one: Heard, other: Heard) -> Heard:
    return Heard(
        np.where(where[..., None], one.position, other.position),
        np.where(where[..., None], one.velocity, other.velocity),
        np.where(where, one.age, other.age),
        None if one.message is None else np.where(where[..., None], one.message, other.message),
    )


def _changing(world: World, who: np.ndarray, since: int, base: Dynamics | None, its: Dynamics | None) -> World:
    if its is None and base is None:
        return world
    as_specified = np.ones(who.shape)
    one, other = (each or Dynamics(as_specified, as_specified, 0.0 * as_specified) for each in (its, base))
    mixed = Dynamics(*(np.where(who, getattr(one, name), getattr(other, name)) for name in ("mass", "motor_gain", "friction")))
    from sim3d.spread import SpreadWorld

    if not isinstance(world, SpreadWorld):
        raise ValueError(f"{type(world).__name__} cannot change the dynamics of a robot in mid-mission")
    return _ChangingWorld(world, since, mixed)


class _ChangingWorld:
    """A world of which the robots' dynamics change at a tick."""

    def __init__(self, world: World, since: int, dynamics: Dynamics) -> None:
        self._world, self._since, self._dynamics = world, since, dynamics

    def __getattr__(self, name: str) -> object:
        return getattr(self._world, name)

    def step(self, state: WorldState, action: np.ndarray, ticks: int = 1) -> WorldState:
        return self._world.step(replace(state, dynamics=self._dynamics) if state.tick >= self._since else state, action, ticks)
