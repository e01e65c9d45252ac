import itertools
import math

import pytest

from robots.errors import InputError
from runtime.figure import Law
from sim3d.profile import Actuation, Profile, Sensing, _profile_folder, load_profile, profile_names


def test_the_shipped_profiles_are_found_by_name():
    assert set(profile_names()) >= {"clean", "lab", "field", "harsh", "train_robust"}
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
        (
            "{name: a, actuation: {delay: {uniform: [0.3, 0.1]}}}",
            r"actuation\.delay\.uniform: its low end is 0\.3, above its high end 0\.1",
        ),
        ("{name: a, actuation: {delay: {uniform: [-0.1, 0.1]}}}", r"actuation\.delay: is -0\.1, must be"),
        ("{name: a, actuation: {delay: {choices: [1]}}}", r"unknown key 'choices' in 'actuation\.delay'; did you mean 'choice'"),
        ("{name: a, actuation: {gain: {shared: true}}}", r"actuation\.gain: has neither of uniform and choice"),
        ("{name: a, sensing: {dropout: 1.2}}", r"sensing\.dropout: is 1\.2, must be finite and in 0 \.\.\. 1"),
        ("{name: a, dynamics: {mass: 0}}", r"dynamics\.mass: is 0\.0, must be finite and in 0\.1 \.\.\. 10"),
        ("{name: a, link: {loss: 2}}", r"link\.loss: is 2\.0, must be"),
        ("{name: a, link: {latency: 2}}", r"unknown key 'latency' in 'link'"),
        ("{name: a, faults: [{kind: silent, at: -1}]}", r"faults\[0\]\.at: is -1\.0, must be"),
        ("{name: a, faults: [{kind: stop}, {kind: silent, robot: -1}]}", r"faults\[1\]\.robot: is -1, must be 0 or more"),
        ("{name: a, faults: [{kind: sulk}]}", r"sulk"),
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


def test_every_figure_of_a_shipped_profile_has_its_source_beside_it():
    """A comment in its line or in the one above, but for zeros."""
    for name in profile_names():
        lines = (_profile_folder() / f"{name}.yaml").read_text().splitlines()
        for above, line in itertools.pairwise(lines):
            key, colon, rest = line.strip().partition(":")
            if colon and rest.strip() and not key.startswith("#") and key != "name" and not rest.strip().startswith("0.0 "):
                assert "#" in rest or above.strip().startswith("#"), f"{name}: {line}"


def test_profiles_get_harder():
    """In every figure that two of them have: clean, lab, field, harsh."""
    ladder = [load_profile(name) for name in ("clean", "lab", "field", "harsh")]
    for easier, harder in itertools.pairwise(ladder):
        assert easier.sensing.position_sigma < harder.sensing.position_sigma
        assert easier.actuation.delay < harder.actuation.delay
        assert easier.link.delay < harder.link.delay
        assert easier.link.loss + easier.link.bursts <= harder.link.loss + harder.link.bursts


def test_a_law_is_read_as_one():
    delay = load_profile("train_robust").actuation.delay
    assert delay == Law(uniform=(0.0, 0.3))
