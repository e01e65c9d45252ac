from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

import numpy as np
import pytest
import zmq

from robots.driver import PlantGone, RobotState
from robots.errors import InputError
from robots.plant_driver import PlantDriver
from robots.plant_protocol import PROTOCOL, Command, End, Hello, Refused, Welcome, decode_from_plant, encode
from robots.spec import load_spec
from runtime.team import Member
from sim3d.plant.plant import Episode, PlantServer, SeriesAborted
from sim3d.profile import Profile, Sensing
from sim3d.spread import SpreadWorld
from sim3d.world import random_layouts

ROBOTS = 3
POINT = load_spec("point")
CLEAN = Profile(name="clean")


class FastWorld(SpreadWorld):
    """simple_spread at 50 Hz, so that tests in real time are short."""

    tick_period = 0.02


class Series(threading.Thread):
    """A plant that serves one series in its own thread."""

    def __init__(self, endpoints: list[str], clock: str, missions: int = 1, ticks: int = 5, profile: Profile = CLEAN, **timeouts: float):
        super().__init__()
        self.endpoints = endpoints
        self.members = [Member(id=f"r{i}", kind="point", agent=i, endpoint="", plant=endpoint) for i, endpoint in enumerate(endpoints)]
        self.layouts = random_layouts(missions, len(endpoints), 3, 1.0, seed=1)
        self.ticks = ticks
        self.episodes: list[Episode] = []
        self.error: BaseException | None = None
        self.seconds = math.nan
        self.plant = PlantServer(FastWorld(len(endpoints), landmarks=3), [POINT] * len(endpoints), self.members, clock, profile, **timeouts)
        self.start()

    def run(self) -> None:
        try:
            begin = None
            for episode in self.plant.serve(self.layouts, self.ticks):
                begin = begin or time.monotonic()
                self.episodes.append(episode)
                self.seconds = time.monotonic() - begin
        except SeriesAborted as error:
            self.error = error
        finally:
            self.plant.close()

    def counts(self, robot: int) -> dict[str, int]:
        return dict(self.plant.links[robot].counts)


class Robot(threading.Thread):
    """A driver in its own thread that answers each state with `policy(state)`, until the plant is gone or `policy` returns None."""

    def __init__(self, series: Series, number: int, policy: Callable[[RobotState], object]):
        super().__init__()
        self.driver = PlantDriver(f"r{number}", series.endpoints[number])
        self.policy = policy
        self.states: list[RobotState] = []
        self.reason: str | None = None
        self.start()

    def run(self) -> None:
        self.driver.connect(timeout=5.0)
        try:
            while True:
                state = self.driver.read(timeout=5.0)
                self.states.append(state)
                action = self.policy(state)
                if action is None:
                    return
                self.driver.command(np.asarray(action), state.tick)
        except PlantGone as gone:
            self.reason = gone.reason
        finally:
            self.driver.close()


@pytest.fixture
def endpoints(free_endpoints) -> list[str]:
    return free_endpoints(ROBOTS)


def finish(series: Series, *robots: Robot) -> None:
    for thread in (series, *robots):
        thread.join(timeout=20.0)
        assert not thread.is_alive()


def push(state: RobotState) -> tuple[float, float]:
    return 0.5, -0.25


def test_lockstep_runs_the_world_as_it_is(endpoints):
    series = Series(endpoints, "lockstep", missions=3, ticks=5)
    policies = [lambda state, n=n: (0.1 * n, math.sin(state.tick)) for n in range(ROBOTS)]
    robots = [Robot(series, number, policy) for number, policy in enumerate(policies)]
    finish(series, *robots)
    assert series.error is None and len(series.episodes) == 3

    world = FastWorld(ROBOTS, landmarks=3)
    tick = 0
    for number, episode in enumerate(series.episodes):
        state = world.reset(series.layouts[number : number + 1])
        for elapsed in range(5):
            for robot in range(ROBOTS):
                seen = robots[robot].states[tick]
                assert (seen.tick, seen.episode, seen.elapsed) == (tick, number, elapsed)
                assert seen.position.tolist() == state.position[0, robot].tolist()
                assert seen.velocity.tolist() == state.velocity[0, robot].tolist()
            assert episode.position[elapsed].tolist() == state.position[0].tolist()
            action = np.array([[(0.1 * n, math.sin(tick)) for n in range(ROBOTS)]])
            assert episode.action[elapsed].tolist() == action[0].tolist()
            state = world.step(state, action)
            tick += 1
        assert episode.position[5].tolist() == state.position[0].tolist()
        assert episode.landmarks.tolist() == series.layouts.landmarks[number].tolist()
    for robot in robots:
        assert len(robot.states) == 15 and robot.reason == ""


