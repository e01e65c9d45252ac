"""`python -m tests.benchmarks.separation`: do robots that are driven at each other touch?

The adversary drives a team together in one of four ways, drawn for each episode: every robot after its nearest peer, all to one point, each
to the far side through all others, or anywhere. Commands and messages are late by up to 200 ms, drawn for each episode and robot or link.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

import msgspec
import numpy as np

from robots.spec import load_spec
from runtime.contract import ActionShape, Contract
from runtime.figure import Law
from runtime.link import Link
from runtime.team import Separation
from sim3d.in_process import run_missions
from sim3d.metrics import TOUCH_MARGIN
from sim3d.profile import Actuation, Profile, Sensing
from sim3d.world import World, random_layouts
from sim3d.worlds import make_world
from tests.conftest import point_contract

ARENA = 1.4
"""Half-size [m]: hardly larger than that in which a body is as large as in simple_spread, so that robots are always in each other's way."""
PERIOD = 0.2
LATEST = 0.2
"""Largest delay of commands and of messages [s]."""
STANDBY = 2
"""Control periods before the robots move: a deployed robot arms when it has heard every peer, and not before."""
BATCH = 250


class Adversary:
    """Stands in for an exported actor (`runtime.actor.OnnxActor`); drives as fast as the platform can.

    Args:
        contract: of the agent.
        seed: of what it does in which episode.
    """

    def __init__(self, contract: Contract, seed: int) -> None:
        self.contract = contract
        self._random = np.random.default_rng((seed, contract.agent))
        self._seed = seed

    def initial_state(self, batch: int) -> np.ndarray:
        """What to do in each episode, the same for all robots of a team, and for how many periods not yet."""
        way = np.random.default_rng(self._seed).integers(4, size=(batch, 1))
        return np.concatenate([way, np.full((batch, 1), STANDBY)], axis=1)

    def act(self, observation: np.ndarray, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Set-points [B, 2], m/s, from own position, and the peers' [B, 2 + 2 (N - 1)], m."""
        own, peers = observation[:, :2], observation[:, 2:].reshape(len(observation), -1, 2)
        nearest = np.hypot(peers[..., 0], peers[..., 1]).argmin(axis=1)
        ways = np.stack([peers[np.arange(len(own)), nearest], -own, peers.mean(axis=1) - own, self._random.normal(size=own.shape)])
        way = ways[state[:, 0], np.arange(len(own))] * (state[:, 1:] == 0)
        state = np.stack([state[:, 0], np.maximum(state[:, 1] - 1, 0)], axis=1)
        return self.contract.action.limit * way / np.maximum(np.hypot(*way.T)[:, None], 1e-9), state


@dataclass(frozen=True)
class Outcome:
    """What came of it.

    Attributes:
        episodes: how many.
        touched: episodes in which two bodies were in touch at any tick (`sim3d.metrics.TOUCH_MARGIN`).
        smallest_gap: between two bodies, over all ticks and episodes [m].
        at_start: the same when the episodes began [m].
        interventions: share of the robots' ticks in which the filter changed the command.
        dead_ends: share in which it found no way.
    """

    episodes: int
    touched: int
    smallest_gap: float
    at_start: float
    interventions: float
    dead_ends: float


def adversaries(robots: int, seed: int) -> list[Adversary]:
    """A team of them, for kind `omni`."""
    spec = load_spec("omni")
    action = ActionShape(kind="velocity_setpoint", limit=spec.speed_limit, unit="m/s", effect_delay=0.0)
    team = []
    for agent in range(robots):
        fields = tuple(field for field in point_contract(agent, robots).observation if field.name in ("own_position", "peers_relative"))
        contract = msgspec.structs.replace(point_contract(agent, robots), observation=fields, action=action, period=PERIOD)
        team.append(Adversary(contract, seed))
    return team


def drive_together(
    world: World, separation: Separation | None, episodes: int, seed: int, noise: float = 0.0, latest: float = LATEST, horizon: int = 40
) -> Outcome:
    """Episodes of one batch.

    Args:
        world: of omni robots.
        separation: the filter; None for none.
        episodes: how many.
        seed: of all chance.
        noise: standard deviation of the measured positions and velocities [m], [m/s].
        latest: largest delay of commands and messages [s].
        horizon: control periods.
    """
    spec = load_spec("omni")
    late = Law(uniform=(0.0, latest)) if latest else 0.0
    profile = Profile(
        name="adversary",
        sensing=Sensing(position_sigma=noise, velocity_sigma=noise),
        actuation=Actuation(delay=late),
        link=Link(delay=late),
    )
    layouts = random_layouts(episodes, world.robots, world.landmarks, ARENA, seed)
    counts = {"barrier": 0, "dead_end": 0}

    def count(changed: dict[str, np.ndarray]) -> None:
        for reason in counts.keys() & changed.keys():
            counts[reason] += int(changed[reason].sum())

    positions = run_missions(
        world, [spec] * world.robots, adversaries(world.robots, seed), layouts, profile, horizon, separation=separation, intervened=count
    )
    first, second = np.triu_indices(world.robots, 1)
    gap = np.linalg.norm(positions[:, :, first] - positions[:, :, second], axis=-1).min(axis=-1) - 2 * spec.radius
    ticks = episodes * world.robots * (positions.shape[1] - 1)
    return Outcome(
        episodes=episodes,
        touched=int((gap.min(axis=1) < TOUCH_MARGIN * spec.radius).sum()),
        smallest_gap=float(gap.min()),
        at_start=float(gap[:, 0].min()),
        interventions=counts["barrier"] / ticks,
        dead_ends=counts["dead_end"] / ticks,
    )


def main() -> None:
    """Run many episodes, and say what came of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=10_000)
    parser.add_argument("--robots", type=int, default=3)
    parser.add_argument("--noise", type=float, default=0.0, help="of measured positions and velocities, standard deviation [m], [m/s]")
    parser.add_argument("--latest", type=float, default=LATEST, help="largest delay of commands and messages [s]")
    parser.add_argument("--margin", type=float, default=0.02, help="of the filter [m]")
    parser.add_argument("--off", action="store_true", help="without the filter, for comparison")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    separation = None if arguments.off else Separation(margin=arguments.margin, command_delay=arguments.latest, message_delay=0.0)
    world = make_world("bullet", [load_spec("omni")] * arguments.robots, arguments.robots, ARENA, arguments.workers)
    began, outcomes = time.monotonic(), []
    try:
        for seed, first in enumerate(range(0, arguments.episodes, BATCH)):
            batch = min(BATCH, arguments.episodes - first)
            outcomes.append(drive_together(world, separation, batch, seed, arguments.noise, arguments.latest))
            if seed % 4 == 3:
                print(f"{first + batch} episodes, {sum(each.touched for each in outcomes)} touched", flush=True)
    finally:
        world.close()
    shares = [each.episodes / arguments.episodes for each in outcomes]
    gap, at_start = (min(getattr(each, name) for each in outcomes) for name in ("smallest_gap", "at_start"))
    changed, stuck = (
        sum(share * getattr(each, name) for share, each in zip(shares, outcomes, strict=True)) for name in ("interventions", "dead_ends")
    )
    print(f"episodes                      {arguments.episodes}")
    print(f"... in which robots touched   {sum(each.touched for each in outcomes)}")
    print(f"smallest gap of two bodies    {gap:.4f} m (at the start {at_start:.4f} m)")
    print(f"commands that were changed    {changed:.4f}")
    print(f"commands without a way out    {stuck:.6f}")
    print(f"time                          {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
