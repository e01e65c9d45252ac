"""What a fault costs and what comes back: trajectories with known answers, laws that hold for all, and a real team whose robots fail."""

import json
from itertools import combinations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from robots.errors import InputError
from runtime import cli
from runtime.faults import Faults
from runtime.figure import Law
from runtime.link import Fault
from sim3d.recovery import attainable_landmarks, covered_landmarks, jain_index, path_lengths, recovery, strikes
from sim3d.statistics.interval import layout_weights
from sim3d.suite.recoveries import coverage_ratio, mean_of_some
from sim3d.suite.results import RECOVERY, Results, figure_names, named_figures
from sim3d.suite.store import CellStore
from tests.sim3d.homing import write_homing_bundle

PERIOD = 0.5


def of(coverage, clean, begins, end=None):
    """Recovery of one mission, coverage in thirds of the landmarks."""
    both = np.array([coverage, clean]) / 3
    found = recovery(both[:1], both[1:], np.array([begins]), len(coverage) - 1 if end is None else end, PERIOD)
    return {name: getattr(found, name)[0] for name in found.__dataclass_fields__}


def test_a_team_that_stands_loses_a_landmark_and_takes_it_back():
    found = of([0, 2, 3, 3, 2, 2, 2, 3, 3], [0, 2, 3, 3, 3, 3, 3, 3, 3], begins=3)
    assert found["before"] == found["after"] == 1.0 and found["lowest"] == pytest.approx(2 / 3)
    assert found["affected"] and found["recovered"]
    assert found["time_to_recover"] == found["time_below"] == 3 * PERIOD


def test_a_fault_at_the_start_costs_what_the_team_is_later_than_its_twin():
    found = of([0, 0, 1, 1, 2, 3, 3], [0, 1, 2, 3, 3, 3, 3], begins=0)
    assert found["before"] == 0 and found["recovered"]
    assert found["time_to_recover"] == found["time_below"] == 4 * PERIOD
    # Not that of the way there: the twin has all three from step 3 on.
    assert found["lowest"] == pytest.approx(1 / 3)


def test_what_never_comes_back_has_no_time_and_is_not_dropped():
    found = of([3, 3, 2, 2, 2, 2], [3, 3, 3, 3, 3, 3], begins=1)
    assert found["affected"] and not found["recovered"]
    assert np.isnan(found["time_to_recover"]) and found["time_below"] == 3 * PERIOD
    assert found["after"] == pytest.approx(2 / 3)


def test_a_landmark_that_is_passed_over_is_not_held():
    found = of([3, 2, 3, 2, 2, 3, 3], [3] * 7, begins=0)
    assert found["time_to_recover"] == 4 * PERIOD and found["time_below"] == 3 * PERIOD


def test_what_a_fault_does_not_touch_is_not_affected():
    found = of([0, 1, 3, 2, 2, 2], [0, 1, 3, 2, 2, 2], begins=0)
    assert not found["affected"] and found["recovered"] and found["time_below"] == 0 and np.isnan(found["time_to_recover"])
    # The twin lost a landmark by itself; two of three is all that there is to come back to.
    assert found["lowest"] == pytest.approx(2 / 3)


def test_only_what_lies_between_counts():
    before_the_fault = of([0, 2, 3, 3], [3, 3, 3, 3], begins=2)
    assert not before_the_fault["affected"]
    after_the_end = of([3, 3, 3, 0], [3, 3, 3, 3], begins=0, end=2)
    assert not after_the_end["affected"] and after_the_end["after"] == 1.0


def test_nine_of_ten_landmarks_are_90_percent():
    shares = np.array([[9, 9, 8, 9]]) / 10
    found = recovery(shares, np.ones((1, 4)), np.array([0]), 3, PERIOD)
    assert found.recovered[0] and found.time_to_recover[0] == PERIOD


courses = st.integers(2, 12).flatmap(
    lambda steps: st.tuples(
        arrays(int, (3, steps), elements=st.integers(0, 4)),
        arrays(int, (3, steps), elements=st.integers(0, 4)),
        arrays(int, 3, elements=st.integers(0, steps - 2)),
    )
)


