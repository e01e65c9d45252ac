"""A plant that nobody here knows: mpe2's simple_spread_v3, served to our robots by what robots/README.md says, and nothing of ours.

Usage: strangers_plant.py RESULT.npy SEED,SEED,... ENDPOINT ENDPOINT ... (one mission a seed, one endpoint a robot)
"""

import sys
import time

import msgspec
import numpy as np
import zmq
from mpe2 import simple_spread_v3

pack, unpack = msgspec.msgpack.encode, msgspec.msgpack.decode
STEPS = 25


class Robot:
    def __init__(self, context, number, endpoint):
        self.name = f"r{number}"
        self.agent = f"agent_{number}"
        self.socket = context.socket(zmq.ROUTER)
        self.socket.bind(endpoint)
        self.owner = None

    def send(self, *message):
        self.socket.send_multipart([self.owner, pack(message)])

    def wait_for(self, wanted):
        """The next message with that name; every hello on the way is welcomed."""
        while True:
            sender, frame = self.socket.recv_multipart()
            message = unpack(frame)
            if message[0] == "hello":
                self.owner = sender
                self.send("welcome", 1, self.name, "point", "force", 0.1, "lockstep", 0.5)
            if message[0] == wanted:
                return message


def as_mpe2(action):
    x, y = np.float32(action)
    return np.array([0, max(-x, 0), max(x, 0), max(-y, 0), max(y, 0)], dtype=np.float32)


def main(result, seeds, endpoints):
    context = zmq.Context()
    robots = [Robot(context, number, endpoint) for number, endpoint in enumerate(endpoints)]
    env = simple_spread_v3.parallel_env(N=len(robots), max_cycles=STEPS, continuous_actions=True)
    positions, tick = [], 0
    for robot in robots:
        robot.wait_for("hello")
    for episode, seed in enumerate(seeds):
        env.reset(seed=seed)
        agents = env.aec_env.unwrapped.world.agents
        positions.append([[agent.state.p_pos.copy() for agent in agents]])
        for elapsed in range(STEPS):
            for robot, agent in zip(robots, agents, strict=True):
                place, speed = map(tuple, (agent.state.p_pos.tolist(), agent.state.p_vel.tolist()))
                robot.send("state", tick, episode, elapsed, time.monotonic_ns(), place, speed, 0.0)
            actions = {robot.agent: as_mpe2(robot.wait_for("command")[2]) for robot in robots}
            env.step(actions)
            positions[-1].append([agent.state.p_pos.copy() for agent in agents])
            tick += 1
    for robot in robots:
        robot.send("end", "")
    for robot in robots:
        robot.wait_for("end")
    np.save(result, np.array(positions))


if __name__ == "__main__":
    main(sys.argv[1], [int(seed) for seed in sys.argv[2].split(",")], sys.argv[3:])
