"""Characterisation: what is commanded is safe, what is measured is right, and the planar model that was there is the one found."""

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robots.driver import DriverFeatures, PlantGone, RobotState
from robots.errors import InputError
from robots.spec import load_spec
from sim3d.characterise.experiment import Plan, Step, Track, drive, plan_for, random_sequence
from sim3d.characterise.planar_identification import identify, planar_track
from sim3d.characterise.report import top_speed
from sim3d.characterise.step_response import responses, step_figures

KINDS = ("omni", "diffdrive", "quadrotor")
OMNI = load_spec("omni")
FEATURES = DriverFeatures("omni", "velocity_setpoint", 0.02, "lockstep", 0.5)


class Recorded:
    """A driver whose robot has a given track, whatever it is told; a state that is None does not come, one of [] ends the plant."""

    def __init__(self, states):
        self.states = iter(states)
        self.commanded = []
        self.stopped = False

    def read(self, timeout):
        state = next(self.states)
        if state == []:
            raise PlantGone("it broke")
        return state

    def command(self, action, tick):
        self.commanded.append((tick, *action))
        return action

    def stop(self):
        self.stopped = True


def state(tick, x=0.0, heading=0.0):
    return RobotState(tick, 0, tick, 0, np.array([x, 0.0]), np.zeros(2), heading)


@settings(max_examples=10)
@given(st.sampled_from(KINDS), st.floats(1.5, 10.0), st.integers(0, 1000))
def test_a_plan_stays_in_its_space_within_the_limits_and_ends_at_rest(kind, space, seed):
    spec = load_spec(kind)
    plan = plan_for(spec, space, repeats=1, sequences=3, seed=seed)
    place = np.cumsum(plan.setpoints, axis=0) * spec.loop_period
    assert np.abs(place).max() <= space
    assert np.linalg.norm(plan.setpoints, axis=-1).max() <= spec.speed_limit * (1 + 1e-9)
    np.testing.assert_array_equal(plan.setpoints[-1], 0.0)
    for step in plan.steps:
        held = plan.setpoints[step.begin : step.release]
        np.testing.assert_allclose(held, step.speed * np.array([[math.cos(step.angle), math.sin(step.angle)]]).repeat(len(held), axis=0))
        np.testing.assert_array_equal(plan.setpoints[step.begin - 1], 0.0)
        np.testing.assert_array_equal(plan.setpoints[step.release : step.end], 0.0)
    for begin, end in plan.sequences:
        change = np.linalg.norm(np.diff(plan.setpoints[begin - 1 : end], axis=0), axis=-1)
        assert change[:-1].max() > 0
        assert np.sort(change)[-2] <= spec.acceleration_limit * spec.loop_period * (1 + 1e-9), "but for the stop at its end"


def test_too_little_space_is_refused_and_fast_steps_that_need_more_are_left_out():
    with pytest.raises(InputError, match=r"--space: is 0\.3 m, a step to 0\.24 m/s that settles takes 0\.48 m \('omni'\)"):
        plan_for(OMNI, 0.3, 1, 0, 0)
    assert [step.speed for step in plan_for(OMNI, 1.5, 1, 0, 0).steps] == [pytest.approx(0.24)] * 8
    assert len({step.speed for step in plan_for(OMNI, 20.0, 1, 0, 0).steps}) == 3