@given(courses)
def test_every_course_by_its_definition(course):
    coverage, clean, begins = course
    end = coverage.shape[1] - 1
    found = recovery(coverage / 4, clean / 4, begins, end, PERIOD)
    for episode, start in enumerate(begins):
        below = [10 * mine < 9 * twins for mine, twins in zip(coverage[episode], clean[episode], strict=True)]
        # The first step after which nothing is below any more.
        held = min(step for step in range(end + 2) if not any(below[max(step, start) :]))
        assert found.affected[episode] == any(below[start:])
        assert found.recovered[episode] == (held <= end)
        if any(below[start:]) and held <= end:
            assert found.time_to_recover[episode] == pytest.approx((held - below.index(True, start)) * PERIOD)
        else:
            assert np.isnan(found.time_to_recover[episode])
        assert found.time_below[episode] == sum(below[start:end]) * PERIOD <= (end - start) * PERIOD
        stands = [step for step in range(end + 1) if all(10 * clean[episode, step:] >= 9 * clean[episode, end])]
        assert found.lowest[episode] == min(coverage[episode, step] for step in stands if step > start) / 4


@pytest.mark.parametrize(
    "fault, tick",
    [
        (Fault(kind="stop", at=1.0), 10),
        (Fault(kind="silent", at=0.0), 0),
        (Fault(kind="lie", at=0.25, offset=0.1), 3),
        (Fault(kind="late", at=0.25), 3),
        (Fault(kind="late", at=0.0), -1),
        (Fault(kind="stop", at=2.5), -1),
        (Fault(kind="late", at=2.5), -1),
    ],
)
def test_a_fault_strikes_in_its_tick_and_a_late_robot_when_it_joins(fault, tick):
    seeds = np.arange(50)
    struck = strikes([fault], seeds, 3, 25, 0.1)
    assert (struck.tick == tick).all()
    assert (struck.stopped.sum(axis=1) == (fault.kind == "stop" and tick >= 0)).all()


def test_the_first_of_several_faults_counts_and_those_who_stop_are_known():
    faults = [Fault(kind="late", at=1.0), Fault(kind="stop", at=Law(uniform=(0.0, 2.0)), probability=0.5)]
    seeds = np.arange(200)
    struck, drawn = strikes(faults, seeds, 3, 25, 0.1), Faults(faults, seeds, 3, np.zeros(0))
    np.testing.assert_array_equal(struck.stopped, drawn.stopped(2.4))
    stops = struck.stopped.any(axis=1)
    assert 0.35 < stops.mean() < 0.65 and (struck.tick[~stops] == 10).all()
    assert (struck.tick <= 10).all() and len(np.unique(struck.tick[stops])) > 5


def test_coverage_is_counted_at_control_steps():
    landmarks = np.array([[[0.0, 0.0], [1.0, 0.0]]])
    way = np.array([[-1, 0], [-0.5, 0], [-0.05, 0], [0.5, 0], [0.95, 0]], dtype=float)
    position = np.stack([way, np.full_like(way, 5.0)], axis=1)[None]
    assert covered_landmarks(position, landmarks, 1, 0.1).tolist() == [[0, 0, 1, 0, 1]]
    assert covered_landmarks(position, landmarks, 2, 0.1).tolist() == [[0, 1, 1]]
    assert covered_landmarks(position, landmarks, 4, 0.1).tolist() == [[0, 1]]
    assert path_lengths(position) == pytest.approx(np.array([[1.95, 0.0]]))


FAR = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
NEAR = [[0.0, 0.0], [0.15, 0.0], [0.0, 1.0]]


