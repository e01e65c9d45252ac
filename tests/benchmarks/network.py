"""`python -m tests.benchmarks.network`: three robots and the plant in real time, over networks that lose, delay, starve and part them.

Each robot has a network namespace of its own, and messages are encrypted (`tests.benchmarks.namespaces`). Where namespaces are not
permitted, a proxy stands in (`tests.benchmarks.impairing_proxy`), and it says so. Then the same through the runtime's own link model. A bad
network is good again for the last seconds of a run; a cut comes once in each mission. Exit status 1 unless, in every run,

- no process ended by itself, and no command left the robot's limits or was other than zero outside of ACTIVE;
- each state is what the table of runtime/README.md makes of the logged ages;
- a robot that does not hear a peer is in HOLD after 500 ms (and what a busy machine adds, `SLACK`), one that hears all never;
- each robot is ACTIVE within a second of the link's return, and stays so.

The table: share of the time in ACTIVE; age of the newest message, as robots believe and as it truly was; share of messages not received;
longest times to HOLD and back; missions in which all landmarks were covered at the same time; contacts; and what failed.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np

from runtime.link import Fault, Link, LinkProfile
from runtime.team import Staleness
from sim3d.metrics import episode_metrics
from sim3d.mission_layouts import missions_of
from sim3d.world import random_layouts
from tests.benchmarks import conduct
from tests.benchmarks.deployment import Deployment, Life, Reach, Setting, on_loopback
from tests.benchmarks.impairing_proxy import Proxy
from tests.benchmarks.impairment import CLEAN, Impairment, full_partition
from tests.benchmarks.namespaces import Namespaces, NotPermitted
from tests.runtime.factory import make_bundle

ROBOTS = 3
ARENA = 2.0
TICK = 0.02
STEP = 20
"""Ticks in a control period."""
MISSION = 10.0
"""Length of a mission [s]."""
GOOD_AGAIN = 4.0
"""The end of a run, in which the network is good again [s]."""
CUT_AT = 2.0
"""When a link is cut, in each mission [s]."""
CUT_FOR = (1.0, 0.3, 4.0, 2.0)
"""How long, one after the other [s]."""
LOST = 0.5
"""Silence after which a robot holds [s]."""
RETURN = 1.0
"""Within which it drives again after the link's return [s]."""
SLACK = 0.1
"""Two ticks, and what a busy machine adds [s]."""
FENCE_SLACK = 0.05
"""By which a robot may overshoot its fence [m]."""
ALL = frozenset(range(ROBOTS))


@dataclass(frozen=True)
class Case:
    """One run.

    Attributes:
        name: of it.
        impairment: of the network: throughout but for the end, or, with `deaf`, in each mission for a while.
        deaf: agents that do not hear all their peers in a cut.
        touched: those on whom a cut has another effect.
        link: instead of a network, the runtime's own link model.
        silent: with `link`, when in each mission deaf robots cease to hear, and hear again [s].
    """

    name: str
    impairment: Impairment = CLEAN
    deaf: frozenset[int] = frozenset()
    touched: frozenset[int] = frozenset()
    link: LinkProfile | None = None
    silent: tuple[float, float] | None = None


