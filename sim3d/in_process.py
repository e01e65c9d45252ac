"""Missions in one process: exported actors, the runtime's schedule and safety gate, disturbances and a world, batched over missions.

It computes what the same team computes as separate processes (`sim3d.simulate`), without sockets.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from robots.spec import RobotSpec
from runtime.actor import OnnxActor
from runtime.localisation import Localiser
from runtime.observation import View, observe
from runtime.schedule import HeldAction
from runtime.team import KEEP_APART, SMOOTHED, Localisation, Separation
from sim3d.disturbances.disturbance import Disturbances
from sim3d.disturbances.hearing import Hearing, team_view
from sim3d.disturbances.spoofing import Spoof, distance_from_success, worst_spoof
from sim3d.landmark_track import at_ticks
from sim3d.profile import Profile
from sim3d.team_gate import TeamGate
from sim3d.world import Layouts, World, WorldState


def hearing_of(actors: Sequence[OnnxActor], profile: Profile, seeds: np.ndarray, tick_period: float) -> Hearing:
    """The ears of the robots of B teams that run these actors; see Hearing for the rest."""
    contract = actors[0].contract
    return Hearing(profile, seeds, len(actors), tick_period, message=contract.message or None, heeded=contract.period)


@dataclass(frozen=True)
class Moment:
    """What there is to see of B teams in one tick.

    Attributes:
        tick: since the missions began.
        state: the truth, before the tick.
        view: what the robots know, where their actors decide in this tick; else None.
        memories: of the actors, before they decided: [B, S] each.
        sent: what the robots commanded in this tick [B, N, 2].
    """

    tick: int
    state: WorldState
    view: View | None
    memories: tuple[np.ndarray, ...]
    sent: np.ndarray


def run_missions(
    world: World,
    specs: Sequence[RobotSpec],
    actors: Sequence[OnnxActor],
    layouts: Layouts,
    profile: Profile,
    horizon: int,
    progress: Callable[[int], None] = lambda ticks: None,
    separation: Separation | None = KEEP_APART,
    known_latency: float | None = None,
    intervened: Callable[[dict[str, np.ndarray]], None] = lambda changed: None,
    localisation: Localisation | None = SMOOTHED,
    watch: Callable[[Moment], None] = lambda moment: None,
    between: tuple[Disturbances, Hearing] | None = None,
) -> np.ndarray:
    """Run B missions of a team, each robot of its own kind, and go on whether they hear each other or not.

    Args:
        world: to run in.
        specs: what the robots are, by agent.
        actors: by agent.
        layouts: of the B missions.
        profile: disturbances. An adversary rehearses the missions until it knows its worst error; only then they are run for good.
        horizon: length of a mission in control periods (of agent 0; those of a bundle are all the same).
        progress: told after each tick how many were done since it was last told.
        separation: how robots are kept apart; None for not at all.
        known_latency: what the robots are told of their command latency [s]; None for that in their spec.
        intervened: told in each tick what the safety gate changed (`Gated.changed`).
        localisation: how robots smooth their measured positions; None for not at all.
        watch: told each tick what there was to see.
        between: what stands between robots, plants and peers, in place of what the profile says; for these missions alone.

    Returns:
        True positions [B, T + 1, N, 2], one for each tick [m].
    """
    episodes, period = len(layouts), world.tick_period
    schedules = [HeldAction.for_robot(actor.contract, spec, period, (episodes, 2)) for actor, spec in zip(actors, specs, strict=True)]
    team_gate = TeamGate(specs, separation, period)
    latencies = [spec.command_latency for spec in specs]

    def disturbed(spoof: Spoof | None) -> tuple[Disturbances, Hearing]:
        return (
            Disturbances(profile, layouts.seeds, world.robots, period, latencies, spoof=spoof),
            hearing_of(actors, profile, layouts.seeds, period),
        )

    def harm(spoof: Spoof) -> np.ndarray:
        every = schedules[0].every
        periods = max(1, math.ceil(min(horizon, profile.end_tick(period) / every)))
        setup = {"separation": separation, "known_latency": known_latency, "localisation": localisation}
        rehearsed = run_missions(world, specs, actors, layouts, profile, periods, **setup, between=disturbed(spoof))
        track = layouts.track(period, rehearsed.shape[1] - 1)
        return distance_from_success(rehearsed[:, every::every], at_ticks(track, slice(every, None, every)))

    if between is None:
        attacked = profile.adversary.attacks
        between = disturbed(worst_spoof(profile.adversary, layouts.seeds, world.robots, harm) if attacked else None)
    disturbances, hearing = between
    localiser = Localiser.for_robot(localisation, specs[0], period)
    told = np.tile(latencies if known_latency is None else known_latency, (episodes, 1 if known_latency is None else world.robots))
    memories = [actor.initial_state(episodes) for actor in actors]
    said = np.zeros((episodes, world.robots, actors[0].contract.words)) if actors[0].contract.words else None
    sent = np.zeros((episodes, world.robots, 2))
    state = world.reset(layouts, disturbances.dynamics)
    positions = [state.position]
    for tick in range(horizon * schedules[0].every):
        measured = disturbances.sense(state)
        if localiser is not None:
            measured = replace(measured, position=localiser(measured.position, measured.velocity, tick))
        hearing.listen(tick, measured, None if said is None else said.copy())
        due = [agent for agent, schedule in enumerate(schedules) if schedule.due(tick)]
        view, before = None, tuple(memories)
        if due:
            view = team_view(measured, state.landmarks, hearing.peers(), told, sent, state.landmarks_velocity)
            observations = {layout: observe(layout, view) for layout in {actors[agent].contract.layout for agent in due}}
        for agent in due:
            observation = observations[actors[agent].contract.layout][:, agent]
            if said is None:
                action, memories[agent] = actors[agent].act(observation, memories[agent])
            else:
                action, said[:, agent], memories[agent] = actors[agent].act_and_speak(observation, memories[agent])
            schedules[agent].offer(action, tick)
        gated = team_gate(np.stack([schedule.at(tick) for schedule in schedules], axis=1), sent, measured, hearing)
        sent = gated.action
        intervened(gated.changed)
        watch(Moment(tick, state, view, before, sent))
        state = world.step(state, disturbances.actuate(sent))
        positions.append(state.position)
        progress(1)
    return np.stack(positions, axis=1)