def test_sequences_of_one_seed_are_the_same_and_of_another_are_not():
    first, again, other = (random_sequence(OMNI, np.random.default_rng(seed), 1.0, 10.0) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.1


def short_plan(ticks):
    return Plan(np.arange(2.0 * ticks).reshape(ticks, 2), (), ())


@pytest.mark.parametrize("end", [[], None, RobotState(13, 0, 13, 0, np.zeros(2), np.zeros(2), 0.0)], ids=["goodbye", "silence", "goes on"])
def test_each_tick_gets_its_set_point_and_missed_ticks_are_filled_in(end):
    driver = Recorded([state(7, 0.0, 3.1), state(8, 0.1, -3.1), state(11, 0.4, -3.0), state(12, 0.5, -3.0), end])
    track = drive(driver, FEATURES, short_plan(6), space=1.0, timeout=1.0)
    assert driver.commanded == [(7, 0, 1), (8, 2, 3), (11, 8, 9), (12, 10, 11)]
    assert track.missed == 2 and driver.stopped
    np.testing.assert_allclose(track.position[:, 0], [0.0, 0.1, 0.2, 0.3, 0.4, 0.5])
    assert np.abs(np.diff(track.heading)).max() < 0.1, "headings run on across the half turn"


@pytest.mark.parametrize(
    ("states", "message"),
    [
        ([state(0), state(1, 1.2)], r"--space: is 1 m, the robot was 1\.20 m from its start after 1 ticks and was stopped"),
        ([state(0), None], "no measurement within 0.5 s; the robot was told to stop"),
        ([state(0), []], "the plant went before the end: it broke"),
    ],
    ids=["astray", "silent", "gone"],
)
def test_a_robot_that_leaves_its_space_or_is_lost_is_stopped(states, message):
    driver = Recorded(states)
    with pytest.raises(InputError, match=message):
        drive(driver, FEATURES, short_plan(6), space=1.0, timeout=0.5)
    assert driver.stopped


def track_of(plan, velocity, period=0.02):
    """A track with velocities [T, 2]."""
    position = np.concatenate([np.zeros((1, 2)), np.cumsum(velocity[:-1], axis=0) * period])
    return Track(period, position, velocity, np.zeros(len(velocity)), 0)


def one_step(angle, speed=0.5, ticks=100):
    setpoint = speed * np.array([math.cos(angle), math.sin(angle)])
    setpoints = np.concatenate([np.zeros((1, 2)), np.tile(setpoint, (ticks, 1)), np.zeros((ticks, 2))])
    return Plan(setpoints, (Step(speed, angle, 1, 1 + ticks, 1 + 2 * ticks),), ())


@pytest.mark.parametrize("angle", [0.0, 2.0, -0.7])
def test_figures_of_a_response_that_is_known(angle):
    # Second order with damping 0.5: after 0.1 s of latency it overshoots by 16.3 %, and settles 5 % short.
    plan, latency, damping, frequency = one_step(angle), 0.1, 0.5, 10.0
    late = np.maximum(np.arange(201) * 0.02 - 0.02 - latency, 0.0)
    damped = frequency * math.sqrt(1 - damping**2)
    along = 0.95 * (
        1 - np.exp(-damping * frequency * late) * (np.cos(damped * late) + damping * frequency / damped * np.sin(damped * late))
    )
    ahead, aside = np.array([math.cos(angle), math.sin(angle)]), np.array([-math.sin(angle), math.cos(angle)])
    velocity = 0.5 * (along[:, None] * ahead + 0.1 * along[:, None] * aside)
    (response,) = responses(plan, track_of(plan, velocity))
    figures = step_figures(response)
    # When it has 5 %: wn^2 t^2 / 2 = 0.05 / 0.95, nearly.
    assert figures.latency == pytest.approx(latency + 0.034, abs=0.004)
    assert figures.rise_time == pytest.approx(0.164, abs=0.01)
    assert figures.overshoot == pytest.approx(0.163, abs=0.005)
    assert figures.steady_error == pytest.approx(-0.05, abs=0.002)
    assert figures.coupling == pytest.approx(0.1 * 0.95 * 1.163, abs=0.002)
    assert figures.drift == pytest.approx(0.1, abs=1e-6)
    assert top_speed([response]) == pytest.approx(0.5 * 0.95, rel=0.01)


def test_steps_that_are_repeated_are_averaged():
    plan = plan_for(OMNI, 20.0, repeats=8, sequences=0, seed=0)
    _, velocity = planar_track(OMNI, plan.setpoints[:, None])
    noise = np.random.default_rng(0).normal(0.0, 0.1, (len(plan.setpoints), 2))
    noisy = [step_figures(each) for each in responses(plan, track_of(plan, velocity[:-1, 0] + noise))]
    once = plan_for(OMNI, 20.0, repeats=1, sequences=0, seed=0)
    single = [
        step_figures(each)
        for each in responses(once, track_of(once, planar_track(OMNI, once.setpoints[:, None])[1][:-1, 0] + noise[: len(once.setpoints)]))
    ]
    assert noisy[0].coupling < 0.5 * single[0].coupling


@pytest.mark.parametrize(
    ("latency", "time_constant", "limit", "gain", "noise"),
    [(0.117, 0.31, 1.1, 0.93, 0.0), (0.0, 0.08, 3.0, 1.0, 0.0), (0.05, 0.2, 1.5, 1.05, 0.05)],
)
def test_the_model_that_made_a_track_is_the_one_that_is_found(latency, time_constant, limit, gain, noise):
    truth = msgspec.structs.replace(
        OMNI, command_latency=latency, velocity_time_constant=time_constant, acceleration_limit=limit, speed_limit=9.0
    )
    plan = plan_for(OMNI, 4.0, repeats=1, sequences=0, seed=0)
    _, velocity = planar_track(truth, gain * plan.setpoints[:, None])
    measured = velocity[:-1, 0] + np.random.default_rng(0).normal(0.0, noise, (len(plan.setpoints), 2))
    model = identify(OMNI, plan, track_of(plan, measured), speed_limit=2.0)
    assert model.gain == pytest.approx(gain, rel=0.002 + noise / 10)
    assert model.command_latency == pytest.approx(latency, abs=0.001 + noise / 10)
    assert model.velocity_time_constant == pytest.approx(time_constant, rel=0.01 + noise / 2)
    assert model.acceleration_limit == pytest.approx(limit, rel=0.01 + noise / 2)
    assert model.misfit == pytest.approx(noise, abs=0.002)


def test_a_limit_that_was_never_met_is_not_made_up():
    truth = msgspec.structs.replace(OMNI, velocity_time_constant=0.4, acceleration_limit=50.0)
    plan = plan_for(OMNI, 4.0, repeats=1, sequences=0, seed=0)
    _, velocity = planar_track(truth, plan.setpoints[:, None])
    model = identify(OMNI, plan, track_of(plan, velocity[:-1, 0]), speed_limit=1.4)
    assert model.acceleration_limit is None
    assert model.velocity_time_constant == pytest.approx(0.4, rel=0.01)
    assert model.spec(OMNI).acceleration_limit > 50.0
