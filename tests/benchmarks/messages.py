"""`python -m tests.benchmarks.messages NAME=BUNDLE... --range 1.0`: robots that hear each other only nearby; what are their messages worth?

World `spread`, as many landmarks as robots. Bundles of one NAME are seeds of one policy. A team whose actors speak flies once as it is, and
then with each message replaced before anybody hears it: by silence, by what another robot of the team said at the same time, or by
what the robot itself said some steps ago. If that changes nothing, nobody listens. Interquartile mean over seeds with its 95 % interval;
all bundles and all rows have the same missions. Each row has its difference from the team as it is, and that from the first policy.

Then, what the messages are about: the mutual information [bits] between a number of a message and what its sender saw when it spoke, of the
number that tells most. Both are cut into eight classes of equal frequency, bits into two; what shuffled pairs have is taken off.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass

import numpy as np

from robots.errors import InputError
from runtime.actor import OnnxActor
from runtime.link import Link
from sim3d.disturbances.disturbance import Disturbances
from sim3d.disturbances.hearing import Hearing
from sim3d.disturbances.sensing import Measurement
from sim3d.in_process import run_missions
from sim3d.metrics import EpisodeMetrics, team_metrics
from sim3d.profile import Profile
from sim3d.spread import HORIZON
from sim3d.statistics.interval import Resampled, difference
from sim3d.world import Layouts, random_layouts
from sim3d.worlds import make_world, specs_of
from tests.benchmarks.seeds_of_policies import add_bundles, of_seeds, teams_of, with_interval, written

AS_IT_IS, CHANGES = "as it is", ("zeroed", "another robot's", "5 steps late")
LATE = 5
SEED = 8
CLASSES = 8
SHUFFLES = 10


class ChangedWords(Hearing):
    """Ears to which messages come changed; it remembers what was said, and where everybody was."""

    def __init__(self, change: str, *arguments: object, **options: object) -> None:
        super().__init__(*arguments, **options)
        self.change, self.said, self.seen = change, [], []

    def listen(self, tick: int, measured: Measurement, said: np.ndarray | None = None) -> None:
        self.seen.append(measured)
        if said is not None:
            self.said.append(said)
            if self.change == "zeroed":
                said = np.zeros_like(said)
            elif self.change == "another robot's":
                said = np.roll(said, 1, axis=1)
            elif self.change == "5 steps late":
                said = self.said[max(0, len(self.said) - 1 - LATE)]
        super().listen(tick, measured, said)


@dataclass(frozen=True)
class Flown:
    """What came of the missions of one bundle, and who said what when."""

    metrics: EpisodeMetrics
    ears: ChangedWords


def fly(actors: list[OnnxActor], layouts: Layouts, profile: Profile, change: str) -> Flown:
    """Missions of one bundle."""
    contract, specs = actors[0].contract, specs_of(actors, "bundle")
    world = make_world("spread", specs, contract.landmarks, contract.arena_half_size)
    period, robots = world.tick_period, contract.team_size
    heeded = {"message": contract.message or None, "heeded": contract.period}
    ears = ChangedWords(change, profile, layouts.seeds, robots, period, **heeded)
    between = Disturbances(profile, layouts.seeds, robots, period, [spec.command_latency for spec in specs]), ears
    position = run_missions(world, specs, actors, layouts, profile, HORIZON, between=between)
    return Flown(team_metrics(position, layouts.landmarks, contract, world), ears)


def information(flown: list[Flown], landmarks: np.ndarray, reach: float) -> dict[str, float]:
    """What a number of a message says, at most, of each thing that its sender saw [bits]."""
    spoken = [np.concatenate(each.ears.said[1:]).reshape(-1, each.ears.said[0].shape[-1]) for each in flown]
    seen = [{name: values.reshape(-1) for name, values in _seen(each.ears.seen[:-1], landmarks, reach).items()} for each in flown]
    found = {}
    for name in seen[0]:
        of_seeds = [
            max(_mutual(words[:, word], things[name]) for word in range(words.shape[1])) for words, things in zip(spoken, seen, strict=True)
        ]
        found[name] = float(np.mean(of_seeds))
    return found


def _seen(measured: list[Measurement], landmarks: np.ndarray, reach: float) -> dict[str, np.ndarray]:
    """[T, E, N] each: the east part of ways, and a count."""
    position = np.stack([each.position for each in measured])
    gap = position[:, :, None] - position[:, :, :, None]  # to [..., me, other, 2]
    away = np.linalg.norm(gap, axis=-1)
    heard = (away <= reach) & (away > 0)
    farthest = np.where(heard, away, -1.0).argmax(axis=-1)
    nearest = np.where(heard, away, np.inf).argmin(axis=-1)
    to_landmarks = landmarks[None, :, None] - position[:, :, :, None]
    own = np.linalg.norm(to_landmarks, axis=-1).argmin(axis=-1)

    def east(ways: np.ndarray, which: np.ndarray) -> np.ndarray:
        return np.take_along_axis(ways[..., 0], which[..., None], axis=-1)[..., 0]

    return {
        "way to the farthest peer heard": np.where(heard.any(axis=-1), east(gap, farthest), 0.0),
        "way to the nearest peer heard": np.where(heard.any(axis=-1), east(gap, nearest), 0.0),
        "way to the nearest landmark": east(to_landmarks, own),
        "own velocity": np.stack([each.velocity[..., 0] for each in measured]),
        "peers heard": heard.sum(axis=-1).astype(float),
    }


def _mutual(one: np.ndarray, other: np.ndarray) -> float:
    first, second = _classes(one), _classes(other)
    generator = np.random.default_rng(SEED)
    chance = np.mean([_plain(first, generator.permutation(second)) for _ in range(SHUFFLES)])
    return max(_plain(first, second) - float(chance), 0.0)


def _classes(values: np.ndarray) -> np.ndarray:
    edges = np.unique(np.quantile(values, np.linspace(0, 1, CLASSES + 1)[1:-1]))
    return np.searchsorted(edges, values, side="right")


def _plain(first: np.ndarray, second: np.ndarray) -> float:
    joint = np.zeros((CLASSES, CLASSES))
    np.add.at(joint, (first, second), 1.0)
    joint /= joint.sum()
    apart = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    happens = joint > 0
    return float((joint[happens] * np.log2(joint[happens] / apart[happens])).sum())


def main() -> int:
    """Fly the missions, and print a table of what they are worth and one of what they say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_bundles(parser)
    parser.add_argument("--range", type=float, default=1.0, help="how far robots hear each other [simple_spread's units] (default: 1)")
    parser.add_argument("--loss", type=float, default=0.0, help="share of the messages that are lost (default: none)")
    arguments = parser.parse_args()
    profile = Profile(name="nearby", link=Link(range=arguments.range, loss=arguments.loss))
    told, first = {}, None
    print(
        f"{arguments.robots} robots that hear each other up to {arguments.range:g}, {arguments.missions} missions, loss {arguments.loss:g}"
    )
    print("| messages | coverage | success | difference in coverage |\n|---|---|---|---|")
    for name, teams in teams_of(arguments).items():
        layouts = random_layouts(arguments.missions, arguments.robots, arguments.robots, teams[0][0].contract.arena_half_size, SEED)
        as_it_is: dict[str, Resampled] | None = None
        for change in (AS_IT_IS, *(CHANGES if teams[0][0].contract.words else ())):
            flown = [fly(team, layouts, profile, change) for team in teams]
            figures = of_seeds([each.metrics for each in flown])
            if change == AS_IT_IS and teams[0][0].contract.words:
                told[name] = information(flown, layouts.landmarks, arguments.range)
            against = as_it_is or first
            apart = "" if against is None else written(difference(against["coverage"], figures["coverage"]), "+")
            as_it_is, first = as_it_is or figures, first or figures
            print(
                f"| {name}, {change} | " + " | ".join(with_interval(each) for each in figures.values()) + f" | {apart} |",
                flush=True,
            )
    for name, found in told.items():
        print(f"\n{name}: what a number of a message says [bits]")
        for thing, bits in found.items():
            print(f"  {thing:32} {bits:.2f}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except InputError as error:
        sys.exit(f"messages: {error}")
