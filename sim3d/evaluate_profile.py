"""One bundle under one profile, in a simulated world or in mpe2's own environment: figures on the screen."""

from __future__ import annotations

import argparse
import dataclasses
import math
from pathlib import Path

import msgspec
from tqdm import tqdm

from robots.errors import InputError
from robots.spec import RobotSpec
from runtime.actor import OnnxActor
from runtime.atomic import write_atomically
from runtime.bundle import read_bundle
from runtime.link import check_link
from runtime.team import KEEP_APART, SMOOTHED
from sim3d.in_process import run_missions
from sim3d.metrics import EpisodeMetrics, summarise, team_metrics, wilson_interval
from sim3d.mission_length import mission_periods
from sim3d.profile import Profile, load_profile
from sim3d.statistics.interval import NONE, Estimate
from sim3d.suite.rules import broken, read_rules
from sim3d.team_options import STANDING, team_asked_for
from sim3d.world import World, random_layouts
from sim3d.worlds import check_world, make_world, specs_of

_OF_MPE2 = ("success", "episode_return", "steps")


def evaluate_profile(arguments: argparse.Namespace) -> list[str]:
    """Evaluate, and print one line a metric.

    Args:
        arguments: of the command line.

    Returns:
        One line for each rule that is broken.

    Raises:
        InputError: something that was given cannot be used.
    """
    (bundle,) = arguments.bundle
    episodes = arguments.episodes or 1000
    workers = 2 if arguments.workers is None else arguments.workers
    found = read_bundle(bundle)
    actors = found.actors_for(*team_asked_for(arguments, found.load_actor(0).contract))
    contract = actors[0].contract
    specs = specs_of(actors, bundle)
    # mpe2's environment is the original of `spread`.
    home = check_world("spread" if arguments.world == "mpe2" else arguments.world, specs[0])
    world = arguments.world or home
    profile = load_profile(arguments.profile)
    check_link(profile.between_robots, contract.team_size, arguments.profile)
    if world == "mpe2" and profile.name != "clean":
        raise InputError(f"--profile: is {profile.name}; mpe2's environment has no disturbances, use --world spread")
    if world == "mpe2" and arguments.landmark_speed != STANDING:
        raise InputError(f"--landmark-speed: is {arguments.landmark_speed:g}; those of mpe2's environment stand still, use --world spread")
    names = _OF_MPE2 if world == "mpe2" else tuple(field.name for field in dataclasses.fields(EpisodeMetrics))
    rules = None if arguments.require is None else read_rules(arguments.require, names)
    if world == "mpe2" and contract.reads_entities:
        raise InputError(f"{bundle}: its actors do not read what mpe2's environment gives; use --world spread")
    off = "".join(f", {name} off" for name in ("separation", "localisation") if getattr(arguments, name) == "off")
    title = f"{bundle} in {world}, {profile.name}{off}"
    if world == "mpe2":
        summary = _in_mpe2(actors, episodes, arguments.seed, title)
    else:
        simulated = make_world(world, specs, contract.landmarks, contract.arena_half_size, workers)
        summary = _in_world(simulated, specs, actors, profile, episodes, arguments, title)
    print(f"{title}: {episodes} episodes")
    for name, value in summary.items():
        if not name.endswith(("_low", "_high")):
            interval = f"  [{summary[name + '_low']:.3f}, {summary[name + '_high']:.3f}]" if name + "_low" in summary else ""
            print(f"  {name:20} {value:9.4g}{interval}")
    if arguments.json:
        settings = {"bundle": str(bundle), "world": world, "profile": profile.name, "seed": arguments.seed}
        settings |= {"separation": arguments.separation, "localisation": arguments.localisation, "known_latency": arguments.known_latency}
        settings |= {"robots": contract.team_size, "landmarks": contract.landmarks, "landmark_speed": arguments.landmark_speed}
        document = {**settings, "episodes": episodes, **summary}
        write_atomically(Path(arguments.json), msgspec.json.format(msgspec.json.encode(document), indent=2))
    return [] if rules is None else [f"{bundle}: {line}" for line in broken(rules, _estimates(summary, names))]


def _estimates(summary: dict[str, float], names: tuple[str, ...]) -> dict[str, Estimate]:
    """A figure without an interval counts as exactly known."""

    def estimate(name: str) -> Estimate:
        value = summary[name]
        return (
            NONE
            if math.isnan(value)
            else Estimate(value=value, low=summary.get(f"{name}_low", value), high=summary.get(f"{name}_high", value))
        )

    return {name: estimate(name) for name in names}


def _in_world(
    world: World,
    specs: list[RobotSpec],
    actors: list[OnnxActor],
    profile: Profile,
    episodes: int,
    arguments: argparse.Namespace,
    title: str,
) -> dict[str, float]:
    contract = actors[0].contract
    settings = {
        "separation": KEEP_APART if arguments.separation == "on" else None,
        "localisation": SMOOTHED if arguments.localisation == "on" else None,
        "known_latency": arguments.known_latency,
    }
    every = round(contract.period / world.tick_period)
    team = contract.team_size, contract.landmarks, contract.arena_half_size
    layouts = random_layouts(episodes, *team, arguments.seed, landmark_speed=arguments.landmark_speed)
    periods = mission_periods(contract)
    try:
        with tqdm(total=periods * every, desc=title, unit="tick", leave=False, disable=None) as bar:
            positions = run_missions(world, specs, actors, layouts, profile, periods, bar.update, **settings)
    finally:
        world.close()
    return summarise(team_metrics(positions, layouts.track(world.tick_period, periods * every), contract, world))


def _in_mpe2(actors: list[OnnxActor], episodes: int, seed: int, title: str) -> dict[str, float]:
    # Imported here: mpe2 starts pygame, which the other worlds have no use for.
    from sim3d.mpe2_missions import run_mpe2

    with tqdm(total=episodes, desc=title, unit="episode", leave=False, disable=None) as bar:
        result = run_mpe2(actors, episodes, seed, bar.update)
    low, high = wilson_interval(int(result.success.sum()), episodes)
    return {
        "success": float(result.success.mean()),
        "success_low": low,
        "success_high": high,
        "episode_return": float(result.episode_return.mean()),
        "steps": float(result.steps.mean()),
    }
