"""Teams of several kinds: each member moves, is limited, trails and is kept apart as its own kind."""

from dataclasses import dataclass

import msgspec
import numpy as np
import pytest

from robots.errors import InputError
from robots.spec import load_spec
from runtime.contract import ActionShape, Contract
from sim3d.bullet import BulletWorld
from sim3d.in_process import run_missions
from sim3d.metrics import episode_metrics
from sim3d.profile import load_profile
from sim3d.spread_task import reward
from sim3d.world import Layouts
from tests.conftest import point_contract

KINDS = ("omni", "diffdrive", "quadrotor")
PERIOD = 0.4


@dataclass
class Straight:
    """Stands in for an exported actor: always the same set-point [2], m/s."""

    contract: Contract
    setpoint: tuple[float, float]

    def initial_state(self, batch):
        return np.zeros((batch, 0))

    def act(self, observation, state):
        return np.tile(self.setpoint, (len(observation), 1)), state


def straight(agent, robots, setpoint):
    action = ActionShape(kind="velocity_setpoint", limit=9.0, unit="m/s", effect_delay=0.0)
    return Straight(msgspec.structs.replace(point_contract(agent, robots), action=action, period=PERIOD), setpoint)


def layouts_of(starts):
    return Layouts(np.asarray(starts, dtype=float)[None], np.zeros((1, len(starts), 2)), np.array([3]))


def missions(kinds, starts, setpoints, profile, periods, **options):
    specs = [load_spec(kind) for kind in kinds]
    world = BulletWorld(specs, 9.0)
    actors = [straight(agent, len(kinds), setpoint) for agent, setpoint in enumerate(setpoints)]
    try:
        return run_missions(world, specs, actors, layouts_of(starts), profile, periods, **options)[0]
    finally:
        world.close()


@pytest.mark.parametrize("profile", ["clean", "field"])
def test_a_member_does_what_it_does_among_its_own_kind(profile):
    # Far from each other; the set-points are beyond the limits of the slow ones.
    starts, setpoints = [[-5.0, 0.0], [0.0, 0.0], [5.0, 0.0]], [(0.5, 0.3), (0.5, 0.3), (-0.5, 0.3)]
    mixed = missions(KINDS, starts, setpoints, load_profile(profile), periods=6)
    for agent, kind in enumerate(KINDS):
        alone = missions((kind,) * 3, starts, setpoints, load_profile(profile), periods=6)
        # The physics of a mixed team runs at the rate of its fastest kind.
        np.testing.assert_allclose(mixed[:, agent], alone[:, agent], atol=0.01)
        assert np.linalg.norm(alone[-1, agent] - alone[0, agent]) > 0.3


def test_members_of_different_size_are_kept_apart_by_their_own_radii():
    starts = [[-1.5, 0.0], [1.5, 0.01]]
    position = missions(("omni", "diffdrive"), starts, [(1.0, 0.0), (-0.2, 0.0)], load_profile("clean"), periods=12)
    distance = np.linalg.norm(position[:, 0] - position[:, 1], axis=-1)
    touch = load_spec("omni").radius + load_spec("diffdrive").radius
    assert touch < distance.min() < touch + 0.15
    without = missions(("omni", "diffdrive"), starts, [(1.0, 0.0), (-0.2, 0.0)], load_profile("clean"), periods=12, separation=None)
    assert np.linalg.norm(without[:, 0] - without[:, 1], axis=-1).min() < touch


def test_what_the_gate_changed_is_told_for_each_robot():
    told = []
    missions(
        KINDS, [[-5.0, 0.0], [0.0, 0.0], [5.0, 0.0]], [(0.5, 0.0), (0.5, 0.0), (0.0, 0.0)], load_profile("clean"), 1, intervened=told.append
    )
    # 0.5 m/s is above the speed limit of the differential drive alone.
    np.testing.assert_array_equal(told[10]["speed"], [[False, True, False]])


def test_contacts_bodies_on_landmarks_and_rewards_go_by_each_robots_own_radius():
    small, large = 0.1, 0.3
    radii = np.array([small, large])
    task = {"ticks_per_step": 1, "tick_period": 0.1, "capture_radius": 0.05, "robot_radius": radii, "arena_half_size": 2.0}
    landmarks = np.array([[[0.0, 0.15], [1.0, 0.15]]])
    # The landmarks are 0.15 from the robots: within the large one only.
    apart = np.array([[[0.0, 0.0], [1.0, 0.0]]]).repeat(6, axis=0)[None]
    assert not episode_metrics(apart, landmarks, **task).success_body[0]
    swapped = {**task, "robot_radius": np.array([large, large])}
    assert episode_metrics(apart, landmarks, **swapped).success_body[0]
    for distance, touching in ((0.405, False), (0.395, True)):
        position = np.array([[[0.0, 0.0], [distance, 0.0]]]).repeat(6, axis=0)[None]
        assert episode_metrics(position, landmarks, **task).contacts[0] == touching
        scores = reward(position[:, -1], landmarks, radii)
        together = reward(position[:, -1], landmarks, 1e-9)
        np.testing.assert_allclose(together - scores, 0.5 * touching)


def test_starts_of_different_sizes_are_moved_apart_by_what_they_need():
    specs = [load_spec(kind) for kind in ("omni", "quadrotor", "quadrotor")]
    world = BulletWorld(specs, 1.0)
    state = world.reset(layouts_of([[0.0, 0.0], [0.1, 0.0], [0.3, 0.0]]))
    world.close()
    first, second, third = state.position[0]
    assert np.linalg.norm(first - second) >= specs[0].radius + specs[1].radius
    assert 2 * specs[1].radius <= np.linalg.norm(second - third) < specs[0].radius + specs[1].radius


def test_kinds_whose_loops_have_different_rates_do_not_share_a_world():
    other = msgspec.structs.replace(load_spec("diffdrive"), loop_rate=40.0)
    with pytest.raises(InputError, match=r"'omni' at 50 Hz.*'diffdrive' at 40 Hz"):
        BulletWorld([load_spec("omni"), other], 1.0)
