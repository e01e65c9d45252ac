import math

import pytest

from robots.errors import InputError
from sim3d.profile import Actuation, Profile, Sensing, load_profile, profile_names


def test_the_shipped_profiles_are_found_by_name():
    assert set(profile_names()) >= {"clean", "field"}
    for name in profile_names():
        assert load_profile(name).name == name


def test_clean_disturbs_nothing():
    assert load_profile("clean") == Profile(name="clean")


def test_field_has_the_documented_figures():
    field = load_profile("field")
    assert field.sensing.position_sigma == 0.05
    assert field.sensing.heading_sigma == pytest.approx(math.radians(0.31), rel=0.01)
    # The slope of a line through 31 positions at 50 Hz, as the file says.
    assert field.sensing.velocity_sigma == pytest.approx(0.05 / 0.02 * math.sqrt(12 / (31 * (31**2 - 1))), rel=0.01)
    assert field.actuation.delay == 0.1


def test_a_file_is_read_before_a_name_is_looked_up(tmp_path, monkeypatch):
    (tmp_path / "clean").write_text("{name: mine, sensing: {position_sigma: 1}, actuation: {delay: 1e-3}}")
    monkeypatch.chdir(tmp_path)
    assert load_profile("clean") == Profile(name="mine", sensing=Sensing(position_sigma=1.0), actuation=Actuation(delay=0.001))


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(InputError, match=r"profile 'feild'.*clean, field.*did you mean 'field'"):
        load_profile("feild")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{name: a, sensing: {position_sigma: -0.1}}", r"sensing\.position_sigma: is -0\.1, must be"),
        ("{name: a, sensing: {heading_sigma: .nan}}", r"sensing\.heading_sigma: is nan, must be"),
        ("{name: a, actuation: {delay: .inf}}", r"actuation\.delay: is inf, must be"),
        ("{name: a, sensing: {positon_sigma: 1}}", r"unknown key 'positon_sigma' in 'sensing'; did you mean 'position_sigma'"),
        ("{name: a, actuation: {delay: soon}}", r"delay"),
        ("{sensing: {}}", r"name"),
    ],
)
def test_a_bad_file_is_refused_with_place_and_value(tmp_path, text, said):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=said) as error:
        load_profile(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)
