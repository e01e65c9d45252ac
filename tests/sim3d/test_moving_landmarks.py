"""Landmarks that move: in every world, in what is drawn, in figures, pictures and commands."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from robots.spec import load_spec
from robots.yaml_input import dump_yaml
from runtime.bundle import read_bundle
from runtime.observation import SIMPLE_SPREAD_V3, observe, views_of_team
from runtime.team import Mission, Missions
from sim3d.bullet import BulletWorld
from sim3d.in_process import run_missions
from sim3d.metrics import episode_metrics, summarise
from sim3d.picture import trajectory_picture
from sim3d.planar import PlanarWorld
from sim3d.plant.record import Record
from sim3d.profile import load_profile
from sim3d.render.replay import replay_frames
from sim3d.simulate import simulate
from sim3d.spread import HORIZON, SpreadWorld
from sim3d.spread_compiled import CompiledSpread
from sim3d.world import World, random_layouts
from tests.conftest import write_point_bundle

OMNI = [load_spec("omni")] * 2
TASK = {"capture_radius": 0.1, "robot_radius": 0.15, "arena_half_size": 1.0, "tick_period": 0.1}


def world(name: str) -> World:
    return {
        "spread": lambda: SpreadWorld(2),
        "torch": lambda: SpreadWorld(2, like=torch.zeros(0, dtype=torch.float64)),
        "planar": lambda: PlanarWorld(OMNI, 1.0),
        "bullet": lambda: BulletWorld(OMNI, 1.0),
    }[name]()


@pytest.mark.parametrize("name", ["spread", "torch", "planar", "bullet"])
def test_every_world_has_them_where_the_layout_says_tick_by_tick_and_in_leaps(name):
    layouts = random_layouts(3, 2, 2, 1.0, seed=5, landmark_speed=3.0)
    simulated = world(name)
    track = layouts.track(simulated.tick_period, 40)
    state = simulated.reset(layouts)
    still = state.position * 0.0
    for ticks in (1, 1, 5, 33):
        assert (np.asarray(state.landmarks) == track[:, state.tick]).all()
        state = simulated.step(state, still, ticks)
    assert state.tick == 40 and (np.asarray(state.landmarks) == track[:, 40]).all()
    speed = np.linalg.norm(np.asarray(state.landmarks_velocity), axis=-1)
    np.testing.assert_allclose(speed, 3.0)
    assert np.abs(track).max() <= 1.0 and np.abs(np.diff(track, axis=1)).max() <= 3.0 * simulated.tick_period + 1e-12
    simulated.close()


@pytest.mark.parametrize("name", ["spread", "planar"])
def test_robots_do_not_feel_whether_they_move(name):
    standing, moving = (random_layouts(4, 2, 2, 1.0, seed=5, landmark_speed=speed) for speed in (0.0, 1.0))
    assert (standing.starts == moving.starts).all() and (standing.seeds == moving.seeds).all() and standing.drift is None
    ends = []
    for layouts in (standing, moving):
        simulated = world(name)
        state = simulated.reset(layouts)
        ends.append(simulated.step(state, np.full(state.position.shape, 0.3), 20).position)
    assert (ends[0] == ends[1]).all()


def test_a_part_of_the_layouts_keeps_its_course_and_any_direction_is_drawn():
    layouts = random_layouts(200, 2, 3, 1.0, seed=5, landmark_speed=0.5)
    assert (layouts[7:9].track(0.1, 30) == layouts.track(0.1, 30)[7:9]).all()
    assert (random_layouts(2, 2, 3, 1.0, 5, first=7, landmark_speed=0.5).drift == layouts.drift[7:9]).all()
    angle = np.arctan2(layouts.drift[..., 1], layouts.drift[..., 0]).ravel()
    assert np.histogram(angle, 4, (-np.pi, np.pi))[0].min() > 100


def test_the_compiled_world_says_that_it_has_standing_ones():
    spread = SpreadWorld(2, like=torch.zeros(0))
    state = spread.reset(random_layouts(3, 2, 2, 1.0, seed=5, landmark_speed=1.0))
    with pytest.raises(ValueError, match="these move"):
        CompiledSpread(spread).step(state, state.position)


def test_what_stands_still_has_no_velocity():
    position = np.zeros((1, 2, 2))
    layout = ("landmarks_velocity",)
    assert (observe(layout, views_of_team(position, position, position + 1.0)) == np.zeros((1, 2, 4))).all()
    assert (observe(layout, views_of_team(position, position, position, position + 0.5)) == np.full((1, 2, 4), 0.5)).all()


def test_figures_are_judged_by_where_they_are_at_that_step():
    """A robot that stays on its landmark all the way covers it; one that stands where it ended covers it at the end alone."""
    layouts = random_layouts(6, 1, 1, 1.0, seed=3, landmark_speed=0.7)
    track = layouts.track(0.1, 50)
    following = episode_metrics(track, track, ticks_per_step=2, **TASK)
    waiting = episode_metrics(np.broadcast_to(track[:, -1:], track.shape), track, ticks_per_step=2, **TASK)
    left_behind = episode_metrics(np.broadcast_to(track[:, :1], track.shape), track, ticks_per_step=2, **TASK)
    assert following.success_end.all() and (following.steps_to_cover == 1).all() and (following.episode_return == 0).all()
    assert waiting.success_end.all() and (waiting.episode_return < -1).all() and (waiting.steps_to_cover > 1).all()
    assert following.coverage.tolist() == waiting.coverage.tolist() == [1.0] * 6 and left_behind.coverage.mean() < 0.5
    assert following.oscillation.max() == 0.0


def test_a_landmark_that_comes_by_twice_is_left_and_arrived_at_again():
    track = 0.5 * np.sin(np.linspace(0, 3 * np.pi, 61))[None, :, None, None] * np.array([1.0, 0.0])
    assert episode_metrics(0 * track, track, ticks_per_step=1, **TASK).oscillation[0] == 1.0


def test_standing_landmarks_written_out_tick_by_tick_have_the_same_figures():
    position = np.cumsum(np.random.default_rng(0).normal(0, 0.05, (20, 26, 3, 2)), axis=1)
    landmarks = random_layouts(20, 3, 3, 0.5, seed=1).landmarks
    short = summarise(episode_metrics(position, landmarks, ticks_per_step=5, **TASK))
    long = summarise(episode_metrics(position, np.repeat(landmarks[:, None], 26, axis=1), ticks_per_step=5, **TASK))
    assert all(value == long[name] or np.isnan(value) for name, value in short.items()) and short["oscillation"] > 0


LAYOUT = (*SIMPLE_SPREAD_V3, "landmarks_velocity")


def test_processes_see_them_move_as_the_in_process_run_does(tmp_path):
    """Landmarks to the last bit, robots to float precision; actors that read the velocities, and missions long enough to turn round."""
    (tmp_path / "bundle").mkdir()
    bundle = write_point_bundle(tmp_path / "bundle", 3, LAYOUT)
    layouts = random_layouts(4, 3, 3, 1.0, seed=2, landmark_speed=1.0)
    result = simulate(bundle, layouts, tmp_path / "out")
    actors = read_bundle(bundle).verify()
    run = lambda layouts: run_missions(SpreadWorld(3), [load_spec("point")] * 3, actors, layouts, load_profile("clean"), HORIZON)  # noqa: E731
    assert np.array_equal(result.record.landmarks, layouts.track(0.1, HORIZON))
    assert (np.diff(result.record.landmarks, n=2, axis=1) != 0).any()
    expected = run(layouts)
    assert np.abs(result.record.position - expected).max() <= 1e-5
    assert np.abs(expected - run(replace(layouts, drift=None, within=None))).max() > 0.05


def test_commands_fly_them_and_pictures_show_them(point_bundle, tmp_path, fieldswarm):
    out = tmp_path / "out"
    done = fieldswarm("simulate", point_bundle, "--missions", 2, "--landmark-speed", 0.4, "--out", out)
    assert done.returncode == 0, done.stderr
    record = Record.load(out / "record.npz")
    assert record.landmarks.shape == (2, 26, 3, 2)
    assert json.loads((out / "summary.json").read_bytes())["landmark_speed"] == 0.4
    again = fieldswarm("simulate", point_bundle, "--mission-file", out / "missions.yaml", "--out", tmp_path / "again")
    assert again.returncode == 0, again.stderr
    assert np.array_equal(Record.load(tmp_path / "again" / "record.npz").position, record.position)
    done = fieldswarm("picture", out / "record.npz", "--missions", "0,1", "--png", tmp_path / "two.png", "--gif", tmp_path / "one.gif")
    assert done.returncode == 0, done.stderr
    done = fieldswarm("evaluate", point_bundle, "--landmark-speed", 0.4, "--episodes", 2, "--json", tmp_path / "figures.json")
    assert done.returncode == 0, done.stderr
    figures = json.loads((tmp_path / "figures.json").read_bytes())
    metrics = episode_metrics(record.position, record.landmarks, ticks_per_step=1, **TASK)
    assert figures["landmark_speed"] == 0.4 and figures["episode_return"] == pytest.approx(metrics.episode_return.mean(), rel=1e-4)


@pytest.mark.parametrize(
    ("command", "options", "complaint"),
    [
        ("simulate", ("--landmark-speed", "-1"), "--landmark-speed: is -1.0, must be finite and not below 0"),
        ("evaluate", ("--landmark-speed", "nan"), "--landmark-speed: is nan, must be finite and not below 0"),
        ("evaluate", ("--landmark-speed", "1", "--suite", "field", "--out", "there"), "--landmark-speed: does not go with --suite"),
        ("evaluate", ("--landmark-speed", "1", "--world", "mpe2"), "--landmark-speed: is 1; those of mpe2's environment stand still"),
        ("simulate", ("--landmark-speed", "1", "--mission-file", "missions.yaml"), "--landmark-speed: is 1, but missions.yaml says"),
    ],
)
def test_a_speed_that_cannot_be_flown_is_refused_in_one_line(point_bundle, fieldswarm, command, options, complaint):
    done = fieldswarm(command, point_bundle, *options)
    assert done.returncode == 2 and complaint in done.stderr and done.stderr.count("\n") == 1


def test_a_mission_file_may_let_them_go_straight_on(point_bundle, tmp_path, fieldswarm):
    mission = Mission(landmarks=((0.5, 0.5), (-0.5, 0.5), (0.0, -0.5)), drift=((1.0, 0.0), (0.0, 0.0), (0.0, -2.0)))
    (tmp_path / "missions.yaml").write_text(dump_yaml(Missions(missions=(mission,))))
    done = fieldswarm("simulate", point_bundle, "--mission-file", tmp_path / "missions.yaml", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert Record.load(tmp_path / "out" / "record.npz").landmarks[0, -1].tolist() == [[3.0, 0.5], [-0.5, 0.5], [0.0, -5.5]]


def test_a_replay_shows_a_landmark_where_it_is_and_a_picture_where_it_ended(tmp_path):
    robots = np.zeros((2, 1, 2)) + np.array([0.0, 1.0])
    there, here = np.array([[-1.0, 0.0]]), np.array([[1.0, 0.0]])
    drawn = {"kinds": ("omni",), "arena_half_size": 2.0, "capture_radius": 0.3}
    moving = replay_frames(robots, np.stack([there, here]), **drawn)
    for frame, standing in zip(moving, (there, here), strict=True):
        assert (frame == replay_frames(robots[:1], standing, **drawn)[0]).mean() > 0.999
    greys = []
    for name, landmarks in (("moving", np.stack([there, here])), ("standing", here)):
        trajectory_picture(robots, landmarks, 0.3, 0.2, 2.0, tmp_path / f"{name}.png")
        image = np.asarray(Image.open(tmp_path / f"{name}.png").convert("RGB"))
        above_the_legend = image[: int(0.85 * len(image))]
        greys.append([int((above_the_legend == shade).all(axis=-1).sum()) for shade in (0x77, 0xDD)])
    (way, disc), (no_way, standing_disc) = greys
    assert way > no_way + 100 and disc > 1000 and disc == pytest.approx(standing_disc, rel=0.05)
