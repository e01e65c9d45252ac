"""What the Crazyflie 2.1 is made of, as far as it flies: mass, rotors, air. `README.md` in this folder compares the sources."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

GRAVITY = 9.81
"""[m/s^2]"""


@dataclass(frozen=True)
class Airframe:
    """One vehicle. Body axes: x forward, y left, z up; rotors as the firmware numbers them: front right, back right, back left, front left.

    Förster is J. Förster, System Identification of the Crazyflie 2.0 Nano Quadrocopter, ETH Zurich, 2015. Firmware is
    bitcraze/crazyflie-firmware, gym is utiasDSL/gym-pybullet-drones (envs/BaseAviary.py, assets/cf2x.urdf).

    Attributes:
        mass: [kg].
        inertia: about x, y, z [kg m^2].
        arm: from the centre to a rotor [m].
        height: of the body [m].
        rotor_radius: [m].
        thrust_limit: of one rotor [N].
        torque_ratio: reaction torque of a rotor for each N of its thrust [m].
        thrust_coefficient: of one rotor, thrust over squared speed [N s^2/rad^2].
        motor_time_constant: thrust follows its command, first order [s].
        drag: along x, y, z: force for each m/s through the air and each rad/s of all rotors' speeds [kg/rad].
        ground_effect: mu of T / T_far = 1 + mu (rotor radius / 4 h)^2 at height h.
        ground_effect_floor: h is taken as at least this [m].
        downwash: a, b, c of the force a (rotor radius / 4 dz)^2 exp(-(dxy / (b dz + c))^2 / 2), downwards, of a vehicle dz above and
            dxy aside [N, 1, m].
    """

    mass: float = 0.027  # Bitcraze, data sheet of the Crazyflie 2.1: 27 g, without decks
    # Förster: 16.57, 16.66, 29.26 e-6 at 28 g, products of inertia at most 1.8e-6 and left out; gym has 14, 14, 21.7 e-6.
    inertia: tuple[float, float, float] = (16.571710e-6, 16.655602e-6, 29.261652e-6)
    arm: float = 0.046  # firmware, platform_defaults_cf2.h: ARM_LENGTH; 92 mm from motor to motor, data sheet
    height: float = 0.029  # data sheet: 92 x 92 x 29 mm
    rotor_radius: float = 0.0231348  # gym
    thrust_limit: float = 0.1125  # firmware, platform_defaults_cf2.h: THRUST_MAX, what a sagging battery can still do; gym has 0.149
    torque_ratio: float = 0.005964552  # firmware, platform_defaults_cf2.h: THRUST2TORQUE, which is Förster's
    # Förster's maps of command to thrust and of command to speed give 0.0662 N at 1862 rad/s (hover). Bitcraze's own measurement
    # (docs/functional-areas/pwm-to-thrust.md) has 2.2e-8 there, gym 2.9e-8. Drag below was identified with Förster's speeds.
    thrust_coefficient: float = 1.91e-8
    # Förster: 1 / (1 - 0.9695404 z^-1) at 500 Hz, from command to thrust: 0.002 / -ln(0.9695404). Bitcraze measured 180 ms from
    # standstill to 25 000 rpm (blog, Measuring propeller RPM, part 3), which is 2.8 times this.
    motor_time_constant: float = 0.0647
    drag: tuple[float, float, float] = (9.1785e-7, 9.1785e-7, 10.311e-7)  # Förster; gym has the same
    # gym, which uses the series of the image method's T / T_far = 1 / (1 - mu (R / 4 h)^2) (Cheeseman and Bennett, 1955; Shi et al.,
    # Neural Lander, ICRA 2019).
    ground_effect: float = 11.36859
    ground_effect_floor: float = 0.0378  # gym: GND_EFF_H_CLIP for these figures; 27 % more thrust, and no more below
    downwash: tuple[float, float, float] = (2267.18, 0.16, -0.11)  # gym; an experiment of S. Zhou, Dynamic Systems Lab, Toronto

    @property
    def hover_thrust(self) -> float:
        """Of one rotor [N]."""
        return 0.25 * self.mass * GRAVITY

    @property
    def rotor_positions(self) -> np.ndarray:
        """Of the four rotors: [4, 2], m, body axes."""
        aside = self.arm * math.sqrt(0.5)
        return np.array([[aside, -aside], [-aside, -aside], [-aside, aside], [aside, aside]])


SPIN = np.array([-1.0, 1.0, -1.0, 1.0])
"""Sign of each rotor's reaction torque about z (firmware, power_distribution_quadrotor.c)."""

CRAZYFLIE = Airframe()
