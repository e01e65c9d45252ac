from __future__ import annotations

import math
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from scripted_plant import ScriptedPlant, state, welcome

from robots.driver import DriverFeatures, PlantGone
from robots.errors import InputError
from robots.plant_driver import PlantDriver
from robots.plant_protocol import PROTOCOL, Command, End, Hello, Refused


@pytest.fixture
def driver(plant: ScriptedPlant):
    driver = PlantDriver("r0", plant.endpoint)
    yield driver
    driver.close()


def connect(driver: PlantDriver, plant: ScriptedPlant, answer=None, then: tuple = ()) -> DriverFeatures:
    """Let the plant answer the first Hello, with anything else right behind."""

    def answering() -> None:
        plant.receive()
        for message in (answer or welcome(), *then):
            plant.send(message)

    thread = threading.Thread(target=answering)
    thread.start()
    try:
        return driver.connect(timeout=2.0)
    finally:
        thread.join()


def test_it_says_who_is_there_and_learns_what_the_robot_is(driver, plant):
    greeted = []

    def answering() -> None:
        greeted.append(plant.receive())
        plant.send(welcome())

    thread = threading.Thread(target=answering)
    thread.start()
    features = driver.connect(timeout=2.0)
    thread.join()
    assert greeted == [Hello(PROTOCOL, "r0")]
    assert features == DriverFeatures(kind="omni", action="velocity_setpoint", loop_period=0.02, clock="realtime", watchdog=0.5)


def test_it_waits_for_a_plant_that_starts_later(free_endpoints):
    (endpoint,) = free_endpoints(1)
    driver = PlantDriver("r0", endpoint)
    started = []

    def starting() -> None:
        time.sleep(0.4)
        started.append(ScriptedPlant(endpoint))
        started[0].receive()
        started[0].send(welcome())

    thread = threading.Thread(target=starting)
    thread.start()
    assert driver.connect(timeout=3.0).kind == "omni"
    thread.join()
    driver.close()
    started[0].close()


def test_a_state_right_behind_the_welcome_is_read(driver, plant):
    connect(driver, plant, then=(state(7, episode=2, elapsed=3),))
    read = driver.read(timeout=1.0)
    assert (read.tick, read.episode, read.elapsed, read.heading) == (7, 2, 3, 0.5)
    for array, expected in ((read.position, [1.0, 2.0]), (read.velocity, [3.0, 4.0])):
        assert array.dtype == np.float64 and array.tolist() == expected


def test_the_newest_state_wins_and_none_is_read_twice(driver, plant):
    connect(driver, plant, then=(state(1), state(2), state(2), state(1)))
    time.sleep(0.05)
    assert driver.read(timeout=1.0).tick == 2
    begin = time.monotonic()
    assert driver.read(timeout=0.05) is None
    assert 0.04 < time.monotonic() - begin < 0.2


def test_a_state_that_waited_in_a_queue_is_as_old_as_it_is(driver, plant):
    ahead = 3_600_000_000_000  # the plant's clock is an hour ahead
    connect(driver, plant, then=(state(1, stamp=time.monotonic_ns() + ahead),))
    fresh = driver.read(timeout=1.0)
    assert abs(time.monotonic_ns() - fresh.stamp) < 20e6
    plant.send(state(2, stamp=time.monotonic_ns() + ahead))
    time.sleep(0.3)
    waited = driver.read(timeout=1.0)
    assert 0.25e9 < time.monotonic_ns() - waited.stamp < 0.4e9


def test_a_command_arrives_as_sent_and_one_that_is_not_finite_as_zero(driver, plant):
    connect(driver, plant, then=(state(4),))
    driver.read(timeout=1.0)
    assert driver.command(np.array([0.25, -1.5]), tick=4).tolist() == [0.25, -1.5]
    assert plant.receive_after_hello() == Command(4, (0.25, -1.5))
    for bad in (math.nan, math.inf):
        assert driver.command(np.array([0.25, bad]), tick=4).tolist() == [0.0, 0.0]
        assert plant.receive_after_hello() == Command(4, (0.0, 0.0))


def test_closing_stops_the_robot_and_says_goodbye(driver, plant):
    connect(driver, plant, then=(state(9),))
    driver.read(timeout=1.0)
    driver.close()
    driver.close()
    assert plant.receive_after_hello() == Command(9, (0.0, 0.0))
    assert plant.receive_after_hello() == End("")


