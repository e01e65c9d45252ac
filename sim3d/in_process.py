"""Missions in one process: exported actors, the runtime's schedule and safety gate, disturbances and a world, batched over missions.

It computes what the same team computes as separate processes (`sim3d.simulate`), without sockets.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from robots.spec import RobotSpec
from runtime.actor import OnnxActor
from runtime.barrier import Neighbours, barrier_for
from runtime.observation import observe
from runtime.safety import Limits, gate
from runtime.schedule import HeldAction
from runtime.team import KEEP_APART, Separation
from sim3d.disturbance import Disturbances
from sim3d.hearing import Hearing, team_view
from sim3d.profile import Profile
from sim3d.world import Layouts, World


def run_missions(
    world: World,
    spec: RobotSpec,
    actors: Sequence[OnnxActor],
    layouts: Layouts,
    profile: Profile,
    horizon: int,
    progress: Callable[[int], None] = lambda ticks: None,
    separation: Separation | None = KEEP_APART,
    known_latency: float | None = None,
    intervened: Callable[[dict[str, np.ndarray]], None] = lambda changed: None,
) -> np.ndarray:
    """Run B missions of a team whose robots are all of one kind, and go on whether they hear each other or not.

    Args:
        world: to run in.
        spec: of the robot kind.
        actors: by agent.
        layouts: of the B missions.
        profile: disturbances.
        horizon: length of a mission in control periods.
        progress: told after each tick how many were done since it was last told.
        separation: how robots are kept apart; None for not at all.
        known_latency: what the robots are told of their command latency [s]; None for that in their spec.
        intervened: told in each tick what the safety gate changed (`Gated.changed`).

    Returns:
        True positions [B, T + 1, N, 2], one for each tick [m].
    """
    contract = actors[0].contract
    shape = layouts.starts.shape
    schedule = HeldAction.for_robot(contract, spec, world.tick_period, shape)
    limits = Limits.of(spec, world.tick_period)
    barrier = barrier_for(spec, [spec.kind] * (world.robots - 1), separation, world.tick_period)
    disturbances = Disturbances(profile, layouts.seeds, world.robots, world.tick_period, spec.command_latency)
    hearing = Hearing(profile, layouts.seeds, world.robots, world.tick_period)
    latency = np.full(shape[:2], spec.command_latency if known_latency is None else known_latency)
    memories = [actor.initial_state(len(layouts)) for actor in actors]
    sent = np.zeros(shape)
    state = world.reset(layouts, disturbances.dynamics)
    positions = [state.position]
    for tick in range(horizon * schedule.every):
        measured = disturbances.sense(state)
        hearing.listen(tick, measured)
        if schedule.due(tick):
            observation = observe(contract.layout, team_view(measured, state.landmarks, hearing.peers(), latency))
            action = np.empty(shape)
            for agent, actor in enumerate(actors):
                action[:, agent], memories[agent] = actor.act(observation[:, agent], memories[agent])
            schedule.offer(action, tick)
        apart = None
        if barrier is not None:
            peers, heard = hearing.peers(), hearing.heard()
            neighbours = Neighbours(peers.position, peers.velocity, np.where(np.isfinite(heard.age), peers.age, np.inf))
            apart = barrier.half_planes(measured.position, measured.velocity, neighbours)
        gated = gate(limits, schedule.at(tick), sent, measured.position, apart=apart)
        intervened(gated.changed)
        sent = gated.action
        state = world.step(state, disturbances.actuate(sent))
        positions.append(state.position)
        progress(1)
    return np.stack(positions, axis=1)