@pytest.mark.parametrize(
    "landmarks, stopped_at, most",
    [
        (FAR, {}, 3),
        (FAR, {0: (0.5, 0.5)}, 2),
        (FAR, {0: (0.05, 0.0)}, 3),
        (NEAR, {0: (0.5, 0.5)}, 3),
        (NEAR, {0: (0.5, 0.5), 1: (0.0, 0.95)}, 3),
        (NEAR, {0: (-0.05, 0.0), 1: (0.5, 0.5)}, 2),
        (NEAR, {0: (0.07, 0.0), 1: (0.5, 0.5), 2: (0.5, 0.6)}, 2),
        (FAR, {0: (0.5, 0.5), 1: (0.4, 0.5), 2: (0.3, 0.5)}, 0),
    ],
)
def test_robots_that_stopped_hold_what_they_stand_at_and_the_others_one_place_each(landmarks, stopped_at, most):
    end, stopped = np.full((1, 3, 2), 9.0), np.zeros((1, 3), dtype=bool)
    for robot, place in stopped_at.items():
        end[0, robot], stopped[0, robot] = place, True
    assert attainable_landmarks(end, np.array([landmarks]), stopped, 0.1)[0] == most


@given(arrays(float, (4, 2), elements=st.floats(0, 1)), arrays(bool, 4), arrays(float, (4, 2), elements=st.floats(0, 1)))
def test_no_placing_of_the_robots_holds_more_than_is_attainable(landmarks, stopped, standing):
    radius = 0.2
    most = attainable_landmarks(standing[None], landmarks[None], stopped[None], radius)[0]
    places = [*landmarks, *((landmarks[one] + landmarks[other]) / 2 for one, other in combinations(range(4), 2)), landmarks.mean(axis=0)]
    best = 0
    for chosen in combinations(places, int((~stopped).sum())):
        robots = np.array([*chosen, *standing[stopped]])
        best = max(best, int((np.linalg.norm(robots[:, None] - landmarks, axis=-1).min(axis=0) < radius).sum()))
    assert best <= most
    near = (np.linalg.norm(landmarks[:, None] - landmarks, axis=-1) < 2 * radius).sum(axis=1) - 1
    # Apart from rounding at the very rim of a radius, pairs are exact.
    if near.max() <= 1 and (np.abs(np.linalg.norm(landmarks[:, None] - landmarks, axis=-1) - 2 * radius) > 1e-6).all():
        assert best == most


def test_jains_index_of_known_shares():
    everyone = np.ones(4, dtype=bool)
    assert jain_index(np.array([2.0, 2, 2, 2]), everyone) == 1.0
    assert jain_index(np.array([5.0, 0, 0, 0]), everyone) == 0.25
    assert jain_index(np.array([1.0, 1, 0, 0]), everyone) == 0.5
    assert jain_index(np.array([1.0, 3.0, 0, 9.0]), np.array([True, True, False, False])) == pytest.approx(16 / 20)
    assert jain_index(np.zeros(4), everyone) == 1.0


@given(arrays(float, 5, elements=st.floats(0.001, 1000)), st.floats(0.01, 100))
def test_fairness_lies_between_one_robot_and_all_and_has_no_unit(paths, unit):
    everyone = np.ones(5, dtype=bool)
    fairness = jain_index(paths, everyone)
    assert 0.2 - 1e-9 <= fairness <= 1 + 1e-9
    assert jain_index(paths * unit, everyone) == pytest.approx(fairness)
    assert fairness == pytest.approx(1 / (1 + (paths.std() / paths.mean()) ** 2))


def test_the_mean_of_a_handful_has_an_interval_that_holds():
    weights, generator, hits = layout_weights(200, 500), np.random.default_rng(1), []
    truth = np.minimum(generator.geometric(0.3, 100_000) * 0.1, 1.5).mean()
    for _ in range(300):
        some = generator.random(200) < 0.025
        values = np.where(some, np.minimum(generator.geometric(0.3, 200) * 0.1, 1.5), np.nan)
        found = mean_of_some(values[None], weights, 1.5)
        if some.any():
            assert found.value == pytest.approx(np.nanmean(values)) and 0 <= found.low <= found.value <= found.high < 1.5 + 1e-9
            hits.append(found.low <= truth <= found.high)
        else:
            assert found.value is None
    assert np.mean(hits) > 0.95


