"""The flight stack: planar set-points and modes in, motor commands out, and what happens when set-points stop coming."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from robots.quadrotor import attitude_control, velocity_control
from robots.quadrotor.airframe import CRAZYFLIE, Airframe
from robots.quadrotor.attitude_control import FULL_SCALE, AttitudeControl
from robots.quadrotor.motion import Motion
from robots.quadrotor.velocity_control import VelocityControl

MISSION_HEIGHT = 1.0
"""At which missions are flown [m]; crazyswarm2's examples take off to it (IMRCLab/crazyswarm2: crazyflie_examples, hello_world)."""

LEVEL_AFTER = 0.5
"""Without a set-point for this long a vehicle levels out [s]; firmware: supervisor.c, COMMANDER_WDT_TIMEOUT_STABILIZE."""
OFF_AFTER = 2.0
"""Without one for this long it stops its motors [s]; firmware: supervisor.c, COMMANDER_WDT_TIMEOUT_SHUTDOWN."""

TAKE_OFF_SPEED = 0.4
"""[m/s]; our choice: the mission height in 2.5 s, which is the duration in crazyswarm2's hello_world."""
LANDING_SPEED = 0.4
"""[m/s]; likewise."""
EASE = 2.0
"""The way of the height that is held slows down in front of its goal, to this speed for each m that is left [1/s]; our choice."""
ARRIVED = 0.01
"""A vehicle that takes off holds when the height that is held is this near to its goal [m]; our choice."""
LANDED = 0.02
"""A vehicle that is landing stops its motors this far above where it took off [m]; our choice."""
SINK_TO = -0.5
"""Height that a landing aims for, so that it does not slow down before the ground [m]."""


class Mode(IntEnum):
    """What a vehicle does. `FLY` follows planar set-points; `TAKE_OFF`, `HOLD` and `LAND` keep their place over ground."""

    OFF = 0
    TAKE_OFF = 1
    HOLD = 2
    FLY = 3
    LAND = 4


class FlightStack:
    """Of M vehicles, updated 500 times a second. Heading is held at 0.

    It reads the true motion: what a state estimator would get wrong is in the profile's `sensing`, and reaches the vehicle through the
    set-points that a robot derives from it.

    Attributes:
        mode: [M], a `Mode` each.

    Args:
        vehicles: M; motors off.
        airframe: of all.
    """

    def __init__(self, vehicles: int, airframe: Airframe = CRAZYFLIE) -> None:
        self.mode = np.full(vehicles, Mode.OFF)
        self._newton = airframe.thrust_limit / FULL_SCALE
        self._velocity_control = VelocityControl(vehicles)
        self._attitude_control = AttitudeControl(vehicles)
        self._ticks = 0
        self._setpoint = np.zeros((2, vehicles))
        self._silence = np.zeros(vehicles)
        self._place = np.zeros((2, vehicles))
        # Where the centre of a vehicle is that stands.
        self._ground = np.full(vehicles, 0.5 * airframe.height)
        # Where the height that is held is on its way to, and how fast it goes there.
        self._height = np.zeros(vehicles)
        self._height_goal = np.zeros(vehicles)
        self._speed = np.zeros(vehicles)
        self._wanted = np.zeros((3, vehicles))
        self._thrust = np.zeros(vehicles)

    def hover(self, height: np.ndarray, thrust: np.ndarray) -> None:
        """All fly, with the motor commands [4, M], N, that have long kept them hovering at heights [M], m."""
        self.mode[:] = Mode.FLY
        self._silence[:] = 0.0
        self._height[:] = self._height_goal[:] = height
        self._thrust = self._attitude_control.trim(thrust / self._newton)
        self._velocity_control.trim(self._thrust)

    def take_off(self, motion: Motion, vehicles: np.ndarray, height: float = MISSION_HEIGHT) -> None:
        """Vehicles [M] (booleans) whose motors are off climb to a height above the ground they stand on [m], and hold."""
        starting = vehicles & (self.mode == Mode.OFF)
        self.mode[starting] = Mode.TAKE_OFF
        self._ground[starting] = motion.position[2, starting]
        self._height[starting] = motion.position[2, starting]
        self._go_to_height(starting, self._ground + height, TAKE_OFF_SPEED)
        self._place[:, starting] = motion.position[:2, starting]

    def land(self, motion: Motion, vehicles: np.ndarray) -> None:
        """Vehicles [M] (booleans) that fly sink where they are, and stop their motors on the ground."""
        landing = vehicles & (self.mode != Mode.OFF)
        self.mode[landing] = Mode.LAND
        self._go_to_height(landing, self._ground + SINK_TO, LANDING_SPEED)
        self._place[:, landing] = motion.position[:2, landing]

    def follow(self, setpoints: np.ndarray) -> None:
        """Planar velocity set-points [2, M], m/s, world frame; those that hold follow from now on, those that take off or land do not."""
        self.mode[self.mode == Mode.HOLD] = Mode.FLY
        self._setpoint = setpoints
        self._silence[:] = 0.0

    def __call__(self, motion: Motion) -> np.ndarray:
        """Commanded thrust of each motor [4, M], N, for the next 2 ms."""
        if self._ticks % (attitude_control.RATE // velocity_control.RATE) == 0:
            self._steer(motion)
        self._ticks += 1
        motors = self._attitude_control(motion.angles(), motion.rates, self._wanted, self._thrust)
        off = self.mode == Mode.OFF
        if off.any():
            self._attitude_control.reset(off)
            self._velocity_control.reset(off)
            motors = np.where(off, 0.0, motors)
        return self._newton * motors

    def _steer(self, motion: Motion) -> None:
        """The slow loops: modes, then place, height and velocity."""
        flying = self.mode == Mode.FLY
        self._silence += 1.0 / velocity_control.RATE
        self.mode[flying & (self._silence > OFF_AFTER)] = Mode.OFF
        velocity = self._setpoint
        if not flying.all():
            self._change_modes(motion)
            velocity = np.where(flying, velocity, self._velocity_control.place_to_velocity(motion, self._place))
        rising = np.clip(EASE * (self._height_goal - self._height), -self._speed, self._speed)
        self._height = self._height + rising / velocity_control.RATE
        tilt = self._velocity_control.tilt(motion, velocity)
        self._wanted[:2] = np.where(flying & (self._silence > LEVEL_AFTER), 0.0, tilt)
        self._thrust = self._velocity_control.thrust(motion, self._height, rising)

    def _change_modes(self, motion: Motion) -> None:
        arrived = (self.mode == Mode.TAKE_OFF) & (self._height_goal - self._height < ARRIVED)
        self.mode[arrived] = Mode.HOLD
        down = (self.mode == Mode.LAND) & (motion.position[2] < self._ground + LANDED)
        self.mode[down] = Mode.OFF

    def _go_to_height(self, vehicles: np.ndarray, goal: np.ndarray, speed: float) -> None:
        self._height_goal = np.where(vehicles, goal, self._height_goal)
        self._speed = np.where(vehicles, speed, self._speed)
