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