def test_robots_sense_with_noise_and_the_record_keeps_the_truth(endpoints):
    profile = Profile(name="noisy", sensing=Sensing(position_sigma=0.05))
    series = Series(endpoints, "lockstep", ticks=200, profile=profile)
    robots = [Robot(series, number, lambda state: (0.0, 0.0)) for number in range(ROBOTS)]
    finish(series, *robots)
    (episode,) = series.episodes
    for number, robot in enumerate(robots):
        error = np.array([state.position for state in robot.states]) - episode.position[:200, number]
        assert 0.045 < error.std() < 0.055
        assert [state.velocity.tolist() for state in robot.states] == episode.velocity[:200, number].tolist()


def test_a_driver_that_restarts_takes_over_in_mid_tick(endpoints):
    series = Series(endpoints, "lockstep", ticks=10)
    others = [Robot(series, number, push) for number in (1, 2)]
    first = PlantDriver("r0", endpoints[0])
    first.connect(timeout=5.0)
    assert first.read(timeout=5.0).tick == 0
    second = Robot(series, 0, push)  # nobody has answered tick 0
    finish(series, second, *others)
    assert [state.tick for state in second.states] == list(range(10))
    with pytest.raises(PlantGone, match="another driver took over robot r0"):
        first.read(timeout=1.0)
    first.close()
    assert series.error is None


def test_lockstep_ends_when_a_robot_leaves_and_everyone_is_told_who(endpoints):
    series = Series(endpoints, "lockstep", ticks=10)
    leaver = Robot(series, 1, lambda state: None if state.tick == 4 else (0.0, 0.0))
    others = [Robot(series, number, push) for number in (0, 2)]
    finish(series, leaver, *others)
    assert str(series.error) == "robot r1: left at tick 4" and series.error.robot == "r1"
    assert [robot.reason for robot in others] == ["robot r1: left at tick 4"] * 2


def test_lockstep_does_not_wait_for_ever(endpoints):
    series = Series(endpoints, "lockstep", command_timeout=0.3)
    hung = PlantDriver("r2", endpoints[2])
    others = [Robot(series, number, push) for number in (0, 1)]
    hung.connect(timeout=5.0)
    finish(series, *others)
    assert str(series.error) == "robot r2: no command for tick 0 within 0.3 s"
    with pytest.raises(PlantGone, match="no command for tick 0"):
        hung.read(timeout=1.0)
        hung.read(timeout=1.0)
    hung.close()


def test_a_robot_that_never_comes(endpoints):
    series = Series(endpoints, "realtime", join_timeout=0.5)
    others = [Robot(series, number, push) for number in (0, 2)]
    finish(series, *others)
    assert str(series.error) == "robot r1: no driver said hello within 0.5 s"
    assert [robot.reason for robot in others] == [str(series.error)] * 2


def test_real_time_keeps_its_rate(endpoints):
    series = Series(endpoints, "realtime", missions=3, ticks=50)
    robots = [Robot(series, number, push) for number in range(ROBOTS)]
    finish(series, *robots)
    # From the end of the first mission to the end of the last: 100 periods of 20 ms. A sleep that drifts adds up, deadlines do not.
    # On a machine that is too busy a tick may come late by more than a period, which moves all later ones, and is counted.
    assert abs(series.seconds - 2.0) < 0.04 + 0.06 * series.plant.late_ticks
    for robot in robots:
        assert len(robot.states) >= 130
        ages = np.diff([state.stamp for state in robot.states]) / 1e9
        assert abs(np.median(ages) - 0.02) < 0.001


def test_a_measurement_that_is_repeated_keeps_its_stamp(endpoints):
    series = Series(endpoints[:1], "realtime", ticks=50, profile=Profile(name="slow", sensing=Sensing(rate=10.0)))
    robot = Robot(series, 0, push)
    finish(series, robot)
    passed = np.diff([state.stamp for state in robot.states]) / 1e9
    # One of five is new, 100 ms after the one before.
    assert abs(np.median(passed)) < 0.005
    new = passed[passed > 0.05]
    assert 7 <= len(new) <= 12 and abs(np.median(new) - 0.1) < 0.01


