"""Rendered missions: every kind as it is and where it moves, what is covered, the camera, the words, and the command that makes them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from runtime import cli
from sim3d.picture import robot_colour
from sim3d.plant.record import Record
from sim3d.render.camera import camera_on
from sim3d.render.caption import captioned
from sim3d.render.replay import mission_gif, replay_frames
from sim3d.render.stage import HEIGHT, STRIP, WIDTH

LANDMARKS = np.array([[0.4, 0.4], [-0.4, 0.4]])


def of_colour(frame, colour, tolerance=0.06):
    """Rows and columns of the pixels of a hue, [K, 2]; nearly grey ones have none."""
    share = frame / np.maximum(frame.sum(axis=-1, keepdims=True), 1)
    colour = np.asarray(colour)
    return np.argwhere((np.abs(share - colour / colour.sum()).max(axis=-1) < tolerance) & (np.ptp(frame, axis=-1) > 60))


def drawn(kinds, points):
    return replay_frames(np.array([points]), LANDMARKS, kinds, arena_half_size=0.8, capture_radius=0.1)[0]


@pytest.mark.parametrize("kind", ["omni", "diffdrive", "quadrotor"])
def test_every_kind_is_seen_in_its_robots_colour(kind):
    for agent in (0, 1):
        frame = drawn((kind, kind), [(-0.5, -0.3), (0.5, -0.3)])
        side = of_colour(frame, robot_colour(agent))[:, 1]
        assert len(side) > 40
        assert (np.median(side) < WIDTH / 2) == (agent == 0)


def test_in_a_mixed_team_the_quadrotor_flies_and_the_others_stand():
    places = [(-0.5, -0.4), (0.0, -0.4), (0.5, -0.4)]
    rows = {}
    for kinds in (("omni", "diffdrive", "quadrotor"), ("quadrotor", "omni", "diffdrive")):
        frame = drawn(kinds, places)
        rows[kinds] = [of_colour(frame, robot_colour(agent))[:, 0].min() for agent in range(3)]
    # The camera is the same; what flies a metre above a place is further up in the picture than what stands there.
    first, second = rows.values()
    assert first[2] < second[2] - 45 and second[0] < first[0] - 45
    assert abs(first[1] - second[1]) < 25


def test_landmarks_are_yellow_while_they_are_covered():
    positions = np.array([[[0.4 + offset, 0.4]] for offset in (-0.5, 0.07, 0.5)])
    frames = replay_frames(positions, LANDMARKS, ("quadrotor",), arena_half_size=0.8, capture_radius=0.1)
    yellow = [len(of_colour(frame, (0.94, 0.89, 0.26))) for frame in frames]
    assert yellow[0] == yellow[2] == 0 and yellow[1] > 40


@settings(max_examples=50)
@given(st.floats(0.1, 50.0), st.floats(0.0, 3.0), st.floats(0.5, 3.0), st.floats(0.0, 0.4))
def test_the_camera_frames_a_box_of_any_size_and_no_more(half_size, share, width_to_height, strip):
    height = share * half_size
    view, projection = (np.reshape(matrix, (4, 4)).T for matrix in camera_on(half_size, height, width_to_height, strip))
    corners = np.array([(x, y, z, 1.0) for x in (-half_size, half_size) for y in (-half_size, half_size) for z in (0.0, height)])
    seen = corners @ (projection @ view).T
    x, y, depth = (seen[:, :3] / seen[:, 3:]).T
    top = 1.0 - 2.0 * strip
    assert np.abs(x).max() < 1.001 and y.min() > -1.001 and y.max() < top + 0.001 and np.abs(depth).max() < 1.0
    sideways = x.max() > 0.99 and x.min() < -0.99
    assert sideways or (y.max() > top - 0.01 and y.min() < -0.99)


def test_words_stand_above_the_scene():
    frame = drawn(("quadrotor", "quadrotor"), [(-0.8, 0.8), (0.8, 0.8)])
    assert (frame[:STRIP] > 245).all()
    worded = captioned(frame, "3 omni", "1.0 s")
    assert (worded[STRIP:] == frame[STRIP:]).all()
    dark = np.argwhere(worded[:STRIP].max(axis=-1) < 128)[:, 1]
    assert 3 < dark.min() < 12 and WIDTH - 12 < dark.max() < WIDTH - 3
    assert 0.3 * WIDTH < dark[dark > 0.3 * WIDTH].min() < WIDTH - 25


def test_small_robots_keep_their_colours_in_a_gif(tmp_path):
    # Seen on the floor of a large arena: a few dozen pixels each, in half a million.
    positions = np.array([[(-1.5, -1.0), (1.5, -1.0), (0.0, 1.0)]] * 3)
    frames = replay_frames(positions, 3.0 * LANDMARKS, ("quadrotor", "diffdrive", "diffdrive"), arena_half_size=2.0, capture_radius=0.1)
    mission_gif(frames, tmp_path / "small.gif", period=0.1)
    with Image.open(tmp_path / "small.gif") as gif:
        shown = np.asarray(gif.convert("RGB"))
    for agent in range(3):
        drawn_so, shown_so = (len(of_colour(image, robot_colour(agent), 0.03)) for image in (frames[0], shown))
        assert shown_so > 0.5 * drawn_so > 5


@pytest.fixture
def record() -> Record:
    """Two missions of 2 s."""
    position = np.zeros((2, 101, 2, 2))
    position[:, :, 0, 0] = np.linspace(-0.5, 0.5, 101)
    position[:, :, 1, 1] = -0.5
    still = np.zeros_like(position)
    return Record(
        **{"position": position, "velocity": still, "heading": still[..., 0], "action": still[:, 1:]},
        landmarks=np.stack([LANDMARKS, LANDMARKS]),
        tick_period=0.02,
        arena_half_size=0.8,
        robot_radius=np.array([0.07, 0.07]),
        capture_radius=0.1,
        world="bullet",
        kinds=("quadrotor", "quadrotor"),
        profile="field",
    )


def test_the_command_renders_the_kinds_of_the_record_at_the_speed_that_is_asked_for(record, tmp_path):
    record.save(tmp_path / "record.npz")
    for speed, frames, period in ((1, 21, 100), (4, 6, 100)):
        path = tmp_path / f"{speed}.gif"
        assert cli.main(["picture", str(tmp_path / "record.npz"), "--gif", str(path), "--speed", str(speed)]) == 0
        with Image.open(path) as gif:
            assert (gif.n_frames, gif.size, gif.info["duration"]) == (frames, (WIDTH, HEIGHT), period)
            rows = of_colour(np.asarray(gif.convert("RGB")), robot_colour(1))[:, 0]
    quadrotor = drawn(record.kinds, record.position[0, 0])
    assert rows.min() == pytest.approx(of_colour(quadrotor, robot_colour(1))[:, 0].min(), abs=3)


def test_a_record_from_before_kinds_were_written_is_read_and_takes_them_from_the_command_line(record, tmp_path, capsys):
    path = tmp_path / "record.npz"
    record.save(path)
    with np.load(path) as file:
        np.savez(path, **{name: file[name] for name in file.files if name not in ("kinds", "profile")})
    assert Record.load(path).kinds == () and Record.load(path).profile == ""
    words = ["picture", str(path), "--speed", "20", "--gif"]
    assert cli.main([*words, str(tmp_path / "a.gif")]) == 0
    assert cli.main([*words, str(tmp_path / "b.gif"), "--kind", "quadrotor,omni"]) == 0
    assert (tmp_path / "a.gif").read_bytes() != (tmp_path / "b.gif").read_bytes()


@pytest.mark.parametrize(
    "more, parts",
    [
        (["--kind", "omni"], ["--kind: is 'omni'", "quadrotor, quadrotor"]),
        (["--speed", "0"], ["--speed: is 0", "above 0"]),
        (["--speed", "nan"], ["--speed: is nan"]),
        (["--missions", "2"], ["--missions: is '2'", "0 ... 1"]),
    ],
)
def test_what_does_not_fit_the_record_is_one_line(record, tmp_path, capsys, more, parts):
    record.save(tmp_path / "record.npz")
    assert cli.main(["picture", str(tmp_path / "record.npz"), "--gif", str(tmp_path / "mission.gif"), *more]) == 2
    line = capsys.readouterr().err.strip()
    assert "\n" not in line and all(part in line for part in parts), line
    assert not (tmp_path / "mission.gif").exists()


def test_kinds_that_cannot_be_drawn_are_one_line(record, tmp_path, capsys):
    path = tmp_path / "record.npz"
    for kinds, part in (("omni,omni,omni", "2 robots"), ("omny", "did you mean 'omni'")):
        Record(**{**vars(record), "kinds": ()}).save(path)
        assert cli.main(["picture", str(path), "--gif", str(tmp_path / "mission.gif"), "--kind", kinds]) == 2
        line = capsys.readouterr().err.strip()
        assert "\n" not in line and part in line, line
