"""Start a plant and every robot of a team, each in its own process, run missions, and say what came of them."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

import msgspec
from tqdm import tqdm

from robots.errors import InputError
from runtime.atomic import write_atomically
from runtime.bundle import read_bundle
from runtime.contract import Contract
from runtime.entities import contract_for_team
from runtime.team import read_missions
from sim3d.metrics import summarise
from sim3d.mission_layouts import layouts_of
from sim3d.profile import profile_names
from sim3d.simulate import SimulationResult, simulate
from sim3d.team_options import STANDING, add_team_options, check_team_options, team_asked_for
from sim3d.world import Layouts, random_layouts
from sim3d.worlds import WORLDS

_SHOWN = {
    "success": "",
    "success_end": "",
    "success_body": "",
    "matched": "",
    "coverage": "",
    "time_to_cover": "s",
    "episode_return": "",
    "contacts_per_100m": "",
    "min_separation": "m",
    "path_length": "m",
}
"""Figures of the table, with their units; `summary.json` has all."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("bundle", metavar="BUNDLE", help="directory or .zip of an exported team")
    parser.add_argument("--missions", type=int, default=20, metavar="E", help="number of random missions (default: %(default)s)")
    parser.add_argument("--mission-file", metavar="FILE", help="run these missions instead")
    add_team_options(parser)
    parser.add_argument("--world", choices=WORLDS, help="default: the one in which the bundle's robots live")
    parser.add_argument("--profile", default="clean", help=f"disturbances: {', '.join(profile_names())}, or a file (default: %(default)s)")
    parser.add_argument("--clock", choices=("lockstep", "realtime"), default="lockstep", help="who waits for whom (default: %(default)s)")
    parser.add_argument(
        "--known-latency", type=float, metavar="S", help="command latency that the robots are told [s] (default: that of their spec)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the missions and all chance in them (default: %(default)s)")
    parser.add_argument("--out", default="runs/simulate", metavar="DIR", help="for the record, logs and summaries (default: %(default)s)")


def run(arguments: argparse.Namespace) -> None:
    """Run the missions, and print one table on the team and one on its robots. Raises InputError."""
    if not 0 <= arguments.seed < 2**63:
        raise InputError(f"--seed: is {arguments.seed}, must be in 0 ... 2^63 - 1")
    if arguments.known_latency is not None and not (math.isfinite(arguments.known_latency) and arguments.known_latency >= 0):
        raise InputError(f"--known-latency: is {arguments.known_latency}, must be finite and not below 0")
    check_team_options(arguments)
    if arguments.missions < 1:
        raise InputError(f"--missions: is {arguments.missions}, must be at least 1")
    if arguments.mission_file is not None and arguments.landmark_speed != STANDING:
        raise InputError(f"--landmark-speed: is {arguments.landmark_speed:g}, but {arguments.mission_file} says how landmarks move (drift)")
    layouts = _layouts(arguments, read_bundle(arguments.bundle).load_actor(0).contract)
    with tqdm(total=len(layouts), desc="missions", unit="mission", leave=False, disable=None) as bar:
        done = covered = 0

        def progress(mission: dict[str, Any]) -> None:
            nonlocal done, covered
            done, covered = done + 1, covered + mission["covered_at_end"]
            bar.set_postfix_str(f"covered at the end {covered / done:.2f}", refresh=False)
            bar.update(1)

        result = simulate(
            arguments.bundle,
            layouts,
            arguments.out,
            arguments.world,
            arguments.profile,
            arguments.clock,
            progress=progress,
            known_latency=arguments.known_latency,
        )
    figures = summarise(result.metrics)
    _write_summary(Path(arguments.out) / "summary.json", arguments, result, figures)
    print(f"{len(layouts)} missions in {result.record.world}, {arguments.profile}, {arguments.clock}: {result.seconds:.1f} s")
    _print_team(figures)
    _print_robots(result)
    print(f"wrote {arguments.out}: summary.json, record.npz, and each robot's log and summary")


def _layouts(arguments: argparse.Namespace, contract: Contract) -> Layouts:
    robots, landmarks = team_asked_for(arguments, contract)
    missions = None
    if arguments.mission_file is not None:
        # Actors of any number cover as many landmarks as the missions have, unless somebody said how many those are.
        any_number = contract.reads_entities and arguments.landmarks is None
        missions = read_missions(arguments.mission_file, None if any_number else landmarks)
        landmarks = len(missions.missions[0].landmarks)
    arena = contract_for_team(contract, 0, robots, landmarks, arguments.bundle).arena_half_size
    if missions is None:
        return random_layouts(arguments.missions, robots, landmarks, arena, arguments.seed, landmark_speed=arguments.landmark_speed)
    return layouts_of(missions, robots, arena, arguments.seed, arguments.mission_file)


def _write_summary(path: Path, arguments: argparse.Namespace, result: SimulationResult, figures: dict[str, float]) -> None:
    document = {
        **{name: getattr(arguments, name) for name in ("bundle", "mission_file", "landmark_speed", "profile", "clock", "seed")},
        "world": result.record.world,
        "missions": len(result.record),
        "seconds": result.seconds,
        "team": figures,
        "robots": result.robots,
        "lost": result.lost,
        "plant": result.plant,
    }
    write_atomically(path, msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")


def _print_team(figures: dict[str, float]) -> None:
    for name, unit in _SHOWN.items():
        interval = f"[{figures[f'{name}_low']:.3f}, {figures[f'{name}_high']:.3f}]" if f"{name}_low" in figures else ""
        value = "-" if math.isnan(figures[name]) else f"{figures[name]:.3f}"
        print(f"  {name:18} {value:>8} {unit:2} {interval}".rstrip())


def _print_robots(result: SimulationResult) -> None:
    print(f"  {'robot':6} {'ticks':>7} {'missed':>7} {'p50 us':>8} {'p99 us':>8} {'RSS MB':>7}  gate")
    for name, robot in result.robots.items():
        gate = ", ".join(f"{count} {reason}" for reason, count in robot["interventions"].items()) or "-"
        times = {share: math.nan if time is None else time for share, time in robot["compute_us"].items()}
        memory = robot["process"]["max_resident_mb"]
        print(f"  {name:6} {robot['ticks']:7} {robot['missed_ticks']:7} {times['p50']:8.0f} {times['p99']:8.0f} {memory:7.1f}  {gate}")
    for name, words in result.lost.items():
        print(f"  {name}: LOST: {words}")
