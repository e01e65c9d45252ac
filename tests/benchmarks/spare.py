"""`python -m tests.benchmarks.spare BUNDLE`: entity actors, five robots and four landmarks; one that stands on a landmark is taken away.

The spare one has to notice, and to go there. Peers believe in the robot that is gone until its last message is as old as that of a lost
peer (500 ms, five steps), as deployed robots do; its body is gone with it. Coverage is the share of the landmarks that have a robot within
the capture radius, at a step; the table has it before, and so many steps after. Exit status 1 when the mean after 15 steps is below 90 %
of the one before, which is what TAG-MAPPO reports (arXiv 2602.10029).
"""

from __future__ import annotations

import argparse
import sys

import numpy as np

from runtime.actor import OnnxActor
from runtime.bundle import read_bundle
from runtime.observation import View, observe, of_others
from runtime.team import Staleness
from sim3d.metrics import wilson_interval
from sim3d.spread import CAPTURE_RADIUS, DT, SpreadWorld
from sim3d.spread_task import distances
from sim3d.world import WorldState, random_layouts

ROBOTS, LANDMARKS = 5, 4
SETTLE, AFTER = 40, 30
"""Steps before the robot is taken away, and that are looked at then."""
WITHIN, KEPT = 15, 0.9
ELSEWHERE = 1e3
SEED = 4


def fly(path: str, missions: int) -> tuple[np.ndarray, np.ndarray]:
    """Coverage [E, AFTER + 1] from the step before the robot is gone on, and whether any robot was on a landmark so that one could go."""
    actors = read_bundle(path).actors_for(ROBOTS, LANDMARKS)
    contract = actors[0].contract
    layouts = random_layouts(missions, ROBOTS, LANDMARKS, contract.arena_half_size, SEED)
    world = SpreadWorld(ROBOTS, landmarks=LANDMARKS, arena_half_size=contract.arena_half_size)
    state, every = world.reset(layouts), np.arange(missions)
    here = np.ones((missions, ROBOTS), dtype=bool)
    last = state.position
    lost = round(Staleness().lost / DT)
    coverage: list[np.ndarray] = []
    for step in range(SETTLE + AFTER):
        if step == SETTLE:
            covers = distances(state.position, state.landmarks) < CAPTURE_RADIUS
            victim = covers.any(axis=2).argmax(axis=1)
            felt = covers.any(axis=(1, 2))
            coverage.append(covers.any(axis=1).mean(axis=1))
            here[every, victim] = False
            last = state.position
            state = _without(state, here)
        believed = here if step >= SETTLE + lost else np.ones_like(here)
        force = np.stack([_force(actors[agent], state, last, here, believed, agent) for agent in range(ROBOTS)], axis=1)
        state = _without(world.step(state, force), here)
        if step >= SETTLE:
            coverage.append((distances(state.position, state.landmarks) < CAPTURE_RADIUS).any(axis=1).mean(axis=1))
    return np.stack(coverage, axis=1), felt


def _force(actor: OnnxActor, state: WorldState, last: np.ndarray, here: np.ndarray, believed: np.ndarray, agent: int) -> np.ndarray:
    """What one robot of each team does: [E, 2]. Who is gone is where it was, and at rest, as long as it is believed in."""
    told = np.where(here[..., None], state.position, last)
    known = np.broadcast_to(believed[..., None].astype(float), (*believed.shape, 2))
    view = View(
        own_position=state.position[:, agent],
        own_velocity=state.velocity[:, agent],
        landmarks=state.landmarks,
        peers=of_others(told)[:, agent],
        peers_velocity=of_others(state.velocity)[:, agent],
        peers_known=of_others(known)[:, agent, :, 0],
    )
    action, _ = actor.act(observe(actor.contract.layout, view), actor.initial_state(len(told)))
    return action


def _without(state: WorldState, here: np.ndarray) -> WorldState:
    """The same with those elsewhere who are not here, at rest."""
    position = np.where(here[..., None], state.position, ELSEWHERE)
    return WorldState(position, state.velocity * here[..., None], state.heading, state.landmarks, state.tick, state.dynamics)


def main() -> int:
    """Fly the missions, and print coverage over the steps."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle")
    parser.add_argument("--missions", type=int, default=500)
    arguments = parser.parse_args()
    coverage, felt = fly(arguments.bundle, arguments.missions)
    coverage = coverage[felt]
    before = coverage[:, 0].mean()
    for step in (0, 1, 5, 10, WITHIN, 20, AFTER):
        mean, half = coverage[:, step].mean(), 1.96 * coverage[:, step].std() / np.sqrt(len(coverage))
        print(f"{step:3} steps after   coverage {mean:.3f} +- {half:.3f}   {mean / before:.2f} of before")
    held = coverage[:, WITHIN] >= KEPT * coverage[:, 0]
    low, high = wilson_interval(int(held.sum()), len(held))
    print(f"{held.mean():.3f} [{low:.3f}, {high:.3f}] of {len(held)} teams have {KEPT:.0%} of theirs again after {WITHIN} steps")
    return int(coverage[:, WITHIN].mean() < KEPT * before)


if __name__ == "__main__":
    sys.exit(main())
