import numpy as np
import pytest
from PIL import Image

from robots.errors import InputError
from sim3d.picture import robot_colour
from sim3d.render.replay import mission_gif, replay_frames
from sim3d.render.stage import HEIGHT, WIDTH

LANDMARKS = np.array([[1.0, 1.0], [-1.0, 1.0]])


def crossing(ticks: int) -> np.ndarray:
    """Robot 0 drives along x, robot 1 stays: [T + 1, 2, 2], m."""
    positions = np.zeros((ticks + 1, 2, 2))
    positions[:, 0, 0] = np.linspace(-1.5, 1.5, ticks + 1)
    positions[:, 1] = (0.0, -1.5)
    return positions


def place(frame: np.ndarray, agent: int) -> np.ndarray:
    """Where a robot is in a frame, by the hue of its lit top: column and row [pixels]."""
    share = frame / np.maximum(frame.sum(axis=-1, keepdims=True), 1)
    colour = np.asarray(robot_colour(agent))
    rows, columns = np.nonzero(np.abs(share - colour / colour.sum()).max(axis=-1) < 0.04)
    assert len(rows) > 50
    return np.array([columns.mean(), rows.mean()])


@pytest.mark.parametrize("kind", ["omni", "point"])
def test_robots_are_seen_where_the_record_has_them(kind):
    frames = replay_frames(crossing(4), LANDMARKS, (kind, kind), arena_half_size=2.0, capture_radius=0.2)
    assert len(frames) == 5
    assert all(frame.shape == (HEIGHT, WIDTH, 3) and frame.dtype == np.uint8 for frame in frames)
    driven = np.array([place(frame, 0) for frame in frames])
    assert (np.diff(driven[:, 0]) > 20).all()
    stayed = np.array([place(frame, 1) for frame in frames])
    assert np.abs(stayed - stayed[0]).max() < 1
    assert (stayed[:, 1] > driven[:, 1]).all()  # nearer to the camera: lower in the picture


def test_the_whole_arena_is_in_the_frame():
    corners = np.array([[[-2.0, -2.0], [2.0, -2.0], [-2.0, 2.0], [2.0, 2.0]]])
    frame = replay_frames(corners, LANDMARKS, ("omni",) * 4, arena_half_size=2.0, capture_radius=0.2)[0]
    edge = np.concatenate([frame[0], frame[-1], frame[:, 0], frame[:, -1]])
    assert (edge == 255).all()


def test_headings_turn_the_robots():
    ahead, aside = (
        replay_frames(crossing(0), LANDMARKS, ("omni", "omni"), 2.0, 0.2, headings=np.full((1, 2), angle))[0] for angle in (0.0, np.pi / 2)
    )
    assert (ahead != aside).any()


def test_an_arena_of_another_size_fills_the_frame_alike():
    small, large = (
        replay_frames(size * crossing(0), size * LANDMARKS, ("omni", "omni"), 2.0 * size, 0.2 * size)[0].min(axis=-1) < 200
        for size in (1.0, 4.0)
    )
    for axis in (0, 1):
        extents = [np.nonzero(frame.any(axis=axis))[0][[0, -1]] for frame in (small, large)]
        assert np.abs(extents[0] - extents[1]).max() < 8


def test_a_gif_has_every_frame_at_its_time_and_is_small(tmp_path):
    frames = replay_frames(crossing(99), LANDMARKS, ("omni", "omni"), arena_half_size=2.0, capture_radius=0.2)
    path = tmp_path / "mission.gif"
    mission_gif(frames, path, period=0.1)
    assert path.stat().st_size < 500_000
    with Image.open(path) as gif:
        assert (gif.n_frames, gif.size, gif.info["loop"]) == (100, (WIDTH, HEIGHT), 0)
        assert gif.info["duration"] == 100
        gif.seek(50)
        shown = np.asarray(gif.convert("RGB"))
        assert np.abs(shown.astype(int) - frames[50]).mean() < 2
        gif.seek(99)
        assert gif.info["duration"] > 1000
    assert [entry.name for entry in tmp_path.iterdir()] == ["mission.gif"]


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nowhere/mission\.gif: cannot be written"):
        mission_gif([np.zeros((4, 4, 3), np.uint8)], tmp_path / "nowhere" / "mission.gif", period=0.1)
