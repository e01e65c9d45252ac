"""The step from what a robot knows to what it commands, alone."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from robots.driver import RobotState
from robots.spec import load_spec
from runtime import safety
from runtime.actor import OnnxActor
from runtime.decide import Decider
from runtime.heard import Heard
from runtime.team import Member, Mission, Missions, Team
from tests.runtime.factory import make_actor, make_contract
from tests.runtime.stand_ins import state

MISSIONS = Missions(missions=(Mission(landmarks=((0.5, 0.0), (-0.5, 0.5), (0.0, -0.5))),))


def decider(team_size: int = 3, kind: str = "omni") -> Decider:
    members = tuple(Member(id=f"r{n}", kind=kind, agent=n, endpoint=f"tcp://r{n}:1") for n in range(team_size))
    actor = OnnxActor(make_actor(make_contract(kind=kind, team_size=team_size)), "actor")
    return Decider("r0", Team(robots=members), MISSIONS, actor, load_spec(kind), 0.02, 0.05)


def run(deciding: Decider, ticks: int, peers: int) -> list[list[float]]:
    """Its commands among peers that stand near it."""
    commands = []
    heard = Heard([(0.45, 0.45)] * peers, [(0.0, 0.0)] * peers, [0.01] * peers)
    for tick in range(ticks):
        own: RobotState = state(tick, position=np.array([0.01 * tick, 0.0]))
        wish = deciding.wish(own, heard, True)
        deciding.sent = deciding.allow(own, 0.0, heard, wish, True).action
        commands.append(deciding.sent.tolist())
    return commands


@pytest.mark.parametrize(("team_size", "kind"), [(3, "omni"), (1, "omni"), (3, "point")])
def test_a_rehearsal_runs_it_all_and_leaves_no_trace(team_size: int, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    runs: Counter[str] = Counter()

    def counting(name: str, work):
        def counted(*arguments: object) -> object:
            runs[name] += 1
            return work(*arguments)

        return counted

    warmed, cold = decider(team_size, kind), decider(team_size, kind)
    with monkeypatch.context() as patch:
        patch.setattr(OnnxActor, "act_and_speak", counting("actor", OnnxActor.act_and_speak))
        patch.setattr(safety, "nearest", counting("nearest", safety.nearest))
        warmed.rehearse()
    assert runs["actor"] > 0 and (runs["nearest"] > 0) == (team_size > 1 and kind == "omni")
    commands = run(warmed, 60, team_size - 1)
    assert commands == run(cold, 60, team_size - 1) and any(any(command) for command in commands)


def test_velocities_that_overflow_do_not_put_a_robot_nowhere_for_good() -> None:
    deciding, huge = decider(), np.array([1.7e308, 0.0])
    places = [np.array([0.1 * tick, 0.0]) for tick in range(6)]
    velocities = [np.zeros(2), huge, huge, huge, np.zeros(2), np.zeros(2)]
    located = [deciding.locate(state(tick, position=place, velocity=velocities[tick])) for tick, place in enumerate(places)]
    assert all(np.isfinite(each.position).all() for each in located)
    assert abs(located[-1].position[0]) < 1e307
