"""A profile that ends: while it lasts it is what it is without an end, and from then on nothing is disturbed."""

import msgspec
import numpy as np
import pytest

from robots.errors import InputError
from robots.spec import load_spec
from robots.yaml_input import dump_yaml
from runtime.bundle import read_bundle
from runtime.link import Fault, Link
from sim3d.disturbances.disturbance import Disturbances
from sim3d.disturbances.hearing import Hearing
from sim3d.in_process import run_missions
from sim3d.profile import Actuation, Profile, Sensing, load_profile
from sim3d.spread import HORIZON, SpreadWorld
from sim3d.world import WorldState, random_layouts

ROUGH = Profile(
    name="rough",
    sensing=Sensing(position_sigma=0.1, velocity_bias=0.2, dropout=0.2, delay=0.1),
    actuation=Actuation(delay=0.25, gain=0.8),
    link=Link(delay=0.2, jitter=0.1, loss=0.3),
    faults=(Fault(kind="stop", robot=0, at=0.5), Fault(kind="lie", robot=1, offset=0.5), Fault(kind="late", robot=2, at=99.0)),
)
END = 1.3
"""[s], tick 13."""
ENDING = msgspec.structs.replace(ROUGH, until=END)


def positions(bundle, profile, horizon=HORIZON):
    layouts = random_layouts(20, 3, 3, 1.0, seed=3)
    return run_missions(SpreadWorld(3), [load_spec("point")] * 3, read_bundle(bundle).verify(), layouts, profile, horizon)


def test_until_its_end_nothing_differs(point_bundle):
    with_end, without = positions(point_bundle, ENDING), positions(point_bundle, ROUGH)
    # What is commanded in tick 12 moves a robot in tick 13, and is seen at its end.
    assert (with_end[:, :15] == without[:, :15]).all()
    assert (with_end[:, 16] != without[:, 16]).any()


def test_after_its_end_robots_know_and_do_what_they_would_undisturbed():
    seeds, ticks = np.arange(4), 30
    disturbances, hearing = Disturbances(ENDING, seeds, 3, 0.1, command_latency=0.15), Hearing(ENDING, seeds, 3, 0.1)
    clean = Disturbances(Profile(name="clean"), seeds, 3, 0.1, command_latency=0.15)
    generator = np.random.default_rng(0)
    for tick in range(ticks):
        true, action = generator.normal(size=(4, 3, 2)), generator.normal(size=(4, 3, 2))
        state = WorldState(true, 2 * true, true[..., 0], true, tick)
        measured = disturbances.sense(state)
        hearing.listen(tick, measured)
        applied, undisturbed = disturbances.actuate(action), clean.actuate(action)
        ended = tick >= 13
        assert (measured.position == true).all() == ended
        assert (measured.velocity == 2 * true).all() == ended
        assert (hearing.heard().age == 0).all() == ended or tick == 0
        assert (applied == undisturbed).all() == ended or tick < 2
        if ended:
            assert (measured.age == 0).all()


def test_an_end_that_robots_of_their_own_would_not_know_is_refused(tmp_path):
    path = tmp_path / "rough.yaml"
    path.write_text(dump_yaml(ENDING))
    with pytest.raises(InputError, match=r"rough.yaml: until: is 1.3"):
        load_profile(path)
    path.write_text("name: x\nuntil: -1\n")
    with pytest.raises(InputError, match=r"until: is -1"):
        load_profile(path)
    path.write_text("name: x\nuntil: 2\nsensing: {position_sigma: 0.1}\n")
    assert load_profile(path).until == 2
