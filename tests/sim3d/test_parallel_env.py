import numpy as np
import pytest
from mpe2 import simple_spread_v3
from pettingzoo.test import parallel_api_test, parallel_seed_test

from robots.errors import InputError
from robots.spec import load_spec
from runtime.link import Link
from sim3d.parallel_env import bullet_env, spread_env
from sim3d.profile import Actuation, Dynamics, Profile, Sensing, load_profile

MAKERS = {
    "spread, discrete": lambda: spread_env(),
    "spread, continuous": lambda: spread_env(continuous_actions=True),
    "spread, one robot": lambda: spread_env(robots=1, continuous_actions=True),
    "spread, field": lambda: spread_env(profile=load_profile("field")),
    "bullet": lambda: bullet_env(),
    "bullet, harsh": lambda: bullet_env(profile=load_profile("harsh")),
    "bullet, field, five robots": lambda: bullet_env(("omni",) * 5, profile=load_profile("field")),
    "bullet, differential drives": lambda: bullet_env(("diffdrive",) * 3, ticks_per_step=5),
    "bullet, quadrotors": lambda: bullet_env(("quadrotor",) * 3, ticks_per_step=5),
    "bullet, mixed, field": lambda: bullet_env(("omni", "diffdrive", "quadrotor"), ticks_per_step=5, profile=load_profile("field")),
}


@pytest.fixture
def env(request):
    made = MAKERS[request.param]()
    yield made
    made.close()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("env", MAKERS, indirect=True)
def test_pettingzoo_accepts_the_api(env):
    parallel_api_test(env, num_cycles=60)


@pytest.mark.parametrize("name", MAKERS)
def test_pettingzoo_finds_the_same_episode_for_the_same_seed(name):
    parallel_seed_test(MAKERS[name], num_cycles=50)


@pytest.mark.parametrize("name", MAKERS)
def test_a_seed_fixes_every_step_of_every_later_episode(name):
    # PettingZoo's test stops after one step.
    series = []
    for _ in range(2):
        env = MAKERS[name]()
        env.max_cycles = 6
        for index, agent in enumerate(env.possible_agents):
            env.action_space(agent).seed(index)
        answers = [env.reset(seed=7)]
        for _ in range(2):
            while env.agents:
                answers.append(env.step({agent: env.action_space(agent).sample() for agent in env.agents}))
            answers.append(env.reset())
        env.close()
        series.append(answers)
    assert len(series[0]) == 15
    for one, other in zip(*series, strict=True):
        assert_same(one, other, tolerance=0.0)


def assert_same(one, other, tolerance=1e-6):
    """Two answers of reset() or step(): tuples of dictionaries by agent."""
    for ours, theirs in zip(one, other, strict=True):
        assert ours.keys() == theirs.keys()
        for agent, value in theirs.items():
            if isinstance(value, dict):
                assert ours[agent] == value
            else:
                np.testing.assert_allclose(ours[agent], value, rtol=0, atol=tolerance)


@pytest.mark.parametrize("continuous", [False, True])
def test_spread_has_the_spaces_of_mpe2(continuous):
    ours = spread_env(robots=4, continuous_actions=continuous)
    theirs = simple_spread_v3.parallel_env(N=4, continuous_actions=continuous)
    assert ours.possible_agents == theirs.possible_agents
    assert ours.state_space == theirs.state_space
    for agent in ours.possible_agents:
        assert ours.observation_space(agent) == theirs.observation_space(agent)
        assert ours.action_space(agent) == theirs.action_space(agent)
        assert ours.action_space(agent) is ours.action_space(agent)