# Losses: osrf/TSC-RMW-Reports. Wi-Fi: foxglove/foxglove-sdk, docker-compose.netem.yml. Rate: half of what a robot sends to two peers.
LOSSES = (0.01, 0.05, 0.20, 0.40)
WIFI = {"good Wi-Fi": (0.08, 0.02, 0.02), "poor Wi-Fi": (0.15, 0.05, 0.05), "severe Wi-Fi": (0.3, 0.1, 0.1)}
RATE = 100e3
NETWORK_CASES = (
    Case("clean"),
    *(Case(f"loss {100 * loss:.0f} %", Impairment(loss=loss)) for loss in LOSSES),
    Case(f"rate {RATE / 1e3:.0f} kbit/s", Impairment(rate=RATE)),
    *(Case(f"{name} {1e3 * d:.0f}+-{1e3 * j:.0f} ms {100 * p:.0f} %", Impairment(p, d, j)) for name, (d, j, p) in WIFI.items()),
    Case("partition", full_partition(ROBOTS), deaf=ALL),
    # Without acknowledgements TCP soon sends nothing: r0, whose packets r1 does not get, will not hear r1 either.
    Case("one-way partition", Impairment(cut=frozenset({(0, 1)})), deaf=frozenset({1}), touched=frozenset({0})),
)
LINK_CASES = (
    *(Case(f"loss {100 * loss:.0f} %", link=LinkProfile(link=Link(loss=loss))) for loss in LOSSES),
    Case("rate 4 kB/s", link=LinkProfile(link=Link(bandwidth=4000.0))),
    *(
        Case(
            f"{name} {1e3 * d:.0f}+-{1e3 * j:.0f} ms {100 * p:.0f} %",
            link=LinkProfile(link=Link(delay=d, jitter=j, loss=p, in_order=True)),
        )
        for name, (d, j, p) in WIFI.items()
    ),
    Case("bursts of 1 s, 20 %", link=LinkProfile(link=Link(bursts=0.2, burst_length=1.0))),
    Case(
        "r0 silent from 2 s on",
        link=LinkProfile(faults=(Fault(kind="silent", robot=0, at=2.0),)),
        deaf=frozenset({1, 2}),
        silent=(2.0, math.inf),
    ),
    Case(
        "r0 late by 3 s",
        link=LinkProfile(faults=(Fault(kind="late", robot=0, at=3.0),)),
        deaf=frozenset({1, 2}),
        silent=(0.2, 3.0),  # r0 itself waits for the others' first messages
    ),
)


@dataclass(frozen=True)
class Cut:
    """When the deaf did not hear all: surely from `begin` to `end`, and no more from `back` on; on the axis of the robots' times [s]."""

    begin: float
    end: float
    back: float


@dataclass
class Row:
    """What came of a run; times in s, infinite where something never happened. `failed` and `late` name the promises that were broken, the
    latter those of time."""

    case: str
    via: str
    active: float = math.nan
    believed: tuple[float, float] = (math.nan, math.nan)
    true: tuple[float, float] = (math.nan, math.nan)
    lost: float = math.nan
    held: float = math.nan
    recovered: float = math.nan
    covered: str = ""
    contacts: int = 0
    failed: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)

    @property
    def broken(self) -> list[str]:
        """All of them."""
        return [*self.failed, *self.late]


def run_case(
    case: Case, seconds: float, network: Namespaces | Proxy | None, bundle: Path, folder: Path, fresh: float = Staleness().stale_floor
) -> Row:
    """Run one case and judge it.

    Args:
        case: what is wrong with the network.
        seconds: for so long.
        network: over this; None for loopback and the link model.
        bundle: what the robots run.
        folder: for all files.
        fresh: `staleness.stale_floor` of the team: age up to which a message lets a robot that holds drive again [s].
    """
    missions = max(1, round(seconds / MISSION))
    length = STEP * round(seconds / missions / (STEP * TICK))
    layouts = random_layouts(missions, ROBOTS, ROBOTS, ARENA, seed=0)
    team = {"geofence": ARENA, "arm_timeout": seconds, "staleness": Staleness(stale_floor=fresh)}
    setting = Setting(bundle, "omni", "bullet", missions_of(layouts), length, ARENA, team=team, link=case.link)
    reach: Reach = on_loopback(ROBOTS) if network is None else network.reach()
    with Deployment(folder, setting, reach) as deployment:
        if network is not None and not case.deaf:
            network.impair(case.impairment)
        began = deployment.wait_until_driving()
        cuts = [] if network is None else impair_in_time(case, network, began, missions, length * TICK)
        failed = deployment.wait(missions * length * TICK + 30.0)
        lives = [life for agent in range(ROBOTS) for life in deployment.lives(f"r{agent}")]
        return judge(case, deployment, lives, cuts, failed, "link model" if network is None else network.means)


