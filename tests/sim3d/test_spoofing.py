"""The adversary that spoofs sensors: bounded, worse than noise, the same in every run, and refused where he cannot know the actors."""

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robots.errors import InputError
from runtime import cli
from runtime.bundle import read_bundle
from sim3d.disturbances.disturbance import Disturbances
from sim3d.disturbances.spoofing import distance_from_success, worst_spoof
from sim3d.executor.choice import make_executor
from sim3d.in_process import run_missions
from sim3d.metrics import wilson_interval
from sim3d.parallel_env import spread_env
from sim3d.profile import Adversary, Profile, Sensing, load_profile
from sim3d.suite.cells import cells_of
from sim3d.suite.definition import load_suite
from sim3d.suite.entrants import read_entrants
from sim3d.suite.run import prepare_runner
from sim3d.suite.runner import CellTask, Missions, Settings
from sim3d.world import WorldState, random_layouts
from sim3d.worlds import make_world, specs_of
from tests.sim3d.homing import write_homing_bundle

EPISODES, HORIZON = 200, 25
ATTACK = Profile(name="attack", adversary=Adversary(position_error=0.05, velocity_error=0.05, trials=8))
SETPOINTS = Profile(name="attack", adversary=Adversary(position_error=0.1, velocity_error=0.1, trials=4))


@pytest.fixture(scope="module")
def homing(tmp_path_factory):
    return write_homing_bundle(tmp_path_factory.mktemp("homing"))


@pytest.fixture(scope="module")
def omni(tmp_path_factory):
    return write_homing_bundle(tmp_path_factory.mktemp("omni"), "omni")


def fly(bundle, profile, episodes=EPISODES, first=0, home="spread", horizon=HORIZON, **settings):
    """Positions at the control steps, and the layouts."""
    actors = read_bundle(bundle).verify()
    specs, contract = specs_of(actors, str(bundle)), actors[0].contract
    layouts = random_layouts(episodes, contract.team_size, contract.landmarks, contract.arena_half_size, seed=3, first=first)
    world = make_world(home, specs, contract.landmarks, contract.arena_half_size)
    position = run_missions(world, specs, actors, layouts, profile, horizon, **settings)
    return position[:, :: round(contract.period / world.tick_period)], layouts


def successes(bundle, profile):
    position, layouts = fly(bundle, profile)
    return distance_from_success(position[:, 1:], layouts.landmarks) < 0.1


@settings(max_examples=50)
@given(
    bounds=st.tuples(*[st.floats(0, 2, allow_subnormal=False)] * 2),
    scores=st.lists(st.floats(0, 1), min_size=1, max_size=6),
    robots=st.integers(1, 4),
    seeds=st.lists(st.integers(0, 2**62), min_size=1, max_size=5),
)
def test_no_measurement_is_further_off_than_the_bounds_whatever_the_attacker_finds(bounds, scores, robots, seeds):
    adversary = Adversary(position_error=bounds[0], velocity_error=bounds[1], trials=len(scores))
    seeds, found = np.array(seeds), iter([0.5, *scores])
    spoof = worst_spoof(adversary, seeds, robots, lambda tried: np.full(len(seeds), next(found)))
    profile = Profile(name="attack", adversary=adversary)
    disturbances = Disturbances(profile, seeds, robots, 0.1, spoof=spoof)
    ones = np.ones((len(seeds), robots, 2))
    for tick in range(3):
        measured = disturbances.sense(WorldState(3 * ones, -2 * ones, ones[..., 0], ones, tick))
        # 3 + e - 3 is e up to a rounding of 3.
        assert (np.abs(measured.position - 3 * ones) <= bounds[0] + 1e-15).all()
        assert (np.abs(measured.velocity + 2 * ones) <= bounds[1] + 1e-15).all()
        assert (measured.heading == 1.0).all()
    if max(scores) <= 0.5:
        assert not spoof.position.any() and not spoof.velocity.any()


def test_bounds_of_zero_are_no_attack_to_the_last_bit(homing):
    nothing = Profile(name="nothing", adversary=Adversary(trials=3))
    assert np.array_equal(fly(homing, nothing)[0], fly(homing, load_profile("clean"))[0])
    # And an attacker that finds no error worse than none leaves the mission alone.
    harmless = Adversary(position_error=0.05, trials=3)
    spoof = worst_spoof(harmless, np.arange(5), 3, lambda tried: -np.abs(tried.position).sum(axis=(1, 2)))
    assert not spoof.position.any()


def test_the_worst_error_is_worse_than_random_errors_of_the_same_size(homing):
    """And no mission gets better by it: none at all is among the errors that are tried."""
    clean = successes(homing, load_profile("clean"))
    attacked = successes(homing, ATTACK)
    white = successes(homing, Profile(name="noise", sensing=Sensing(position_sigma=0.05, velocity_sigma=0.05)))
    held = successes(homing, msgspec.structs.replace(ATTACK, adversary=msgspec.structs.replace(ATTACK.adversary, trials=1)))
    assert not (attacked & ~clean).any()
    (_, high), (low, _) = (wilson_interval(int(each.sum()), EPISODES) for each in (attacked, white))
    assert high < low - 0.5, (attacked.mean(), white.mean())
    assert wilson_interval(int(held.sum()), EPISODES)[0] > high, (attacked.mean(), held.mean())