@pytest.mark.parametrize("continuous", [False, True])
@pytest.mark.parametrize("local_ratio", [0.5, 0.1])
def test_spread_gives_what_mpe2_gives_for_the_same_seed_and_actions(continuous, local_ratio):
    options = {"local_ratio": local_ratio, "continuous_actions": continuous, "terminate_on_success": True, "max_cycles": 12}
    ours, theirs = spread_env(**options), simple_spread_v3.parallel_env(**options)
    for agent in theirs.possible_agents:
        theirs.action_space(agent).seed(0)
    for seed in (3, None, None):  # episodes after a seeded one follow from its seed as well
        found, expected = ours.reset(seed=seed), theirs.reset(seed=seed)
        assert_same(found, expected)
        while theirs.agents:
            assert ours.agents == theirs.agents
            np.testing.assert_allclose(ours.state(), theirs.state(), atol=1e-6)
            actions = {agent: theirs.action_space(agent).sample() for agent in theirs.agents}
            assert_same(ours.step(actions), theirs.step(actions))
        assert not ours.agents


def test_success_ends_the_episode_unless_its_time_is_over():
    def ends(max_cycles):
        env = spread_env(robots=1, continuous_actions=True, terminate_on_success=True, max_cycles=max_cycles)
        observation, _ = env.reset(seed=0)
        for step in range(1, 200):
            own_velocity, to_landmark = observation["agent_0"][:2], observation["agent_0"][4:6]
            push = np.clip(5 * (to_landmark - 0.4 * own_velocity), -1, 1)
            action = np.array([0, max(-push[0], 0), max(push[0], 0), max(-push[1], 0), max(push[1], 0)], dtype=np.float32)
            observation, _, terminated, truncated, _ = env.step({"agent_0": action})
            if not env.agents:
                return step, terminated["agent_0"], truncated["agent_0"]
        return None

    needed, terminated, truncated = ends(max_cycles=150)
    assert (terminated, truncated) == (True, False)
    assert ends(max_cycles=needed) == (needed, False, True)
    assert ends(max_cycles=needed + 1) == (needed, True, False)


def test_bullet_holds_a_set_point_for_the_control_period_after_the_robots_latency():
    spec = load_spec("omni")
    env = bullet_env(("omni",), ticks_per_step=5, max_cycles=30)
    first, _ = env.reset(seed=1)
    start = first["agent_0"][2:4]
    velocities = []
    for _ in range(30):
        observation, *_ = env.step({"agent_0": np.array([0.5, -0.25], dtype=np.float32)})
        velocities.append(observation["agent_0"][:2])
    env.close()
    np.testing.assert_allclose(velocities[-1], [0.5, -0.25], atol=1e-3)
    # The area under the velocity: 3 s at the set-point but for latency and time constant (as it is not force-limited here).
    assert np.hypot(0.5, 0.25) / spec.velocity_time_constant > spec.acceleration_limit
    travelled = observation["agent_0"][2:4] - start
    lost = 3.0 - travelled / np.array([0.5, -0.25])
    assert np.all(lost > spec.response_time)
    assert np.all(lost < spec.response_time + 0.1)


def test_bullet_clips_actions_to_its_space_and_refuses_what_is_no_action():
    env = bullet_env(("omni",), ticks_per_step=5)
    with pytest.raises(ValueError, match="call reset"):
        env.step({})
    env.reset(seed=1)
    for _ in range(20):
        observation, *_ = env.step({"agent_0": np.array([9.0, 0.0])})
    assert observation["agent_0"][0] == pytest.approx(load_spec("omni").cruise_speed, abs=1e-3)
    with pytest.raises(ValueError, match="agent_0 is not finite"):
        env.step({"agent_0": np.array([np.nan, 0.0])})
    with pytest.raises(ValueError, match="agent_0 has no action"):
        env.step({})
    env.close()
    with pytest.raises(InputError, match="takes 'force'"):
        bullet_env(("omni", "point"))


