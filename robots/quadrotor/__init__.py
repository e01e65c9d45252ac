"""The quadrotor: a Crazyflie 2.1; its airframe, and the flight stack of the kind that its firmware runs."""