def test_an_episode_is_attacked_alike_in_any_batch(homing, omni):
    for bundle, profile, home in ((homing, ATTACK, "spread"), (omni, SETPOINTS, "planar")):
        whole, _ = fly(bundle, profile, episodes=12, home=home, horizon=10)
        parts = [fly(bundle, profile, episodes=count, first=first, home=home, horizon=10)[0] for first, count in ((0, 5), (5, 7))]
        assert np.abs(np.concatenate(parts) - whole).max() < 1e-5  # a batch's size shows in the last bits of the actors' products


@pytest.mark.parametrize("setup", [{}, {"localisation": None}, {"separation": None}])
def test_the_attacker_rehearses_with_robots_that_are_set_up_as_they_are(omni, setup):
    """So the worst of what he tried is what he gets, under noise as well; and a held error passes any smoothing."""
    noise = Profile(name="noise", sensing=Sensing(position_sigma=0.1))
    for bound, least in ((0.01, 0.0), (0.1, 0.1)):
        attack = msgspec.structs.replace(noise, adversary=Adversary(position_error=bound, trials=4))
        alone, layouts = fly(omni, noise, 20, home="planar", horizon=20, **setup)
        attacked, _ = fly(omni, attack, 20, home="planar", horizon=20, **setup)
        gaps = [distance_from_success(position[:, 1:], layouts.landmarks) for position in (alone, attacked)]
        assert (gaps[1] >= gaps[0]).all()
        assert np.median(gaps[1] - gaps[0]) > least


def test_when_the_disturbance_ends_the_sensors_are_right_again(homing):
    ended = msgspec.structs.replace(ATTACK, until=1.5)
    position, layouts = fly(homing, ended, horizon=40)
    assert (distance_from_success(position[:, 1:16], layouts.landmarks) < 0.1).mean() < 0.2
    assert (distance_from_success(position[:, 16:], layouts.landmarks) < 0.1).mean() > 0.9
    during, _ = fly(homing, ended, horizon=15)
    assert np.array_equal(position[:, :16], during)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{position_error: -0.1}", r"adversary\.position_error: is -0\.1, must be finite and not below 0"),
        ("{velocity_error: .inf}", r"adversary\.velocity_error: is inf, must be"),
        ("{position_error: 0.1, trials: 0}", r"adversary\.trials: is 0, must be at least 1"),
        ("{sensing_error: 0.1}", r"unknown key 'sensing_error' in 'adversary'"),
    ],
)
def test_bounds_that_cannot_be_are_refused(tmp_path, text, said):
    (tmp_path / "attack.yaml").write_text(f"{{name: attack, adversary: {text}}}")
    with pytest.raises(InputError, match=said):
        load_profile(tmp_path / "attack.yaml")


def test_who_does_not_know_the_actors_refuses_an_adversary(tmp_path, homing, capsys):
    (tmp_path / "attack.yaml").write_text("{name: attack, adversary: {position_error: 0.1}}")
    said = "adversary: tries its errors on the actors before it chooses one; only an evaluation in one process can"
    with pytest.raises(InputError, match=said):
        spread_env(profile=load_profile(tmp_path / "attack.yaml")).reset(seed=0)
    out, profile = tmp_path / "out", str(tmp_path / "attack.yaml")
    for command in (
        ["simulate", homing, "--missions", "1", "--out", out, "--profile", profile],
        ["plant", "--world", "spread", "--team", "t", "--missions", "m", "--ticks", "1", "--profile", profile],
        ["transfer", homing, "--deployed", "--missions", "1", "--out", tmp_path / "transfer", "--profiles", profile],
    ):
        capsys.readouterr()
        assert cli.main(list(map(str, command))) == 2
        assert capsys.readouterr().err.strip().splitlines()[-1] == f"fieldswarm: {profile}: {said}"
    assert not out.exists()


SUITE = """
name: attacks
episodes: {spread: 30}
aftermath: 1.0
scale: {spread: {metre: 0.5, second: 0.25}}
families:
  adversary:
    sensing:
      about: spoofed sensors
      axis: {figure: adversary.position_error, unit: m}
      rungs:
        1: {adversary: {position_error: 0.1, velocity_error: 0.1}}
        2: {adversary: {position_error: 0.2, velocity_error: 0.2, trials: 4}}
"""


def test_a_suite_scales_the_bounds_and_deploys_no_attacked_cell(tmp_path):
    path = tmp_path / "attacks.yaml"
    path.write_text(SUITE)
    cell = cells_of(load_suite(path), "spread", path)[2]
    assert (cell.axis, cell.ends) == (0.2, True)
    assert cell.profile.adversary == Adversary(position_error=0.1, velocity_error=0.4, trials=4)
    path.write_text(SUITE + "deployed: {cells: [adversary-sensing-2]}\n")
    with pytest.raises(InputError, match=r"deployed\.cells: 'adversary-sensing-2': adversary: tries its errors"):
        cells_of(load_suite(path), "spread", path)


def test_attacked_cells_have_the_same_bytes_in_other_processes_and_after_a_resume(tmp_path, homing):
    (tmp_path / "attacks.yaml").write_text(SUITE)
    cells = cells_of(load_suite(tmp_path / "attacks.yaml"), "spread", "attacks")
    shared = (Missions("spread", 30, 0, 1.0, Settings()), read_entrants([f"team={homing}"], None).files)
    tasks = [CellTask("team", cell) for cell in cells]

    def files(executor, tasks):
        return {task.cell.id: data for task, data in make_executor(executor, 2).run(prepare_runner, shared, tasks)}

    whole = files("in-process", tasks)
    assert len(whole) == 3 and files("processes", tasks) == whole
    # A resume runs what is missing, in a fresh process or in this one.
    assert files("in-process", tasks[-1:]) == {tasks[-1].cell.id: whole[tasks[-1].cell.id]}
