"""How late a team's commands may act before it fails: measured when a bundle is made, and written into its manifest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from robots.spec import RobotSpec
from runtime.actor import OnnxActor
from sim3d.in_process import run_missions
from sim3d.mission_length import mission_periods
from sim3d.profile import Actuation, Profile
from sim3d.spread_task import all_covered
from sim3d.world import random_layouts
from sim3d.worlds import make_world

KEPT = 0.9
"""Share of the undelayed success that still counts as working."""
LONGEST = 1.0
"""No network or motor that a team drives by is later than that [s]; a team that stands it is not tried further."""
HALVINGS = 2
"""Between two latencies that were tried the margin is known to a quarter of the way."""
MISSIONS = 200
MARGIN_SEED = 3_000_017


def latency_margin(success: Callable[[float], float], period: float) -> float:
    """The longest actuation latency [s], beyond the robot's own, at which success is at least KEPT of that without.

    Latencies are tried period by period (or half of LONGEST, if that is less) until one is too long, then halved in between; the margin is
    the longest that worked, at most LONGEST. A team that succeeds in nothing has none.

    Args:
        success: of the team under a latency [s].
        period: control period [s].
    """
    needed = KEPT * success(0.0)
    if needed == 0.0:
        return 0.0
    step = min(period, LONGEST / 2)
    works = 0.0
    while works < LONGEST:
        fails = min(works + step, LONGEST)
        if success(fails) < needed:
            break
        works = fails
    else:
        return LONGEST
    for _ in range(HALVINGS):
        middle = (works + fails) / 2
        if success(middle) >= needed:
            works = middle
        else:
            fails = middle
    return works


@contextmanager
def success_under_latency(actors: Sequence[OnnxActor], specs: Sequence[RobotSpec]) -> Iterator[Callable[[float], float]]:
    """Success of exported actors in simulation under a latency [s]; the layouts are the same for each.

    Robots that take set-points run in `planar`: it goes where `bullet` goes, and an export should not wait for an engine.
    """
    contract = actors[0].contract
    home = "spread" if specs[0].action == "force" else "planar"
    layouts = random_layouts(MISSIONS, contract.team_size, contract.landmarks, contract.arena_half_size, MARGIN_SEED)
    world = make_world(home, specs, contract.landmarks, contract.arena_half_size)

    def success(latency: float) -> float:
        profile = Profile(name=f"{latency:g} s late", actuation=Actuation(delay=latency))
        positions = run_missions(world, specs, actors, layouts, profile, mission_periods(contract))
        every = round(contract.period / world.tick_period)
        covered = all_covered(positions[:, every::every], layouts.landmarks[:, None], contract.capture_radius)
        return float(covered.any(axis=1).mean())

    try:
        yield success
    finally:
        world.close()