@pytest.mark.parametrize("reason", ["", "robot r1: left at tick 3"])
def test_the_end_is_answered_and_stays_the_end(driver, plant, reason):
    connect(driver, plant, then=(state(1), End(reason)))
    time.sleep(0.05)
    assert driver.read(timeout=1.0).tick == 1
    for use in (lambda: driver.read(0.0), lambda: driver.command(np.zeros(2), 1)):
        with pytest.raises(PlantGone) as gone:
            use()
        assert gone.value.reason == reason
    assert plant.receive_after_hello() == End("")
    driver.stop()


def test_a_plant_that_is_killed_is_noticed(free_endpoints):
    (endpoint,) = free_endpoints(1)
    folder = Path(__file__).parent
    serve = f"""
import sys; sys.path.insert(0, {str(folder)!r})
from scripted_plant import *
plant = ScriptedPlant({endpoint!r}); plant.receive(30); plant.send(welcome()); plant.send(state(0)); time.sleep(60)
"""
    process = subprocess.Popen([sys.executable, "-c", serve], cwd=folder.parent.parent)
    driver = PlantDriver("r0", endpoint)
    try:
        driver.connect(timeout=20.0)
        assert driver.read(timeout=1.0).tick == 0
        process.kill()
        begin = time.monotonic()
        with pytest.raises(PlantGone, match=f"lost the plant at {endpoint}"):
            driver.read(timeout=5.0)
        assert time.monotonic() - begin < 1.5
    finally:
        process.kill()
        process.wait()
        driver.close()


def test_no_plant(free_endpoints):
    (endpoint,) = free_endpoints(1)
    driver = PlantDriver("r0", endpoint)
    with pytest.raises(InputError, match=rf"^no plant answers at {endpoint} within 0.3 s \(robot r0\)$"):
        driver.connect(timeout=0.3)
    driver.stop()
    driver.close()


@pytest.mark.parametrize("endpoint", ["tcp://192.0.2.7:5720", "tcp://robot.example:5720", "tcp://[2001:db8::1]:5720"])
def test_beyond_loopback_it_connects_only_with_leave(endpoint):
    """The link has no keys."""
    with pytest.raises(InputError) as refused:
        PlantDriver("r0", endpoint).connect(timeout=0.1)
    assert str(refused.value).startswith(f"robot r0: plant {endpoint} is not on loopback, and the link to a plant has no keys: ")
    with pytest.raises(InputError, match="no plant answers"):
        PlantDriver("r0", endpoint, allow_plaintext=True).connect(timeout=0.1)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (Refused("this endpoint serves robot 'r1', not 'r0'"), "the plant refuses robot r0: this endpoint serves robot 'r1', not 'r0'"),
        (welcome(protocol=PROTOCOL + 1), f"the plant speaks protocol {PROTOCOL + 1}, this driver speaks {PROTOCOL}"),
        (welcome(robot="r1"), "the plant is robot 'r1', this driver is for 'r0'"),
    ],
)
def test_a_plant_that_does_not_fit_is_refused_with_both_values(driver, plant, answer, text):
    with pytest.raises(InputError) as error:
        connect(driver, plant, answer)
    assert str(error.value) == f"{plant.endpoint}: {text}"


def test_what_is_not_understood_is_dropped_and_counted(driver, plant):
    nonsense = [b"", b"\xc1", b"\x91\xa5hello", b"\x92\xa5state\x01", b"\x93" * 500]
    connect(driver, plant, then=(*nonsense, state(1, position=(math.nan, 0.0)), state(2, heading=math.inf), state(3)))
    time.sleep(0.05)
    assert driver.read(timeout=1.0).tick == 3
    assert driver.rejected == len(nonsense) + 2


def test_a_plant_that_floods_cannot_hold_the_loop(driver, plant):
    connect(driver, plant)
    for tick in range(3000):
        plant.send(state(tick))
    begin = time.monotonic()
    assert driver.read(timeout=0.5) is not None
    assert time.monotonic() - begin < 0.1


def test_a_driver_that_nobody_closed_holds_up_nothing(plant):
    """As after a failed test: it hangs on a traceback, which is a cycle of references."""
    program = f"""
import gc
from robots.plant_driver import PlantDriver

driver = PlantDriver("r0", {plant.endpoint!r})
driver.connect(timeout=10.0)
driver.itself = driver
del driver
gc.collect()
print("went on")
"""
    process = subprocess.Popen([sys.executable, "-c", program], cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True)
    plant.receive(10.0)
    plant.send(welcome())
    try:
        assert (process.communicate(timeout=10)[0], process.returncode) == ("went on\n", 0)
    finally:
        process.kill()