def impair_in_time(case: Case, network: Namespaces | Proxy, began: float, missions: int, length: float) -> list[Cut]:
    """Cut, or mend, when it is time, for missions of `length` [s], the first of which `began` by the wall clock; when that was."""
    cuts = []

    def change(at: float, impairment: Impairment) -> tuple[float, float]:
        """Before the first rule of it, and after the last."""
        time.sleep(max(0.0, began + at - time.time()))
        before = time.time()
        network.impair(impairment)
        return before, time.time()

    if not case.deaf:
        return [Cut(math.nan, *change(missions * length - GOOD_AGAIN, CLEAN))]
    for mission in range(missions):
        cut_at = mission * length + CUT_AT
        _, cut = change(cut_at, case.impairment)
        cuts.append(Cut(cut, *change(cut_at + CUT_FOR[mission % len(CUT_FOR)], CLEAN)))
    return cuts


def judge(case: Case, deployment: Deployment, lives: list[Life], cuts: list[Cut], failed: list[str], via: str) -> Row:
    """Hold the robots' logs and the plant's record against what was promised."""
    row = Row(case.name, via, failed=failed)
    if len(lives) < ROBOTS:
        row.failed.append(f"{len(lives)} logs of {ROBOTS} robots")
        return row
    for life in lives:
        name = life.header.robot
        for what, breaches in (("state", conduct.wrong_states(life)), ("command", conduct.bad_commands(life))):
            row.failed += [f"{name}: {what}: {breach}" for breach in islice(breaches, 2)]
    record = deployment.record()
    if np.abs(record.position).max() > ARENA + FENCE_SLACK:
        row.failed.append(f"a robot was at {np.abs(record.position).max():.2f} m, the fence is at {ARENA} m")
    if case.silent is not None:
        length = TICK * record.action.shape[1]
        begin, end = case.silent  # a fault that never ends, ends with its mission
        starts = length * np.arange(len(record))
        cuts = [Cut(start + begin, start + min(end, length), start + end) for start in starts]
    _judge_cuts(row, case, lives, cuts)

    metrics = episode_metrics(
        record.position,
        record.landmarks,
        ticks_per_step=STEP,
        tick_period=TICK,
        capture_radius=record.capture_radius,
        robot_radius=record.robot_radius,
        arena_half_size=ARENA,
    )
    row.covered, row.contacts = f"{metrics.success.sum()}/{len(record)}", int(metrics.contacts.sum())
    row.active = float(np.mean([tick.mode == "ACTIVE" for life in lives for tick in life.ticks]))
    believed = np.concatenate([conduct.believed_ages(life) for life in lives])
    true = np.concatenate(
        [conduct.true_ages(listener, speaker, speaker.header.robot) for listener in lives for speaker in lives if listener is not speaker]
    )
    row.believed, row.true = (tuple(conduct.percentile(ages, share) for share in (0.5, 0.99)) for ages in (believed, true))
    row.lost = _share_lost(deployment)
    return row


def _judge_cuts(row: Row, case: Case, lives: list[Life], cuts: list[Cut]) -> None:
    times = [conduct.plant_times(life) if case.silent is not None else conduct.wall_times(life) for life in lives]
    held, recovered = [], []
    for cut in cuts:
        for agent, (life, its_times) in enumerate(zip(lives, times, strict=True)):
            name = life.header.robot
            until = min(cut.end, float(its_times[-1]))
            if agent in case.deaf and until - cut.begin > LOST + SLACK:
                delay = conduct.hold_delay(life, its_times, cut.begin, until)
                held.append(math.inf if delay is None else delay)
                if held[-1] > LOST + SLACK:
                    row.late.append(f"{name}: HOLD {held[-1]:.2f} s after it ceased to hear a peer")
            elif case.deaf and agent not in case.deaf | case.touched and not conduct.kept_driving(life, its_times, cut.begin, until):
                row.failed.append(f"{name}: held while it heard all its peers")
            if math.isfinite(cut.back) and its_times[-1] - cut.back > RETURN:
                delay = conduct.recovery(life, its_times, cut.back)
                recovered.append(math.inf if delay is None else delay)
                if recovered[-1] > RETURN:
                    row.late.append(f"{name}: ACTIVE {recovered[-1]:.2f} s after the link's return")
    row.held, row.recovered = (max(values, default=math.nan) for values in (held, recovered))


