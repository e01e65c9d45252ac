from __future__ import annotations

import pytest

from robots.errors import InputError
from robots.yaml_input import dump_yaml, parse_yaml
from runtime.team import Mission, Missions
from sim3d.mission_layouts import layouts_of, missions_of
from sim3d.world import Layouts, random_layouts

LANDMARKS = ((0.1, 0.2), (0.3, 0.4))


def same(first: Layouts, second: Layouts) -> bool:
    return all((getattr(first, name) == getattr(second, name)).all() for name in ("starts", "landmarks", "seeds"))


def test_layouts_survive_the_mission_file_bit_for_bit():
    layouts = random_layouts(5, 3, 2, 2.0, seed=7)
    text = dump_yaml(missions_of(layouts))
    assert same(layouts_of(parse_yaml(text, Missions, "file"), 3, 2.0, seed=99, place="file"), layouts)


def test_what_a_mission_leaves_open_follows_from_the_seed_and_its_number():
    missions = Missions(missions=(Mission(landmarks=LANDMARKS),) * 3)
    drawn = random_layouts(3, 4, 2, 2.0, seed=7)
    layouts = layouts_of(missions, 4, 2.0, seed=7, place="file")
    assert (layouts.starts == drawn.starts).all() and (layouts.seeds == drawn.seeds).all()
    assert layouts.landmarks.tolist() == [[list(point) for point in LANDMARKS]] * 3


def test_landmarks_that_move_survive_the_mission_file_bit_for_bit():
    layouts = random_layouts(5, 3, 2, 2.0, seed=7, landmark_speed=0.3)
    read = layouts_of(parse_yaml(dump_yaml(missions_of(layouts)), Missions, "file"), 3, 2.0, seed=99, place="file")
    assert same(read, layouts) and (read.drift == layouts.drift).all() and (read.within == layouts.within).all()


def test_missions_with_and_without_landmarks_that_move_are_one_series():
    moving = Mission(landmarks=LANDMARKS, drift=((0.5, 0.0), (0.0, 0.5)))
    layouts = layouts_of(Missions(missions=(Mission(landmarks=LANDMARKS), moving)), 2, 2.0, seed=0, place="file")
    track = layouts.track(0.1, 200)
    assert (track[0] == track[0, 0]).all()
    assert track[1, -1].tolist() == [[0.1 + 10.0, 0.2], [0.3, 0.4 + 10.0]]  # nothing turns them round
    back = missions_of(layouts)
    assert back.missions[1].drift == moving.drift and back.missions[1].within is None


@pytest.mark.parametrize(
    ("mission", "text"),
    [
        (Mission(landmarks=LANDMARKS, starts=LANDMARKS), "file: missions[0].starts: has 2, the team has 3 robots"),
        (Mission(landmarks=LANDMARKS, seed=-1), "file: missions[0].seed: is -1, must be in 0 ... 2^63 - 1"),
    ],
)
def test_a_mission_that_does_not_fit_the_team(mission, text):
    with pytest.raises(InputError) as error:
        layouts_of(Missions(missions=(mission,)), 3, 1.0, seed=0, place="file")
    assert str(error.value) == text
