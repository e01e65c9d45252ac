"""The plant: serves the robots of one world to their drivers, each over its own endpoint, and records what happens."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np
import zmq

from robots.driver import Clock
from robots.errors import InputError
from robots.plant_protocol import PROTOCOL, State, Welcome
from robots.spec import RobotSpec
from runtime.team import Member
from sim3d.disturbances.disturbance import Disturbances
from sim3d.plant.link import RobotLink
from sim3d.profile import Profile
from sim3d.world import Layouts, World, WorldState

GOODBYE = 0.5
"""Longest wait for the drivers to answer the End [s]."""


class SeriesAborted(InputError):
    """A robot did not do its part.

    Attributes:
        robot: its id.
    """

    def __init__(self, text: str, robot: str) -> None:
        super().__init__(text)
        self.robot = robot


@dataclass(frozen=True)
class Episode:
    """One mission as it truly went (shapes and units as in `sim3d.plant.record.Record`, without E)."""

    number: int
    position: np.ndarray
    velocity: np.ndarray
    heading: np.ndarray
    action: np.ndarray
    landmarks: np.ndarray

    @property
    def recorded(self) -> dict[str, np.ndarray]:
        """What a record has of it, by name."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name != "number"}


class PlantServer:
    """Serves one world of N robots; `robots/README.md` has the protocol in words.

    In lockstep the plant advances when every robot has commanded the tick. In real time it advances at absolute deadlines of the
    monotonic clock, with the newest command of each robot, and zero for a robot whose newest command is older than its watchdog.

    Attributes:
        links: one a robot, by agent number.
        late_ticks: in real time, deadlines that were missed by more than a period; the clock is set back then, so that no burst follows.

    Args:
        world: any world; its robot n is the team's agent n.
        specs: what the robots are, by agent number.
        members: the team, by ascending agent number, each with a `plant` endpoint.
        clock: `lockstep` or `realtime`.
        profile: disturbances of sensing, actuation and dynamics, and robots that stop or join late; the links are the robots' own affair.
        command_timeout: in lockstep, longest wait for a command [s].
        join_timeout: longest wait for the first Hello of every robot [s].
        place: names the team file in errors.
        allow_plaintext: serve beyond loopback, where whoever is on the network can drive the robots.

    Raises:
        InputError: an endpoint cannot be bound, or is on a network without leave.
    """

    def __init__(
        self,
        world: World,
        specs: Sequence[RobotSpec],
        members: Sequence[Member],
        clock: Clock,
        profile: Profile,
        command_timeout: float = 20.0,
        join_timeout: float = 60.0,
        place: str = "team",
        allow_plaintext: bool = False,
    ) -> None:
        self.links: list[RobotLink] = []
        self.late_ticks = 0
        self._world = world
        self._latencies = [spec.command_latency for spec in specs]
        self._profile = profile
        self._command_timeout = command_timeout
        self._join_timeout = join_timeout
        self._await_commands = self._await_everyone if clock == "lockstep" else self._await_deadline
        # In lockstep time stands still between a state and its command: nothing moves that a watchdog would have to stop.
        self._watchdogs = [math.inf if clock == "lockstep" else spec.watchdog for spec in specs]
        self._tick = 0
        self._deadline = 0.0
        self._context = zmq.Context()
        self._poller = zmq.Poller()
        try:
            for index, (member, spec) in enumerate(zip(members, specs, strict=True)):
                welcome = Welcome(PROTOCOL, member.id, spec.kind, spec.action, world.tick_period, clock, spec.watchdog)
                where = f"{place}: robots[{index}].plant"
                link = RobotLink(self._context, member.plant, welcome, spec.speed_limit, where, allow_plaintext)
                self.links.append(link)
                self._poller.register(link.socket, zmq.POLLIN)
        except InputError:
            self.close()
            raise

    def serve(self, layouts: Layouts, ticks: int, begun: Callable[[], None] = lambda: None) -> Iterator[Episode]:
        """Run one episode a layout, in order, when every robot has a driver; yields each as it ends.

        Args:
            layouts: of the episodes.
            ticks: length of each episode.
            begun: told when every robot has a driver.

        Raises:
            SeriesAborted: a robot did not come, did not command in time (lockstep), or left.
        """
        reason = "the plant failed"
        try:
            self._await_drivers()
            begun()
            self._deadline = time.monotonic()
            for number in range(len(layouts)):
                yield self._episode(number, layouts[number : number + 1], ticks)
            reason = ""
        except SeriesAborted as aborted:
            reason = str(aborted)
            raise
        except (KeyboardInterrupt, GeneratorExit):
            reason = "the plant was interrupted"
            raise
        finally:
            self._say_goodbye(reason)

    def close(self) -> None:
        """Release the endpoints. May be called twice."""
        for link in self.links:
            link.close()
        self._context.term()

    def _episode(self, number: int, layout: Layouts, ticks: int) -> Episode:
        world = self._world
        disturbances = Disturbances(self._profile, layout.seeds, world.robots, world.tick_period, self._latencies)
        state = world.reset(layout, disturbances.dynamics)
        states, actions = [state], []
        for elapsed in range(ticks):
            self._send(disturbances, state, number, elapsed)
            self._await_commands()
            now = time.monotonic()
            action = np.array([[link.action(now - watchdog) for link, watchdog in zip(self.links, self._watchdogs, strict=True)]])
            state = world.step(state, disturbances.actuate(action))
            states.append(state)
            actions.append(action)
            self._tick += 1
        return Episode(
            number=number,
            position=np.concatenate([state.position for state in states]),
            velocity=np.concatenate([state.velocity for state in states]),
            heading=np.concatenate([state.heading for state in states]),
            action=np.concatenate(actions),
            landmarks=layout.track(world.tick_period, ticks)[0],
        )

    def _send(self, disturbances: Disturbances, state: WorldState, episode: int, elapsed: int) -> None:
        sensed = disturbances.sense(state)
        position, velocity, heading = sensed.position[0].tolist(), sensed.velocity[0].tolist(), sensed.heading[0].tolist()
        # A measurement that was late, or is repeated, is as old as it is.
        stamps = (time.monotonic_ns() - np.rint(sensed.age[0] * 1e9).astype(np.int64)).tolist()
        for robot, link in enumerate(self.links):
            link.send(State(self._tick, episode, elapsed, stamps[robot], tuple(position[robot]), tuple(velocity[robot]), heading[robot]))

    def _receive(self, timeout: float) -> None:
        """Wait at most `timeout` [s] for something to come, and take it in."""
        ready = {socket for socket, _ in self._poller.poll(max(0, int(timeout * 1000)))}
        for link in self.links:
            if link.socket in ready:
                link.receive()

    def _await_drivers(self) -> None:
        deadline = time.monotonic() + self._join_timeout
        while missing := [link for link in self.links if not link.joined]:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                robot = missing[0].robot
                raise SeriesAborted(f"robot {robot}: no driver said hello within {self._join_timeout:g} s", robot)
            self._receive(remaining)

    def _await_everyone(self) -> None:
        """Lockstep: until every robot has commanded this tick."""
        deadline = time.monotonic() + self._command_timeout
        while missing := [link for link in self.links if not link.commanded(self._tick)]:
            for link in missing:
                if link.left is not None:
                    raise SeriesAborted(self._farewell(link), link.robot)
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                robot = missing[0].robot
                raise SeriesAborted(f"robot {robot}: no command for tick {self._tick} within {self._command_timeout:g} s", robot)
            self._receive(remaining)

    def _await_deadline(self) -> None:
        """Real time: until this tick's period is over."""
        self._deadline += self._world.tick_period
        while (remaining := self._deadline - time.monotonic()) > 0:
            # poll() counts whole milliseconds; the rest is slept, and what comes meanwhile is read at the deadline.
            if remaining >= 1e-3:
                self._receive(remaining)
            else:
                time.sleep(remaining)
        self._receive(0.0)
        if remaining < -self._world.tick_period:
            self.late_ticks += 1
            self._deadline = time.monotonic()
        if all(link.left is not None for link in self.links):
            raise SeriesAborted(self._farewell(self.links[0]), self.links[0].robot)

    def _say_goodbye(self, reason: str) -> None:
        """Tell every driver that the series is over, and wait for their answers: what is unread at a closed connection is lost."""
        for link in self.links:
            link.end(reason)
        deadline = time.monotonic() + GOODBYE
        while any(link.joined for link in self.links) and (remaining := deadline - time.monotonic()) > 0:
            self._receive(remaining)

    def _farewell(self, link: RobotLink) -> str:
        return f"robot {link.robot}: left at tick {self._tick}" + (f": {link.left}" if link.left else "")