def test_few_missions_that_lose_nothing_do_not_say_that_none_ever_does():
    weights, generator, hits = layout_weights(30, 500), np.random.default_rng(1), []
    for _ in range(300):
        coverage = np.where(generator.random((1, 30)) < 0.02, 2 / 3, 1.0)
        found = coverage_ratio(coverage, np.ones((1, 30)), weights, 2.0)
        assert found.value == pytest.approx(coverage.mean()) and found.low < found.value
        hits.append(found.low <= 1 - 0.02 / 3 <= found.high)
    assert np.mean(hits) > 0.95
    assert coverage_ratio(np.zeros((1, 30)), np.zeros((1, 30)), weights, 2.0).value is None
    least, most = np.array([[0.0] * 15 + [1.0] * 15]), np.ones((1, 30))
    assert coverage_ratio(least, most, weights, 1.0).value == 0.5 < coverage_ratio(least, most, weights, 1.0).high < 0.75


SUITE = """
name: failing
episodes: {spread: 60}
aftermath: 1.0
scale: {spread: {metre: 1.0, second: 1.0}}
families:
  faults:
    stop: {about: a robot stops, rungs: {2: {faults: [{kind: stop, at: 2.0}]}, 5: {faults: [{kind: stop}]}}}
    late: {about: a robot joins late, rungs: {4: {faults: [{kind: late, at: 1.0}]}}}
    silent: {about: a robot is not heard, rungs: {4: {faults: [{kind: silent, at: 1.0}]}}}
    rare: {about: seldom a robot stops, rungs: {1: {faults: [{kind: stop, probability: 0.5}]}}}
    never: {about: a robot stops when all is over, rungs: {1: {faults: [{kind: stop, at: 100.0}]}}}
  mixed:
    heavy: {about: robots are heavy and one stops, rungs: {3: {dynamics: {mass: 1.5}, faults: [{kind: stop, at: 1.0}]}}}
"""
NAMES = [f"faults-{name}" for name in ("stop-2", "stop-5", "late-4", "silent-4", "rare-1", "never-1")] + ["mixed-heavy-3"]


def evaluate(folder, suite, *words):
    return cli.main(["evaluate", *words, "--suite", str(suite), "--out", str(folder), "--executor", "in-process"])


@pytest.fixture(scope="module")
def failing(tmp_path_factory):
    """A team in which each robot drives to its own landmark and nobody takes another's, in `spread`."""
    folder = tmp_path_factory.mktemp("failing")
    (folder / "suite.yaml").write_text(SUITE)
    write_homing_bundle(folder / "team")
    write_homing_bundle(folder / "slow", gain=0.9)
    write_homing_bundle(folder / "omni", "omni")
    assert evaluate(folder / "out", folder / "suite.yaml", str(folder / "team")) == 0
    return folder


@pytest.fixture(scope="module")
def results(failing):
    return msgspec.json.decode((failing / "out" / "results.json").read_bytes(), type=Results).policies["team"]


def test_a_team_without_stand_in_loses_the_landmark_of_the_robot_that_stops(failing, results):
    stopped = results.recovery["faults-stop-5"]
    store = CellStore.open(failing / "out")
    arrays_of = store.load("team", "faults-stop-5")
    # One third, but where a robot stood on its landmark when it stopped, or on another's.
    alone = arrays_of["recovery.attainable"] == 2
    assert alone.mean() > 0.7 and (arrays_of["recovery.covered"][alone, store.manifest.periods] <= 2).all()
    assert stopped.begins == 0 and stopped.episodes == 60
    assert 0.55 < stopped.ratio.value < 0.75 and stopped.ratio.low < stopped.ratio.value < stopped.ratio.high
    assert stopped.recovered.value < 0.2 and stopped.affected.value > 0.8
    assert stopped.attained.value > 0.9
    # It goes on once it is repaired.
    assert stopped.aftermath_recovered.value > 0.9 and 0.3 < stopped.aftermath_time_to_recover.value < 2.0


def test_a_robot_that_stops_on_its_landmark_costs_nothing(results):
    late_in_the_mission, at_once = results.recovery["faults-stop-2"], results.recovery["faults-stop-5"]
    assert late_in_the_mission.coverage_before.value > 0.8 > 0.2 > at_once.coverage_before.value
    assert late_in_the_mission.ratio.value > 0.95 and late_in_the_mission.recovered.value > 0.9
    assert late_in_the_mission.time_below.value < 0.1 < 0.8 < at_once.time_below.value
    # Two robots drive, in the twin the same two.
    assert late_in_the_mission.fairness.value == pytest.approx(late_in_the_mission.fairness_clean.value, abs=0.02)


