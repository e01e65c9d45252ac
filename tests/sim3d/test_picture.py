import numpy as np
import pytest
from PIL import Image

from robots.errors import InputError
from sim3d.picture import missions_picture, robot_colour, trajectory_picture

RADII = {"capture_radius": 0.2, "robot_radius": 0.2, "arena_half_size": 2.0}


def straight_mission(robots: int, ticks: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Robots that drive side by side, straight to their landmarks: positions [T + 1, N, 2] and landmarks [N, 2], m."""
    side = np.linspace(-1.5, 1.5, robots)
    starts, landmarks = np.column_stack([side, np.full(robots, -1.5)]), np.column_stack([side, np.full(robots, 1.5)])
    share = np.linspace(0.0, 1.0, ticks + 1)[:, None, None]
    return starts + share * (landmarks - starts), landmarks


def pixels(path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"), dtype=float) / 255


def near(image: np.ndarray, colour, tolerance: float = 0.06) -> np.ndarray:
    return np.abs(image - np.asarray(colour)).max(axis=-1) < tolerance


def test_each_robot_is_drawn_in_its_colour_where_it_was(tmp_path):
    positions, landmarks = straight_mission(3)
    trajectory_picture(positions, landmarks, **RADII, path=tmp_path / "mission.png", title="a mission")
    image = pixels(tmp_path / "mission.png")
    above_the_legend = image[: int(0.85 * len(image))]
    columns = [np.nonzero(near(above_the_legend, robot_colour(agent)))[1] for agent in range(3)]
    assert all(len(column) > 100 for column in columns)
    assert columns[0].mean() < columns[1].mean() < columns[2].mean()
    # They are 1.5 m apart on axes 4.2 m or so wide.
    assert columns[1].mean() - columns[0].mean() == pytest.approx(columns[2].mean() - columns[1].mean(), abs=3)


def test_a_trajectory_fades_towards_its_start(tmp_path):
    positions, landmarks = straight_mission(3)
    trajectory_picture(positions, landmarks, **RADII, path=tmp_path / "mission.png")
    image = pixels(tmp_path / "mission.png")
    middle = image[:, image.shape[1] // 2 - 60 : image.shape[1] // 2 + 60]
    late, early = middle[int(0.25 * len(image)) : int(0.35 * len(image))], middle[int(0.6 * len(image)) : int(0.7 * len(image))]
    assert late.sum(axis=-1).min() < early.sum(axis=-1).min() - 0.4


def test_missions_stand_in_rows_on_equal_axes(tmp_path):
    missions = [straight_mission(robots, ticks) for robots, ticks in ((3, 40), (3, 10), (2, 25), (7, 5), (1, 1))]
    positions, landmarks = zip(*missions, strict=True)
    missions_picture(positions, landmarks, **RADII, path=tmp_path / "missions.png", titles=[f"mission {k}" for k in range(5)])
    height, width, _ = pixels(tmp_path / "missions.png").shape
    assert 1.2 < width / height < 1.6


def test_a_robot_that_left_the_arena_is_still_in_the_picture(tmp_path):
    positions, landmarks = straight_mission(2)
    positions = positions * 3.0
    trajectory_picture(positions, landmarks, **RADII, path=tmp_path / "far.png")
    image = pixels(tmp_path / "far.png")
    assert all(near(image[: int(0.85 * len(image))], robot_colour(agent)).sum() > 100 for agent in range(2))


def test_only_the_picture_is_left_behind(tmp_path):
    positions, landmarks = straight_mission(1)
    trajectory_picture(positions, landmarks, **RADII, path=tmp_path / "mission.png")
    assert [path.name for path in tmp_path.iterdir()] == ["mission.png"]


def test_a_folder_that_is_not_there_is_named(tmp_path):
    positions, landmarks = straight_mission(1)
    with pytest.raises(InputError, match=r"nowhere/mission\.png: cannot be written"):
        trajectory_picture(positions, landmarks, **RADII, path=tmp_path / "nowhere" / "mission.png")
