"""`fieldswarm evaluate` and `fieldswarm picture`, as a user runs them."""

import json

import numpy as np
import pytest
from mpe2 import simple_spread_v3

from runtime import cli
from runtime.bundle import read_bundle
from sim3d.mpe2_missions import as_mpe2_action, run_mpe2
from sim3d.plant.record import Record


def refuses(capsys, words, *parts):
    capsys.readouterr()
    assert cli.main(list(map(str, words))) == 2
    line = capsys.readouterr().err.strip()
    assert "\n" not in line, line
    for part in parts:
        assert str(part) in line, line


def test_figures_are_printed_and_written(point_bundle, tmp_path, capsys):
    assert cli.main(["evaluate", str(point_bundle), "--episodes", "20", "--profile", "field", "--json", str(tmp_path / "e.json")]) == 0
    written = json.loads((tmp_path / "e.json").read_text())
    assert written["episodes"] == 20 and written["profile"] == "field" and written["world"] == "spread"
    assert 0 <= written["success_low"] <= written["success"] <= written["success_high"] <= 1
    assert "success_body" in capsys.readouterr().out


def test_the_same_seed_gives_the_same_figures(point_bundle, tmp_path):
    def figures(seed, name):
        path = tmp_path / name
        words = ["evaluate", str(point_bundle), "--episodes", "10", "--profile", "field", "--seed", str(seed), "--json", str(path)]
        assert cli.main(words) == 0
        return json.loads(path.read_text())["episode_return"]

    assert figures(1, "a") == figures(1, "b") != figures(2, "c")


@pytest.mark.parametrize(
    "more, parts",
    [
        (["--episodes", 0], ["--episodes: is 0", "at least 1"]),
        (["--world", "bullet"], ["'point'", "spread", "bullet"]),
        (["--world", "mpe2", "--profile", "field"], ["field", "mpe2"]),
        (["--profile", "fild"], ["fild", "did you mean 'field'"]),
    ],
)
def test_what_does_not_fit_is_one_line(point_bundle, capsys, more, parts):
    refuses(capsys, ["evaluate", point_bundle, *more], *parts)


def test_a_missing_bundle_is_one_line(tmp_path, capsys):
    refuses(capsys, ["evaluate", tmp_path / "none"], "none", "no such bundle")


def test_mpe2s_referee_agrees_with_our_world(point_bundle):
    """The same layouts and actors: an episode that mpe2 calls solved is one that our metric calls a success, at the same step."""
    from robots.spec import load_spec
    from sim3d.in_process import run_missions
    from sim3d.profile import load_profile
    from sim3d.spread import CAPTURE_RADIUS, HORIZON, SpreadWorld
    from sim3d.spread_task import all_covered
    from sim3d.world import Layouts

    actors = read_bundle(point_bundle).verify()
    episodes, seed = 30, 400
    theirs = run_mpe2(actors, episodes, seed)
    env = simple_spread_v3.parallel_env(continuous_actions=True)
    starts, landmarks = np.empty((episodes, 3, 2)), np.empty((episodes, 3, 2))
    for episode in range(episodes):
        env.reset(seed=seed + episode)
        world = env.aec_env.unwrapped.world
        starts[episode] = [agent.state.p_pos for agent in world.agents]
        landmarks[episode] = [landmark.state.p_pos for landmark in world.landmarks]
    layouts = Layouts(starts, landmarks, np.arange(episodes))
    positions = run_missions(SpreadWorld(3), [load_spec("point")] * 3, actors, layouts, load_profile("clean"), HORIZON)
    covered = all_covered(positions[:, 1:], landmarks[:, None], CAPTURE_RADIUS)
    assert (covered.any(axis=1) == theirs.success).all()
    steps = np.where(covered.any(axis=1), covered.argmax(axis=1) + 1, HORIZON)
    assert (steps == theirs.steps).all()


@pytest.mark.parametrize("force", [(1.0, 0.0), (-0.25, 0.5), (0.0, -1.0)])
def test_forces_survive_mpe2s_action(force):
    action = as_mpe2_action(np.array(force))
    assert (action >= 0).all() and (action <= 1).all()
    np.testing.assert_allclose((action[2] - action[1], action[4] - action[3]), force)


@pytest.fixture
def record(tmp_path):
    generator = np.random.default_rng(0)
    ticks = 20
    Record(
        position=np.cumsum(generator.normal(0, 0.05, (2, ticks + 1, 3, 2)), axis=1),
        velocity=np.zeros((2, ticks + 1, 3, 2)),
        heading=np.zeros((2, ticks + 1, 3)),
        action=np.zeros((2, ticks, 3, 2)),
        landmarks=generator.uniform(-1, 1, (2, 3, 2)),
        tick_period=0.02,
        arena_half_size=1.34,
        robot_radius=0.2,
        capture_radius=0.13,
        world="bullet",
    ).save(tmp_path / "record.npz")
    return tmp_path / "record.npz"


def test_pictures_of_a_record(record, tmp_path, capsys):
    assert cli.main(["picture", str(record), "--missions", "1,0", "--png", str(tmp_path / "a.png"), "--gif", str(tmp_path / "a.gif")]) == 0
    assert (tmp_path / "a.png").read_bytes()[1:4] == b"PNG"
    assert (tmp_path / "a.gif").read_bytes()[:3] == b"GIF"
    refuses(capsys, ["picture", record], "--png", "--gif")
    refuses(capsys, ["picture", record, "--missions", "2", "--png", tmp_path / "b.png"], "'2'", "0 ... 1")
    refuses(capsys, ["picture", tmp_path / "none.npz", "--png", tmp_path / "b.png"], "none.npz", "no such file")
    assert not (tmp_path / "b.png").exists()