def _share_lost(deployment: Deployment) -> float:
    """Messages that were published and did not reach a peer's runtime; what the link model drops is not among them."""
    messages = {f"r{agent}": deployment.summary(f"r{agent}")["messages"] for agent in range(ROBOTS)}
    accepted = sum(counts["accepted"] for each in messages.values() for counts in each["peers"].values())
    return 1.0 - accepted / ((ROBOTS - 1) * sum(each["sent"] for each in messages.values()))


def networks(wanted: str) -> Iterator[tuple[str, tuple[Case, ...]]]:
    """What is used, and the cases that it is used for."""
    if wanted in ("all", "namespaces", "proxy"):
        yield "proxy" if wanted == "proxy" else "namespaces", NETWORK_CASES
    if wanted in ("all", "link"):
        yield "link", LINK_CASES


def open_network(via: str, case: Case, stack: ExitStack) -> Namespaces | Proxy | None:
    """What a case is run over; the proxy where namespaces are not permitted."""
    if via == "link":
        return None
    if via == "namespaces":
        try:
            return stack.enter_context(Namespaces(ROBOTS, delays=case.impairment.delay > 0))
        except NotPermitted as refused:
            print(f"no network namespaces here, a proxy stands in: {refused}", file=sys.stderr)
    return stack.enter_context(Proxy(ROBOTS))


def main() -> int:
    """Run all cases, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each run; 8 at least (default: %(default)s)")
    parser.add_argument("--via", choices=("all", "namespaces", "proxy", "link"), default="all", help="(default: %(default)s)")
    parser.add_argument("--only", default="", help="cases whose name has this in it")
    parser.add_argument(
        "--bundle", type=Path, help="a trained team of three for kind omni (default: one that drives each to its own landmark)"
    )
    parser.add_argument(
        "--fresh",
        type=float,
        default=Staleness().stale_floor,
        metavar="S",
        help="staleness.stale_floor of the team: the age at which a robot that holds drives again (default: %(default)s)",
    )
    parser.add_argument("--keep", type=Path, help="folder for the logs of all runs (default: they are deleted)")
    arguments = parser.parse_args()
    if arguments.seconds < CUT_AT + GOOD_AGAIN + 2.0:
        parser.error(f"--seconds: is {arguments.seconds:g}, must be at least {CUT_AT + GOOD_AGAIN + 2.0:g}")
    if arguments.keep is not None and arguments.keep.exists():
        parser.error(f"--keep: {arguments.keep} exists already")
    failed = []
    print(HEADING, flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        bundle = arguments.bundle or make_bundle(Path(temporary) / "bundle", ROBOTS, state_initial=())
        for via, cases in networks(arguments.via):
            for number, case in enumerate(cases):
                if arguments.only in case.name:
                    folder = (arguments.keep or Path(temporary)) / f"{via}-{number}"
                    with ExitStack() as stack:
                        row = run_case(case, arguments.seconds, open_network(via, case, stack), bundle, folder, arguments.fresh)
                    print(line_of(row), flush=True)
                    failed += [f"{row.case}, {row.via}: {each}" for each in row.broken]
    print("\n".join(failed) or "all promises were kept")
    return 1 if failed else 0


HEADING = (
    f"{'':32} {'via':10} {'ACTIVE':>6} {'age p50':>7} {'p99':>6} {'true p50':>8} {'p99':>6} {'lost':>7}"
    f" {'HOLD':>5} {'back':>5} {'covered':>7} {'contacts':>8}"
)


def line_of(row: Row) -> str:
    """A line of the table; ages in ms, times in s."""
    ages = [f"{1e3 * age:.0f}" if math.isfinite(age) else "-" for age in (*row.believed, *row.true)]
    times = ["" if math.isnan(value) else f"{value:.2f}" for value in (row.held, row.recovered)]
    return (
        f"{row.case:32} {row.via:10} {100 * row.active:5.1f}% {ages[0]:>7} {ages[1]:>6} {ages[2]:>8} {ages[3]:>6} {100 * row.lost:6.2f}%"
        f" {times[0]:>5} {times[1]:>5} {row.covered:>7} {row.contacts:8}  {'FAILED' if row.broken else ''}"
    ).rstrip()


if __name__ == "__main__":
    sys.exit(main())