def test_a_robot_that_is_late_is_waited_for_to_the_end_of_the_aftermath(failing, results):
    late = results.recovery["faults-late-4"]
    assert late.begins == 1.0 and late.coverage_before.value < late.coverage_after.value
    assert late.recovered.value > 0.9 and late.affected.value > 0.9 and 0.5 < late.time_to_recover.value < 1.5
    assert late.aftermath_recovered is None and late.curve.ends == pytest.approx(1.5)


def test_up_to_the_fault_a_mission_is_its_clean_twin(failing):
    store = CellStore.open(failing / "out")
    clean = store.load("team", "clean")["recovery.covered"]
    for cell in NAMES:
        figures = store.load("team", cell)
        if cell in ("faults-late-4", "mixed-heavy-3"):
            continue
        for episode, step in enumerate(figures["recovery.begins"]):
            until = None if step < 0 else step + 1
            np.testing.assert_array_equal(figures["recovery.covered"][episode, :until], clean[episode, :until], err_msg=cell)
        at_end = figures["recovery.covered"][:, store.manifest.periods]
        assert (at_end <= figures["recovery.attainable"]).all()
    # Who has stopped from the start is pushed at most, and the others drive.
    figures = store.load("team", "faults-stop-5")
    still, paths = figures["recovery.stopped"], figures["recovery.path_length"]
    assert (still.sum(axis=1) == 1).all() and np.median(paths[still]) < 1e-6 and np.median(paths[~still]) > 0.5


def test_what_nobody_needs_to_hear_costs_nothing(results):
    silent = results.recovery["faults-silent-4"]
    assert silent.affected.value == 0 and silent.recovered.value == 1 and silent.time_to_recover.value is None
    # Of 60 missions that were not affected one does not know that none ever is.
    assert silent.time_below.value == 0 < silent.time_below.high < 0.1 and silent.affected.high > 0.02


def test_fairness_is_that_of_the_robots_that_drive_over_all_that_counts(failing, results):
    store = CellStore.open(failing / "out")
    for cell, parts in (("faults-stop-5", ("",)), ("faults-late-4", ("", "_after"))):
        for name, source in (("fairness", cell), ("fairness_clean", "clean")):
            figures = store.load("team", source)
            driven = sum(figures[f"recovery.path_length{part}"] for part in parts)
            moving = ~store.load("team", cell)["recovery.stopped"]
            expected = [
                paths[some].sum() ** 2 / (some.sum() * (paths[some] ** 2).sum()) for paths, some in zip(driven, moving, strict=True)
            ]
            assert getattr(results.recovery[cell], name).value == pytest.approx(np.mean(expected))


def test_missions_in_which_nothing_happens_do_not_count(results):
    rare, never = results.recovery["faults-rare-1"], results.recovery["faults-never-1"]
    assert 15 < rare.episodes < 45 and rare.ratio.value < 0.8
    assert never.episodes == 0 and never.begins is None and never.curve.time == ()
    assert all(getattr(never, name).value is None for name in RECOVERY)


def test_curves_are_the_coverage_around_the_fault(failing, results):
    curve = results.recovery["faults-stop-2"].curve
    assert curve.time[0] == -2.0 and curve.time[-1] == 3.0 and curve.ends == 0.5
    assert len(curve.time) == len(curve.coverage) == len(curve.clean) == 51
    assert curve.coverage[: curve.time.index(0.0) + 1] == curve.clean[: curve.time.index(0.0) + 1]
    clean = CellStore.open(failing / "out").load("team", "clean")["recovery.covered"]
    assert curve.clean == pytest.approx(clean.mean(axis=0) / 3, abs=1e-4)
    # What weighs more weighs more in the aftermath, too: there is none.
    assert results.recovery["mixed-heavy-3"].curve.ends is None and results.recovery["mixed-heavy-3"].aftermath_recovered is None


