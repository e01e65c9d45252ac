"""Suites: what their files may say, and which profiles come of it."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robots.errors import InputError
from robots.yaml_input import convert
from runtime.figure import Law
from runtime.link import Fault, Link
from sim3d.profile import Actuation, Dynamics, Profile, Sensing, load_profile
from sim3d.suite.cells import cells_of, differences
from sim3d.suite.definition import Scale, load_suite, suite_names
from sim3d.suite.scale import scaled

SUITE = """
name: small
episodes: {spread: 10}
scale: {spread: {metre: 0.5, second: 0.25}}
base: lab
families:
  sensing:
    noise:
      about: noise
      axis: {figure: sensing.position_sigma, unit: m}
      rungs:
        1: {sensing: {position_sigma: 0.02}}
        4: {sensing: {position_sigma: 0.2}, faults: [{kind: lie, offset: 0.4}]}
  actuation:
    latency:
      about: latency
      axis: {figure: actuation.delay, unit: s}
      rungs: {3: {actuation: {delay: 0.1}}}
  dynamics:
    payload: {about: payload, rungs: {2: {dynamics: {mass: 1.2}}}}
grids:
  both: {rows: sensing.noise, columns: actuation.latency}
deployed: {cells: [both-4-3]}
"""


@pytest.fixture
def read(tmp_path):
    """Cells, in world spread, of the suite above with one text replaced by another."""

    def cells(old="", new=""):
        assert old in SUITE
        path = tmp_path / "small.yaml"
        path.write_text(SUITE.replace(old, new, 1))
        return {cell.id: cell for cell in cells_of(load_suite(path), "spread", path)}

    return cells


def test_cells_are_clean_then_ladders_then_crossings(read):
    cells = read()
    assert list(cells) == [
        *("clean", "sensing-noise-1", "sensing-noise-4", "actuation-latency-3", "dynamics-payload-2"),
        *("both-1-3", "both-4-3"),
    ]
    assert cells["both-4-3"].severities == {"sensing.noise": 4, "actuation.latency": 3}
    assert cells["sensing-noise-4"].axis == 0.2
    assert [cell.id for cell in cells.values() if not cell.ends] == ["dynamics-payload-2"]


def test_a_rung_replaces_what_it_names_and_leaves_the_rest_of_the_base(read):
    lab, cells = load_profile("lab"), read()
    crossed = cells["both-4-3"].profile
    # In a world of half a unit a metre and a quarter of a unit a second.
    assert crossed.sensing.position_sigma == pytest.approx(0.2 * 0.5)
    assert crossed.sensing.velocity_sigma == pytest.approx(lab.sensing.velocity_sigma * 0.5 / 0.25)
    assert crossed.actuation.delay == pytest.approx(0.1 * 0.25)
    assert crossed.actuation.jitter == pytest.approx(lab.actuation.jitter * 0.25)
    assert crossed.link.delay == pytest.approx(lab.link.delay * 0.25)
    assert [fault.offset for fault in crossed.faults] == [pytest.approx(0.4 * 0.5)]
    assert cells["sensing-noise-1"].profile.faults == ()
    assert cells["sensing-noise-1"].profile.actuation.delay == pytest.approx(lab.actuation.delay * 0.25)


@pytest.mark.parametrize("name", suite_names())
@pytest.mark.parametrize("world", ["spread", "bullet"])
def test_what_comes_with_fieldswarm_can_be_run(name, world):
    suite = load_suite(name)
    cells = cells_of(suite, world, name)
    assert len({cell.id for cell in cells}) == len(cells)
    assert suite.deployed.cells
    severities = {severity for cell in cells for severity in cell.severities.values()}
    assert severities <= set(range(1, 6))


def test_the_default_suite_has_all_families_with_five_severities_and_both_grids():
    suite = load_suite("field")
    assert set(suite.families) == {"sensing", "actuation", "link", "dynamics", "faults", "adversary"}
    assert all(sorted(ladder.rungs) == [1, 2, 3, 4, 5] for ladder in suite.ladders.values())
    crossed = {(grid.rows, grid.columns) for grid in suite.grids.values()}
    assert crossed == {("sensing.noise", "actuation.latency"), ("link.loss", "link.delay")}


@pytest.mark.parametrize(
    "old, new, message",
    [
        ("episodes:", "episods:", "unknown key 'episods'; did you mean 'episodes'"),
        ("axis: {figure", "axis: {figur", "unknown key 'figur'"),
        (
            "position_sigma: 0.02",
            "positon_sigma: 0.02",
            r"sensing.noise.rungs.1: unknown key 'positon_sigma' in 'sensing'; did you mean 'pos",
        ),
        ("{actuation: {delay", "{actuaton: {delay", r"actuation.latency.rungs.3: unknown key 'actuaton'; did you mean 'actuation'"),
        ("figure: actuation.delay", "figure: actuation.dely", "'dely' is unknown; did you mean 'delay'"),
        ("rows: sensing.noise", "rows: sensing.nose", "'sensing.nose' is unknown; did you mean 'sensing.noise'"),
        ("columns: actuation.latency", "columns: sensing.noise", "rows and columns are both 'sensing.noise'"),
        ("cells: [both-4-3]", "cells: [both-4-2]", "'both-4-2' is unknown; did you mean 'both-4-3'"),
        ("scale: {spread", "scale: {bullet", "has no world 'spread'"),
        ("scale: {spread", "scale: {spred", "'spred' is unknown; did you mean 'spread'"),
        ("metre: 0.5", "metre: 0", "metre: is 0.0, must be finite and above 0"),
        ("episodes: {spread: 10}", "episodes: {spread: 0}", "is 0, must be at least 1"),
        ("rungs: {3:", "rungs: {6:", "severity 6, must be 1 ... 5"),
        ("rungs: {3: {actuation: {delay: 0.1}}}", "rungs: {}", "rungs: is empty"),
        ("position_sigma: 0.2", "position_sigma: 0.01", "0.01, 0.02, 0.01; it must rise, or fall"),
        ("mass: 1.2", "mass: 20", "mass: is 20.0, must be finite and in 0.1 ... 10"),
        ("position_sigma: 0.2}", "position_sigma: {uniform: [0.0, 1.0]}}", "'sensing.position_sigma' is no number"),
        (
            "delay: 0.1}",
            "delay: 0.1}, sensing: {position_sigma: 0.1}",
            "'sensing.noise' and 'actuation.latency' both set sensing.position_s",
        ),
        ("dynamics:\n    payload: {about: payload, rungs: {2: {dynamics: {mass: 1.2}}}}", "dynamics: {}", "families.dynamics: is empty"),
        ("  both:", "  sensing:", "is the name of a family"),
        ("  dynamics:\n    payload", "  dynamics:\n    Payload", "'Payload' cannot be a name"),
        ("base: lab", "base: labb", "did you mean 'lab'"),
    ],
)
def test_what_a_suite_cannot_say_is_refused_in_one_line(read, old, new, message):
    with pytest.raises(InputError, match=message) as refused:
        read(old, new)
    assert "\n" not in str(refused.value)


def test_an_unknown_suite_names_the_nearest():
    with pytest.raises(InputError, match=r"suite 'feild' is neither .*; did you mean 'field'"):
        load_suite("feild")


DIMENSIONLESS = {
    *("sensing.heading_sigma", "sensing.heading_bias", "sensing.heading_step", "sensing.outliers", "sensing.dropout"),
    *("actuation.deadband", "actuation.gain", "actuation.saturation", "dynamics.mass", "dynamics.motor_gain"),
    *("link.loss", "link.bursts", "link.burst_loss", "link.duplication", "link.in_order"),
}
"""Shares, angles and ratios, and the figures in the action's own unit."""


