"""Who failed first: the robot that was disturbed is named, those that react to it are not, and clean missions name nobody."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from robots.yaml_input import convert
from runtime.bundle import read_bundle
from runtime.link import Fault, Link
from sim3d.explain.motion import MotionModel
from sim3d.explain.one_robot import culprits
from sim3d.explain.patient_zero import FALSE_ALARMS, NOBODY, name_first, thresholds
from sim3d.explain.watched import Detector, WatchedTeam
from sim3d.profile import Actuation, Dynamics, Profile, Sensing, load_profile
from sim3d.spread_task import separations
from sim3d.suite.runner import Settings
from tests.conftest import write_point_bundle
from tests.sim3d.homing import write_homing_bundle

CLEAN = Profile(name="clean")
SINCE = 5
EPISODES = 60


@pytest.fixture(scope="module")
def team(point_bundle: Path) -> WatchedTeam:
    return WatchedTeam(read_bundle(point_bundle).verify(), "spread", Settings(), str(point_bundle))


@pytest.fixture(scope="module")
def detector(team: WatchedTeam) -> Detector:
    return Detector(team, team.missions(team.layouts(1000, 200, seed=1), CLEAN))


def _disturbed(team: WatchedTeam, rung: dict, episodes: int = EPISODES):
    layouts = team.layouts(0, episodes, seed=1)
    records, who = team.with_one_disturbed(layouts, CLEAN, convert({"name": "one", **rung}, Profile, "test"), SINCE)
    return records, who, team.missions(layouts, CLEAN)


@pytest.mark.parametrize(
    "rung",
    [
        {"sensing": {"position_sigma": 0.25, "velocity_sigma": 0.25}},
        {"sensing": {"position_bias": 0.25}},
        {"sensing": {"dropout": 0.4}},
        {"sensing": {"outliers": 0.4, "outlier_sigma": 0.5}},
        {"actuation": {"delay": 0.3}},
        {"actuation": {"gain": 0.5}},
        {"link": {"loss": 0.4}},
        {"link": {"delay": 0.5, "jitter": 0.1}},
        {"dynamics": {"mass": 2.0}},
        {"dynamics": {"motor_gain": 0.5}},
        {"faults": [{"kind": "stop"}]},
        {"faults": [{"kind": "silent"}]},
        {"faults": [{"kind": "lie", "offset": 1.0}]},
    ],
    ids=lambda rung: "-".join(next(iter(rung.values()))) if "faults" not in rung else rung["faults"][0]["kind"],
)
def test_the_robot_that_is_disturbed_is_named(team: WatchedTeam, detector: Detector, rung: dict) -> None:
    records, who, _ = _disturbed(team, rung)
    named = detector.first(records)
    # The bound that is asked of the benchmark; 60 of 60 are right here, or all but one or two that nobody noticed.
    assert (named.robot == who).mean() >= 0.88
    # Never another one, and never before there was anything to see.
    assert ((named.robot == who) | (named.robot == NOBODY)).all()
    assert (named.step[named.anybody] >= SINCE).all()


def test_in_clean_missions_nobody_is_named(team: WatchedTeam, detector: Detector) -> None:
    assert not detector.first(team.missions(team.layouts(0, EPISODES, seed=1), CLEAN)).anybody.any()


def test_who_reacts_to_a_robot_that_fails_is_not_suspected(team: WatchedTeam, detector: Detector) -> None:
    """Its peers go elsewhere than they would have gone, and none of them shows any sign."""
    records, who, twins = _disturbed(team, {"faults": [{"kind": "stop"}]})
    moved = np.linalg.norm(records[0].position[:, -1] - twins[0].position[:, -1], axis=-1)
    peers = np.arange(3) != who[:, None]
    assert (moved[peers] > 0.01).mean() > 0.8
    for sign, deviation in detector.signs(records).items():
        assert deviation.transpose(0, 2, 1)[peers].max() < 1e-6, sign


def test_one_robot_is_disturbed_and_only_from_its_step_on(team: WatchedTeam) -> None:
    for rung in (
        {"sensing": {"position_bias": 0.25}},
        {"actuation": {"delay": 0.2}},
        {"dynamics": {"mass": 2.0}},
        {"link": {"delay": 0.3}},
        {"faults": [{"kind": "lie", "offset": 1.0}]},
    ):
        (record,), who, (twin,) = _disturbed(team, rung)
        # What is decided in step SINCE moves a robot in the step after the next.
        assert (record.position[:, : SINCE + 2] == twin.position[:, : SINCE + 2]).all()
        assert (np.abs(record.position[:, -1] - twin.position[:, -1]).max(axis=(1, 2)) > 1e-3).mean() > 0.9
        measured, true = record.views[SINCE + 3].own_position, record.position[:, SINCE + 3]
        wrong = (measured != true).any(axis=-1)
        assert (wrong == ((np.arange(3) == who[:, None]) & ("sensing" in rung))).all()


def test_a_robot_disturbed_as_its_peers_are_changes_nothing(team: WatchedTeam) -> None:
    lab = load_profile("lab")
    layouts = team.layouts(0, 10, seed=1)
    (record,), _ = team.with_one_disturbed(layouts, lab, lab, SINCE)
    (plain,) = team.missions(layouts, lab)
    assert (record.position == plain.position).all()


def test_a_radio_that_becomes_slow_does_not_forget_what_it_heard(team: WatchedTeam) -> None:
    """With a delay of 0.3 s from step 5 on, the newest message stays that of step 4 until that of step 5 is there."""
    (record,), who, _ = _disturbed(team, {"link": {"delay": 0.3}})
    ages = np.stack([view.peers_age[np.arange(EPISODES), who] for view in record.views], axis=1)
    for step, age in {4: 0.0, 5: 0.1, 6: 0.2, 7: 0.3, 8: 0.3, 20: 0.3}.items():
        assert ages[:, step] == pytest.approx(age, abs=1e-9)


def test_other_dynamics_in_mid_mission_are_refused_where_they_cannot_be(tmp_path: Path) -> None:
    bundle = write_homing_bundle(tmp_path, kind="omni")
    team = WatchedTeam(read_bundle(bundle).verify(), "planar", Settings(), str(bundle))
    heavy = Profile(name="", dynamics=Dynamics(mass=2.0))
    with pytest.raises(ValueError, match="PlanarWorld cannot change the dynamics"):
        team.with_one_disturbed(team.layouts(0, 2, seed=1), CLEAN, heavy, SINCE)


def test_robots_in_metres_and_seconds_are_told_apart_too(tmp_path: Path) -> None:
    """Their commands pass a schedule, a response and a gate between two decisions."""
    bundle = write_homing_bundle(tmp_path, kind="omni")
    team = WatchedTeam(read_bundle(bundle).verify(), "planar", Settings(), str(bundle))
    detector = Detector(team, team.missions(team.layouts(1000, 60, seed=1), CLEAN))
    layouts = team.layouts(0, 30, seed=1)
    for profile in (Profile(name="", actuation=Actuation(gain=0.5)), Profile(name="", sensing=Sensing(position_bias=0.3))):
        records, who = team.with_one_disturbed(layouts, CLEAN, profile, SINCE)
        assert (detector.first(records).robot == who).mean() >= 0.88


def test_culprits_are_those_that_the_faults_strike(team: WatchedTeam) -> None:
    profile = Profile(name="", faults=(Fault(kind="stop", at=0.0, probability=0.5),))
    layouts = team.layouts(0, 40, seed=1)
    who = culprits(profile, layouts.seeds, 3)
    (record,) = team.missions(layouts, profile)
    stood = (record.position[:, 3:6] == record.position[:, 2:3]).all(axis=(1, 3))
    assert 10 <= who.any(axis=1).sum() <= 30
    # Who stands can be pushed.
    alone = np.sort(separations(record.position[:, :6]), axis=-1)[..., 1].min(axis=1) > 0.4
    assert stood[who & alone].all() and (who & alone).sum() >= 5
    assert not stood[~who].any()


def test_between_two_robots_nobody_is_blamed_for_the_radio(tmp_path: Path) -> None:
    bundle = write_point_bundle(tmp_path, robots=2)
    team = WatchedTeam(read_bundle(bundle).verify(), "spread", Settings(), str(bundle))
    detector = Detector(team, team.missions(team.layouts(1000, 100, seed=1), CLEAN))
    layouts = team.layouts(0, EPISODES, seed=1)
    slow, _ = team.with_one_disturbed(layouts, CLEAN, Profile(name="", link=Link(delay=0.5)), SINCE)
    assert not detector.first(slow).anybody.any()
    weak, who = team.with_one_disturbed(layouts, CLEAN, Profile(name="", actuation=Actuation(gain=0.5)), SINCE)
    assert (detector.first(weak).robot == who).mean() >= 0.88


def test_thresholds_let_few_noisy_missions_raise_an_alarm(team: WatchedTeam) -> None:
    lab = load_profile("lab")
    detector = Detector(team, team.missions(team.layouts(1000, 300, seed=1), lab))
    alarms = detector.first(team.missions(team.layouts(0, 300, seed=1), lab)).anybody.mean()
    # 0.01 is meant; both 300 missions scatter by 0.005 or so.
    assert alarms <= FALSE_ALARMS + 3 * 0.007


def test_among_noisy_robots_a_lossy_radio_is_told_from_its_peers(team: WatchedTeam) -> None:
    """Whoever acts on noise between two others that hear each other in time is not blamed for it."""
    lab = load_profile("lab")
    detector = Detector(team, team.missions(team.layouts(1000, 200, seed=1), lab))
    lossy = msgspec.structs.replace(lab, link=msgspec.structs.replace(lab.link, loss=0.4))
    records, who = team.with_one_disturbed(team.layouts(0, EPISODES, seed=1), lab, lossy, SINCE)
    assert (detector.first(records).robot == who).mean() >= 0.88


def test_motion_is_learnt_with_the_latency_that_all_have(team: WatchedTeam) -> None:
    late = Profile(name="late", actuation=Actuation(delay=0.15))
    records = team.missions(team.layouts(0, 100, seed=1), late)
    others = team.missions(team.layouts(100, 50, seed=1), late)
    model = MotionModel.fit(records, team.world.robot_radius)
    assert model.deviation(others[0]).max() < 1e-9
    assert model.deviation(team.missions(team.layouts(100, 50, seed=1), CLEAN)[0]).max() > 0.1


def test_the_first_beyond_its_threshold_is_named() -> None:
    signs = {"a": np.zeros((3, 4, 2)), "b": np.zeros((3, 4, 2))}
    signs["a"][0, 2, 1] = 1.5  # robot 1 in step 2 ...
    signs["b"][0, 3, 0] = 90.0  # ... before robot 0, by however much
    signs["a"][1, 1, 0], signs["b"][1, 1, 1] = 3.0, 40.0  # at once: 3 thresholds against 4
    signs["a"][2, 1, 0] = 1.0  # at its threshold is not beyond it
    named = name_first(signs, {"a": 1.0, "b": 10.0})
    assert named.robot.tolist() == [1, 1, NOBODY]
    assert named.step.tolist() == [2, 1, 0]
    assert named.sign.tolist() == [0, 1, 0]


def test_a_threshold_is_exceeded_in_its_share_of_clean_missions() -> None:
    deviation = np.zeros((1000, 3, 2))
    deviation[:, 1, 0] = np.arange(1000) / 1000
    found = thresholds({"a": deviation, "b": deviation})
    assert (deviation.max(axis=(1, 2)) > found["a"]).mean() == pytest.approx(FALSE_ALARMS / 2, abs=1e-3)
