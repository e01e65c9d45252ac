"""Three processes over ZeroMQ compute what one process computes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
from mpe2 import simple_spread_v3

from robots.spec import load_spec
from robots.yaml_input import dump_yaml
from runtime.bundle import read_bundle, write_manifest
from runtime.contract import ActionShape, Message
from runtime.figure import Law
from runtime.link import Fault, Link
from runtime.observation import SIMPLE_SPREAD_V3, field_shapes
from runtime.team import Member, Mission, Missions, Team
from sim3d.bullet import BulletWorld
from sim3d.disturbances.disturbance import Disturbances
from sim3d.disturbances.hearing import Hearing
from sim3d.in_process import run_missions
from sim3d.profile import Actuation, Dynamics, Profile, Sensing, load_profile
from sim3d.simulate import simulate
from sim3d.spread import DT, HORIZON, SpreadWorld
from sim3d.world import Layouts, random_layouts
from tests.conftest import write_point_bundle
from tests.runtime.entity_factory import write_entity_bundle
from tests.runtime.factory import make_actor, make_contract
from tests.runtime.speaking_factory import WORDS, write_speaking_bundle

POINT = load_spec("point")
EPISODES = 20


def in_process(bundle: Path, layouts: Layouts, profile: Profile, known_latency: float | None = None) -> np.ndarray:
    actors = read_bundle(bundle).verify()
    return run_missions(SpreadWorld(3), [POINT] * 3, actors, layouts, profile, HORIZON, known_latency=known_latency)


def contacts(position: np.ndarray) -> int:
    """Episodes in which two robots touch; their stiff contact makes any difference grow."""
    offset = position[:, :, :, None] - position[:, :, None]
    distance = np.linalg.norm(offset, axis=-1) + 9.0 * np.eye(3)
    return int((distance < 2 * POINT.radius).any(axis=(1, 2, 3)).sum())


def test_processes_reproduce_the_in_process_run(point_bundle, tmp_path):
    layouts = random_layouts(EPISODES, 3, 3, 1.0, seed=0)
    expected = in_process(point_bundle, layouts, load_profile("clean"))
    assert contacts(expected) >= 5
    told = []
    result = simulate(point_bundle, layouts, tmp_path, progress=told.append)
    assert np.abs(result.record.position - expected).max() <= 1e-5
    assert [mission["number"] for mission in told] == list(range(EPISODES))
    assert [mission["covered_at_end"] for mission in told] == result.metrics.success_end.tolist()
    for robot in result.robots.values():
        assert robot["modes"] == {"ACTIVE": EPISODES * HORIZON}
        assert robot["process"]["max_resident_mb"] < 80
        assert not robot["process"]["torch"] and not robot["process"]["pybullet"]
    assert result.plant["counts"] == {"r0": {}, "r1": {}, "r2": {}}


def test_processes_are_disturbed_as_the_in_process_run_is(point_bundle, tmp_path):
    profile = Profile(name="rough", sensing=Sensing(position_sigma=0.02, velocity_sigma=0.05), actuation=Actuation(delay=0.15))
    (tmp_path / "rough.yaml").write_text(dump_yaml(profile))
    layouts = random_layouts(3, 3, 3, 1.0, seed=5)
    result = simulate(point_bundle, layouts, tmp_path / "out", profile=str(tmp_path / "rough.yaml"))
    expected = in_process(point_bundle, layouts, profile)
    assert np.abs(result.record.position - expected).max() <= 1e-5
    assert np.abs(expected - in_process(point_bundle, layouts, load_profile("clean"))).max() > 0.05


BAD_LINK = Link(
    delay=Law(uniform=(0.05, 0.2)), jitter=0.1, loss=0.1, bursts=0.2, burst_length=0.3, duplication=0.2, range=1.5, bandwidth=1500
)
FAULTS = (
    Fault(kind="silent", probability=0.5, at=1.0),
    Fault(kind="lie", robot=1, at=Law(uniform=(0.2, 2.0)), offset=0.3),
    Fault(kind="late", robot=2, at=0.55),
    Fault(kind="stop", robot=0, at=Law(choice=(0.4, 1.6))),
)


def test_processes_hear_each_other_as_in_the_in_process_run(tmp_path):
    """Every robot applies the link and the faults of its peers by itself; the plant applies the rest. The actors read all of it."""
    layout = (*SIMPLE_SPREAD_V3, "peers_velocity", "peers_age", "peers_known", "command_latency", "own_setpoint")
    (tmp_path / "bundle").mkdir()
    bundle = write_point_bundle(tmp_path / "bundle", 3, layout)
    profile = Profile(
        name="bad",
        sensing=Sensing(position_sigma=0.02, position_walk=0.05, dropout=0.2, delay=0.13, outliers=0.1, outlier_sigma=0.3),
        actuation=Actuation(delay=Law(uniform=(0.0, 0.3)), jitter=0.05, lag=0.1, gain=Law(uniform=(0.8, 1.2))),
        dynamics=Dynamics(mass=Law(uniform=(0.8, 1.5)), friction=0.5),
        link=BAD_LINK,
        faults=FAULTS,
    )
    (tmp_path / "bad.yaml").write_text(dump_yaml(profile))
    layouts = random_layouts(5, 3, 3, 1.0, seed=7)
    result = simulate(bundle, layouts, tmp_path / "out", profile=str(tmp_path / "bad.yaml"), known_latency=0.3)
    expected = in_process(bundle, layouts, profile, known_latency=0.3)
    assert np.abs(result.record.position - expected).max() <= 1e-5
    for robot in result.robots.values():
        assert robot["modes"] == {"ACTIVE": 5 * HORIZON}
    assert np.abs(expected - in_process(bundle, layouts, profile)).max() > 0.05
    for change in ({"link": Link()}, {"faults": ()}):
        assert np.abs(expected - in_process(bundle, layouts, msgspec.structs.replace(profile, **change), 0.3)).max() > 0.05


def test_a_team_of_any_number_of_robots_as_processes(tmp_path):
    """Five robots run three files, and cover four landmarks in an arena as crowded as that of three."""
    (tmp_path / "bundle").mkdir()
    bundle = write_entity_bundle(tmp_path / "bundle")
    actors = read_bundle(bundle).actors_for(5, 4)
    arena = actors[0].contract.arena_half_size
    layouts = random_layouts(4, 5, 4, arena, seed=2)
    result = simulate(bundle, layouts, tmp_path / "out")
    world = SpreadWorld(5, landmarks=4, arena_half_size=arena)
    expected = run_missions(world, [POINT] * 5, actors, layouts, load_profile("clean"), HORIZON)
    assert np.abs(result.record.position - expected).max() <= 1e-5
    assert (result.record.arena_half_size, result.record.capture_radius) == (arena, actors[0].contract.capture_radius)


@pytest.mark.parametrize("kind", ["numbers", "bits"])
def test_what_actors_say_reaches_others_as_it_does_in_one_process(kind, tmp_path):
    """Over sockets, and through a link that delays, loses and garbles the order; what is said changes what is done."""
    (tmp_path / "bundle").mkdir()
    bundle = write_speaking_bundle(tmp_path / "bundle", kind)
    profile = Profile(name="bad", link=Link(delay=0.1, jitter=0.1, loss=0.2))
    (tmp_path / "bad.yaml").write_text(dump_yaml(profile))
    layouts = random_layouts(3, 3, 3, 1.0, seed=4)
    for name, disturbed in (("clean", load_profile("clean")), (str(tmp_path / "bad.yaml"), profile)):
        result = simulate(bundle, layouts, tmp_path / disturbed.name, profile=name)
        expected = in_process(bundle, layouts, disturbed)
        assert np.abs(result.record.position - expected).max() <= 1e-5
    silent = Hearing(profile, layouts.seeds, 3, DT, message=Message(size=WORDS, kind=kind), heeded=-1.0)
    between = Disturbances(profile, layouts.seeds, 3, DT), silent
    unheard = run_missions(SpreadWorld(3), [POINT] * 3, read_bundle(bundle).verify(), layouts, profile, HORIZON, between=between)
    assert np.abs(expected - unheard).max() > 0.05


def test_a_mixed_team_of_processes_does_what_it_does_in_one(tmp_path):
    """Robots of three kinds in PyBullet: each smooths its own noisy positions, and has its own latency, limits and schedule."""
    kinds = ("omni", "diffdrive", "quadrotor")
    layout = ("own_velocity", "own_position", "landmarks_relative", "peers_relative", "peers_velocity", "own_setpoint")
    setpoint = ActionShape(kind="velocity_setpoint", limit=0.2, unit="m/s", effect_delay=0.4)
    changes = {"action": setpoint, "observation": field_shapes(layout, 3, 3), "robot_radius": 0.3}
    (tmp_path / "bundle").mkdir()
    for agent, kind in enumerate(kinds):
        contract = make_contract(agent, robot_kinds=(kind,), **changes)
        (tmp_path / "bundle" / f"actor_{agent}.onnx").write_bytes(make_actor(contract))
    write_manifest(tmp_path / "bundle", success=0.0, differences=[(0.0, 0.0)] * 3, created_by="test", provenance={})
    layouts = random_layouts(1, 3, 3, 2.0, seed=3)
    result = simulate(tmp_path / "bundle", layouts, tmp_path / "out", profile="field")
    actors, specs = read_bundle(tmp_path / "bundle").verify(), [load_spec(kind) for kind in kinds]

    def alone(**options):
        return run_missions(BulletWorld(specs, 2.0), specs, actors, layouts, load_profile("field"), HORIZON, **options)

    assert np.abs(result.record.position - alone()).max() <= 1e-5
    assert np.abs(alone(localisation=None) - alone()).max() > 1e-3


def test_a_strangers_plant_around_mpe2_gives_the_same(point_bundle, tmp_path, free_endpoints, start_fieldswarm):
    seeds = list(range(100, 100 + EPISODES))
    layouts = mpe2_layouts(seeds)
    endpoints = free_endpoints(6)
    team = Team(robots=tuple(Member(id=f"r{i}", kind="point", agent=i, endpoint=endpoints[i], plant=endpoints[3 + i]) for i in range(3)))
    missions = Missions(missions=tuple(Mission(landmarks=tuple(map(tuple, points))) for points in layouts.landmarks.tolist()))
    (tmp_path / "team.yaml").write_text(dump_yaml(team))
    (tmp_path / "missions.yaml").write_text(dump_yaml(missions))

    script = Path(__file__).with_name("strangers_plant.py")
    served = tmp_path / "positions.npy"
    # In a folder of its own, where there is nothing of ours to import.
    plant = subprocess.Popen(
        [sys.executable, "-I", str(script), str(served), ",".join(map(str, seeds)), *endpoints[3:]], cwd=tmp_path, stderr=subprocess.PIPE
    )
    try:
        files = ("--team", tmp_path / "team.yaml", "--missions", tmp_path / "missions.yaml")
        robots = [start_fieldswarm("run", "--bundle", point_bundle, *files, "--robot", f"r{number}") for number in range(3)]
        for robot in robots:
            _, error = robot.communicate(timeout=60)
            assert robot.returncode == 0, error
        _, error = plant.communicate(timeout=20)
        assert plant.returncode == 0, error.decode()[-2000:]
    finally:
        plant.kill()
        plant.wait()

    expected = in_process(point_bundle, layouts, load_profile("clean"))
    assert contacts(expected) >= 5
    assert np.abs(np.load(served) - expected).max() <= 1e-5


def mpe2_layouts(seeds: list[int]) -> Layouts:
    """Where mpe2 puts robots and landmarks for each seed."""
    env = simple_spread_v3.parallel_env(N=3, max_cycles=HORIZON, continuous_actions=True)
    worlds = []
    for seed in seeds:
        env.reset(seed=seed)
        world = env.aec_env.unwrapped.world
        worlds.append([[entity.state.p_pos.copy() for entity in group] for group in (world.agents, world.landmarks)])
    env.close()
    points = np.array(worlds)
    return Layouts(starts=points[:, 0], landmarks=points[:, 1], seeds=np.array(seeds))


def test_the_strangers_plant_is_a_strangers():
    source = Path(__file__).with_name("strangers_plant.py").read_text()
    assert len(source.splitlines()) < 100
    for ours in ("robots.", "runtime", "sim3d", "training", "fieldswarm"):
        assert f"import {ours}" not in source and f"from {ours}" not in source