def test_every_figure_is_scaled_by_its_unit_or_has_none():
    everything = Profile(
        name="x",
        **{name: kind(**dict.fromkeys(kind.__struct_fields__, 1.0)) for name, kind in SECTIONS.items()},
        link=Link(**{name: 1.0 for name in Link.__struct_fields__ if name != "in_order"}),
        faults=(Fault(kind="lie", at=1.0, offset=1.0),),
    )
    other = scaled(everything, Scale(metre=3.0, second=7.0))
    same = {
        f"{section}.{name}"
        for section in (*SECTIONS, "link")
        for name in getattr(everything, section).__struct_fields__
        if getattr(getattr(other, section), name) == getattr(getattr(everything, section), name)
    }
    assert same == DIMENSIONLESS
    assert other.faults == (Fault(kind="lie", at=7.0, offset=3.0),)
    assert other.sensing.velocity_walk == pytest.approx(3.0 / 7.0**1.5)
    assert other.sensing.rate == pytest.approx(1 / 7.0)


SECTIONS = {"sensing": Sensing, "actuation": Actuation, "dynamics": Dynamics}


def test_laws_are_scaled_too():
    profile = Profile(name="x", actuation=Actuation(delay=Law(uniform=(0.1, 0.2)), lag=Law(choice=(0.1, 0.4), shared=True)))
    other = scaled(profile, Scale(metre=1.0, second=2.0)).actuation
    assert other.delay == Law(uniform=(0.2, 0.4))
    assert other.lag == Law(choice=(0.2, 0.8), shared=True)


@given(
    delay=st.floats(0, 1),
    sigma=st.floats(0, 1),
    mass=st.floats(0.5, 2),
    loss=st.floats(0, 1),
    fault=st.booleans(),
    until=st.none() | st.just(2.0),
)
def test_what_is_left_of_a_profile_is_the_profile(delay, sigma, mass, loss, fault, until):
    profile = Profile(
        name="x",
        actuation=Actuation(delay=delay),
        sensing=Sensing(position_sigma=sigma),
        dynamics=Dynamics(mass=mass),
        link=Link(loss=loss),
        faults=(Fault(kind="silent"),) * fault,
        until=until,
    )
    assert convert(msgspec.json.decode(msgspec.json.encode(differences(profile))), Profile, "") == profile
