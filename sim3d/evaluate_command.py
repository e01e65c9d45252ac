"""`fieldswarm evaluate`: score a bundle's exported actors in a simulated world, or in mpe2's own environment."""

from __future__ import annotations

import argparse
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
from sim3d.metrics import episode_metrics, summarise, wilson_interval
from sim3d.mission_length import mission_periods
from sim3d.profile import Profile, load_profile
from sim3d.world import World, random_layouts
from sim3d.worlds import WORLDS, check_world, make_world, specs_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("bundle", metavar="BUNDLE", help="directory or .zip of an exported team")
    parser.add_argument("--world", choices=(*WORLDS, "mpe2"), help="where (default: spread for `point` actors, else bullet)")
    parser.add_argument("--profile", default="clean", help="disturbances: a shipped profile or a YAML file (default: clean)")
    parser.add_argument("--episodes", type=int, default=1000, help="default: 1000")
    parser.add_argument("--seed", type=int, default=0, help="of the layouts (default: 0)")
    parser.add_argument("--workers", type=int, default=2, help="processes for bullet (default: 2)")
    parser.add_argument("--separation", choices=("on", "off"), default="on", help="the filter that keeps robots apart (default: on)")
    parser.add_argument("--localisation", choices=("on", "off"), default="on", help="robots smooth their positions (default: on)")
    parser.add_argument(
        "--known-latency", type=float, metavar="S", help="command latency that the robots are told [s] (default: their spec's)"
    )
    parser.add_argument("--json", metavar="FILE", help="write the figures here as well")


def run(arguments: argparse.Namespace) -> None:
    """Evaluate, and print one line a metric."""
    for name, least in (("episodes", 1), ("seed", 0), ("workers", 0)):
        if getattr(arguments, name) < least:
            raise InputError(f"--{name}: is {getattr(arguments, name)}, must be at least {least}")
    if arguments.known_latency is not None and not (math.isfinite(arguments.known_latency) and arguments.known_latency >= 0):
        raise InputError(f"--known-latency: is {arguments.known_latency}, must be finite and not below 0")
    actors = read_bundle(arguments.bundle).verify()
    contract = actors[0].contract
    specs = specs_of(actors, arguments.bundle)
    # mpe2's environment is the original of `spread`.
    home = check_world("spread" if arguments.world == "mpe2" else arguments.world, specs[0])
    world = arguments.world or home
    profile = load_profile(arguments.profile)
    check_link(profile.between_robots, contract.team_size, arguments.profile)
    if world == "mpe2" and profile.name != "clean":
        raise InputError(f"--profile: is {profile.name}; mpe2's environment has no disturbances, use --world spread")
    off = "".join(f", {name} off" for name in ("separation", "localisation") if getattr(arguments, name) == "off")
    title = f"{arguments.bundle} in {world}, {profile.name}{off}"
    if world == "mpe2":
        summary = _in_mpe2(actors, arguments.episodes, arguments.seed, title)
    else:
        simulated = make_world(world, specs, contract.landmarks, contract.arena_half_size, arguments.workers)
        summary = _in_world(simulated, specs, actors, profile, arguments, title)
    print(f"{title}: {arguments.episodes} episodes")
    for name, value in summary.items():
        if not name.endswith(("_low", "_high")):
            interval = f"  [{summary[name + '_low']:.3f}, {summary[name + '_high']:.3f}]" if name + "_low" in summary else ""
            print(f"  {name:20} {value:9.4g}{interval}")
    if arguments.json:
        settings = {"bundle": str(arguments.bundle), "world": world, "profile": profile.name, "seed": arguments.seed}
        settings |= {"separation": arguments.separation, "localisation": arguments.localisation, "known_latency": arguments.known_latency}
        document = {**settings, "episodes": arguments.episodes, **summary}
        write_atomically(Path(arguments.json), msgspec.json.format(msgspec.json.encode(document), indent=2))


def _in_world(
    world: World,
    specs: list[RobotSpec],
    actors: list[OnnxActor],
    profile: Profile,
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
    layouts = random_layouts(arguments.episodes, contract.team_size, contract.landmarks, contract.arena_half_size, arguments.seed)
    try:
        periods = mission_periods(contract)
        with tqdm(total=periods * every, desc=title, unit="tick", leave=False) as bar:
            positions = run_missions(world, specs, actors, layouts, profile, periods, bar.update, **settings)
    finally:
        world.close()
    metrics = episode_metrics(
        positions,
        layouts.landmarks,
        ticks_per_step=every,
        tick_period=world.tick_period,
        capture_radius=contract.capture_radius,
        robot_radius=world.robot_radius,
        arena_half_size=contract.arena_half_size,
    )
    return summarise(metrics)


def _in_mpe2(actors: list[OnnxActor], episodes: int, seed: int, title: str) -> dict[str, float]:
    # Imported here: mpe2 starts pygame, which the other worlds have no use for.
    from sim3d.mpe2_missions import run_mpe2

    with tqdm(total=episodes, desc=title, unit="episode", leave=False) as bar:
        result = run_mpe2(actors, episodes, seed, bar.update)
    low, high = wilson_interval(int(result.success.sum()), episodes)
    return {
        "success": float(result.success.mean()),
        "success_low": low,
        "success_high": high,
        "episode_return": float(result.episode_return.mean()),
        "steps": float(result.steps.mean()),
    }