def test_recovery_is_found_under_the_names_that_rules_have(failing, results, tmp_path, capsys):
    assert list(results.recovery) == NAMES
    names, named = figure_names(CellStore.open(failing / "out").manifest), named_figures(results)
    assert set(names) == set(named)
    assert named["faults-stop-5.recovered"] == results.recovery["faults-stop-5"].recovered
    assert named["faults-stop-5.after.recovered"] == results.recovery["faults-stop-5"].aftermath_recovered
    assert "faults-late-4.after.recovered" not in names
    (tmp_path / "rules.yaml").write_text("rules: [{figure: faults-stop-5.recovered, at_least: 0.5}]")
    words = (str(failing / "team"), "--resume", "--require", str(tmp_path / "rules.yaml"))
    assert evaluate(failing / "out", failing / "suite.yaml", *words) == 1
    printed = capsys.readouterr()
    assert "team: faults-stop-5.recovered is" in printed.err
    line = next(line for line in printed.out.splitlines() if line.strip().startswith("faults-stop-5"))
    assert f"{results.recovery['faults-stop-5'].ratio.value:.3f} [" in line


def test_training_seeds_of_one_policy_have_one_figure(failing, tmp_path):
    words = ("team=" + str(failing / "team"), "team=" + str(failing / "slow"))
    assert evaluate(tmp_path, failing / "suite.yaml", *words, "--episodes", "30") == 0
    found = msgspec.json.decode((tmp_path / "results.json").read_bytes(), type=Results).policies["team"].recovery["faults-stop-5"]
    assert found.episodes == 30 and 0.5 < found.ratio.value < 0.8
    assert 0 <= found.recovered.low <= found.recovered.value <= found.recovered.high <= 1


OF_ROBOTS = """
name: robots
episodes: {planar: 20}
scale: {planar: {metre: 1.0, second: 1.0}}
families:
  faults:
    stop: {about: a robot stops, rungs: {3: {faults: [{kind: stop, at: 6.05}]}}}
    late: {about: a robot joins late, rungs: {4: {faults: [{kind: late, at: 3.0}]}}}
"""


def test_control_steps_of_robots_are_many_ticks(failing, tmp_path):
    (tmp_path / "robots.yaml").write_text(OF_ROBOTS)
    assert evaluate(tmp_path / "out", tmp_path / "robots.yaml", str(failing / "omni"), "--world", "planar") == 0
    recovered = msgspec.json.decode((tmp_path / "out" / "results.json").read_bytes(), type=Results).policies["omni"].recovery
    # Control periods of 0.2 s, missions of 50 and no aftermath; a fault at 6.05 s strikes within the one from 6.0 s on.
    stopped, late = recovered["faults-stop-3"], recovered["faults-late-4"]
    assert stopped.begins == 6.0 and stopped.curve.time[0] == -6.0 and stopped.curve.time[-1] == 4.0 and stopped.curve.ends is None
    assert stopped.coverage_before.value > 0.8 and stopped.ratio.value > 0.9 and stopped.aftermath_recovered is None
    assert late.begins == 3.0 and late.recovered.value > 0.9 and late.time_to_recover.value > 0.5
    assert set(named_figures(msgspec.json.decode((tmp_path / "out" / "results.json").read_bytes(), type=Results).policies["omni"])) == set(
        figure_names(CellStore.open(tmp_path / "out").manifest)
    )


def test_a_folder_without_what_recovery_is_made_of_is_refused_in_one_line(failing, tmp_path, capsys):
    (tmp_path / "old").mkdir()
    document = json.loads((failing / "out" / "manifest.json").read_text())
    document["format"] = 1
    (tmp_path / "old" / "manifest.json").write_text(json.dumps(document))
    with pytest.raises(InputError, match=r"manifest.json: format: is 1, must be 2") as refused:
        CellStore.open(tmp_path / "old")
    assert "\n" not in str(refused.value)
    assert evaluate(tmp_path / "old", failing / "suite.yaml", str(failing / "team"), "--resume") == 2
    assert "format: is 1, to go on with these results it must be 2" in capsys.readouterr().err