def test_real_time_does_not_wait_and_stops_a_silent_robot(endpoints):
    series = Series(endpoints, "realtime", ticks=60)
    robots = [Robot(series, number, push) for number in (0, 1)]
    silent = PlantDriver("r2", endpoints[2])
    silent.connect(timeout=5.0)
    silent.command(np.array([1.0, 0.0]), silent.read(timeout=5.0).tick)
    finish(series, *robots)
    silent.close()
    (episode,) = series.episodes
    moving = np.flatnonzero(episode.action[:, 2, 0])
    # Its watchdog is 0.5 s: 25 periods after the command.
    assert 20 <= len(moving) <= 30 and moving[0] <= 2
    assert series.counts(2)["watchdog"] == 60 - 1 - moving[-1]
    assert (episode.action[5:, 0] == [0.5, -0.25]).all()


def test_real_time_goes_on_without_a_robot_that_left(endpoints):
    series = Series(endpoints, "realtime", ticks=30)
    leaver = Robot(series, 1, lambda state: None if state.tick >= 10 else (1.0, 0.0))
    others = [Robot(series, number, push) for number in (0, 2)]
    finish(series, leaver, *others)
    assert series.error is None
    (episode,) = series.episodes
    assert episode.action[8, 1].tolist() == [1.0, 0.0]
    assert (episode.action[12:, 1] == 0.0).all()


def test_nothing_that_a_driver_sends_breaks_the_plant(endpoints):
    series = Series(endpoints, "lockstep", ticks=3)
    others = [Robot(series, number, push) for number in (1, 2)]
    with zmq.Context() as context, context.socket(zmq.DEALER) as evil, context.socket(zmq.DEALER) as stranger:
        for socket in (evil, stranger):
            socket.linger = 0
            socket.connect(endpoints[0])

        def ask(message: object) -> object:
            evil.send(encode(message))
            assert evil.poll(2000)
            return decode_from_plant(evil.recv())

        assert isinstance(refused := ask(Hello(PROTOCOL + 1, "r0")), Refused)
        assert refused.reason == f"the driver speaks protocol {PROTOCOL + 1}, this plant speaks {PROTOCOL}"
        assert ask(Hello(PROTOCOL, "r1")) == Refused("this endpoint serves robot 'r0', not 'r1'")
        assert isinstance(ask(Hello(PROTOCOL, "r0")), Welcome)
        evil.poll(2000)
        assert decode_from_plant(evil.recv()).tick == 0
        for garbage in (b"", b"\xc1", b"\x91\xa5state", b"\x93\xa7command\x00\x92\x01", b"\x91" * 900):
            evil.send(garbage)
        evil.send_multipart([b"", encode(Command(0, (0.0, 0.0)))])
        stranger.send(encode(Command(0, (9.0, 9.0))))
        evil.send(encode(Command(10**15, (0.0, 0.0))))
        for _ in range(500):
            evil.send(encode(Command(-1, (0.0, 0.0))))
        time.sleep(0.2)
        evil.send(encode(Command(0, (math.nan, 1.0))))
        assert evil.poll(2000)
        assert decode_from_plant(evil.recv()).tick == 1
        evil.send(encode(Command(1, (3e300, 4e300))))
        assert evil.poll(2000)
        evil.send(encode(Command(2, (1e-3, 0.0))))
        finish(series, *others)
    assert series.error is None
    first, second, third = series.episodes[0].action[:, 0]
    assert first.tolist() == [0.0, 0.0]
    assert math.hypot(*second) == pytest.approx(POINT.speed_limit)
    assert third.tolist() == [1e-3, 0.0]
    counts = series.counts(0)
    assert counts == {"garbage": 6, "stray": 1, "tick": counts["tick"], "not_finite": 1, "saturated": 1}
    assert counts["tick"] > 0


def test_a_port_in_use_is_named(endpoints):
    with zmq.Context() as context, context.socket(zmq.PAIR) as other:
        other.bind(endpoints[1])
        with pytest.raises(InputError) as error:
            Series(endpoints, "lockstep")
        assert str(error.value) == f"team: robots[1].plant: cannot serve robot r1 at {endpoints[1]}: Address already in use"


def test_the_plant_stays_until_the_end_is_answered(endpoints):
    """What is unread at a connection that the other side has closed is lost, and an End with it."""
    series = Series(endpoints[:1], "lockstep", ticks=1)
    with zmq.Context() as context, context.socket(zmq.DEALER) as driver:
        driver.linger = 0
        driver.connect(endpoints[0])
        driver.send(encode(Hello(PROTOCOL, "r0")))
        assert isinstance(decode_from_plant(driver.recv()), Welcome)
        assert decode_from_plant(driver.recv()).tick == 0
        driver.send(encode(Command(0, (0.0, 0.0))))
        assert decode_from_plant(driver.recv()) == End("")
        series.join(timeout=0.2)
        assert series.is_alive()
        driver.send(encode(End("")))
        series.join(timeout=5.0)
        assert not series.is_alive()