def test_a_mixed_team_has_its_own_speeds_and_a_step_in_which_the_slowest_crosses_a_tenth_of_the_arena():
    kinds = ("omni", "diffdrive")
    env = bullet_env(kinds, max_cycles=3)
    start, _ = env.reset(seed=1)
    for agent, kind in zip(env.possible_agents, kinds, strict=True):
        assert env.action_space(agent).high[0] == pytest.approx(load_spec(kind).cruise_speed)
    while env.agents:
        end, *_ = env.step({agent: env.action_space(agent).high for agent in env.agents})
    env.close()
    way = {agent: end[agent][2:4] - start[agent][2:4] for agent in env.possible_agents}
    tenth = 0.1 * 10 * load_spec("diffdrive").radius
    # Three steps, less what latency, acceleration and time constant take from the first.
    expected = 3 * 2 * tenth
    np.testing.assert_allclose(way["agent_1"], expected, rtol=0.02)
    np.testing.assert_allclose(way["agent_0"], expected * load_spec("omni").cruise_speed / load_spec("diffdrive").cruise_speed, rtol=0.05)


@pytest.mark.parametrize("action", [-1, 5])
def test_a_discrete_action_outside_its_space_is_refused(action):
    env = spread_env(robots=1)
    env.reset(seed=0)
    with pytest.raises(ValueError, match=rf"action {action} is not in Discrete\(5\)"):
        env.step({"agent_0": action})


def test_observations_are_disturbed_and_rewards_are_not():
    noisy = Profile(name="noisy", sensing=Sensing(position_sigma=0.3))
    clean, disturbed = spread_env(), spread_env(profile=noisy)
    first, second = clean.reset(seed=5)[0], disturbed.reset(seed=5)[0]
    assert np.abs(first["agent_0"][2:4] - second["agent_0"][2:4]).max() > 0.01
    actions = dict.fromkeys(clean.agents, 1)
    assert clean.step(actions)[1] == disturbed.step(actions)[1]


def test_a_robot_sees_its_peers_where_they_believe_to_be():
    noisy = Profile(name="noisy", sensing=Sensing(position_sigma=0.3))
    observation, _ = spread_env(robots=2, profile=noisy).reset(seed=5)
    first, second = observation["agent_0"], observation["agent_1"]
    np.testing.assert_allclose(first[2:4] + first[8:10], second[2:4], atol=1e-6)


def test_a_late_command_moves_the_robot_late():
    late = Profile(name="late", actuation=Actuation(delay=0.2))
    env = spread_env(robots=1, profile=late)
    env.reset(seed=0)
    speeds = [env.step({"agent_0": 2})[0]["agent_0"][0] for _ in range(4)]
    assert speeds[:2] == [0.0, 0.0]
    assert speeds[2] == pytest.approx(0.5)


def test_a_link_delays_what_is_seen_of_the_others_and_nothing_else():
    late = Profile(name="late", link=Link(delay=10.0))
    told, untold = (spread_env(continuous_actions=True, profile=profile) for profile in (Profile(name="clean"), late))
    for env in (told, untold):
        env.reset(seed=3)
        for _ in range(4):
            observation = env.step({agent: np.array([0.0, 0.0, 1.0, 0.0, 0.0]) for agent in env.agents})[0]["agent_0"]
        if env is told:
            expected = observation
    np.testing.assert_array_equal(observation[:10], expected[:10])
    # The first messages of an episode pass at once; four steps later the others are still believed where they began.
    start = told.reset(seed=3)[0]["agent_0"]
    moved = expected[2:4] - start[2:4]
    np.testing.assert_allclose(observation[10:14] + np.tile(moved, 2), start[10:14], atol=1e-6)
    assert np.abs(expected[10:14] - observation[10:14]).max() > 0.1


def test_dynamics_of_a_profile_reach_the_world():
    light, heavy = (spread_env(continuous_actions=True, profile=Profile(name="p", dynamics=Dynamics(mass=mass))) for mass in (1.0, 2.0))
    push = {f"agent_{index}": np.array([0.0, 0.0, 1.0, 0.0, 0.0]) for index in range(3)}
    speeds = []
    for env in (light, heavy):
        env.reset(seed=0)
        speeds.append(env.step(push)[0]["agent_0"][0])
    assert speeds[0] == pytest.approx(2 * speeds[1])
