"""From what a robot measures and hears to what it commands: where it is, peers, observation, actor, schedule, barrier, gate, in this order.

The node runs it on a robot and `fieldswarm replay` on a log, so a replay computes what the robot computed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from robots.driver import RobotState
from robots.spec import RobotSpec
from runtime.actor import OnnxActor
from runtime.barrier import HalfPlanes, Neighbours, barrier_for
from runtime.course import course_of
from runtime.heard import Heard, Peers, believe
from runtime.localisation import Localiser
from runtime.observation import View, observe
from runtime.safety import Gated, Limits, gate
from runtime.schedule import HeldAction
from runtime.team import Missions, Team


@dataclass(frozen=True)
class Wish:
    """What the policy wants in one tick.

    Attributes:
        peers: what it was told of them.
        action: [2], to be commanded if that is safe.
        observation: [D], what the actor read; None in ticks in which it did not run.
        answer: [2], what it said to that.
        message: [W], what it said to its peers; None from one that is silent.
    """

    peers: Peers
    action: np.ndarray
    observation: np.ndarray | None = None
    answer: np.ndarray | None = None
    message: np.ndarray | None = None


class Decider:
    """One robot's policy and safety gate, with their memories.

    Attributes:
        sent: [2], what the driver last sent.
        said: what the actor last said to its peers; empty as long as it has said nothing.

    Args:
        robot: its id.
        team: the team.
        missions: one an episode; begins again after the last.
        actor: the policy.
        spec: of the robot.
        period: of the control loop [s].
        command_latency: from a command to its effect, as far as it is known [s].
    """

    def __init__(
        self, robot: str, team: Team, missions: Missions, actor: OnnxActor, spec: RobotSpec, period: float, command_latency: float
    ) -> None:
        self.sent = np.zeros(2)
        self._actor, self._spec, self._period = actor, spec, period
        self._localiser = Localiser.for_robot(team.localisation, spec, period)
        self._limits = Limits.of(spec, period, team.geofence)
        kinds = [peer.kind for peer in team.peers_of(robot)]
        self._peers = len(kinds)
        self._barrier = barrier_for(spec, kinds, team.separation, period)
        self._lost = team.staleness.lost
        self._landmarks = [np.array(mission.landmarks, dtype=np.float64) for mission in missions.missions]
        self._courses = [course_of(mission) for mission in missions.missions]
        self._command_latency = np.array([command_latency])
        words = actor.contract.words
        self._silence = np.zeros((self._peers, words)) if words else None
        self._word = int if words and actor.contract.message.kind == "bits" else float
        self._heeded = actor.contract.period
        self.begin()

    def begin(self) -> None:
        """The policy begins anew: the robot enters ACTIVE."""
        self.said: tuple[float, ...] = ()
        self._memory = self._actor.initial_state()
        self._schedule = HeldAction.for_robot(self._actor.contract, self._spec, self._period)

    def begin_episode(self) -> None:
        """So does the world: the robot was put elsewhere, and stands."""
        self.begin()
        self.sent = np.zeros(2)
        if self._localiser is not None:
            self._localiser.begin()

    def rehearse(self) -> None:
        """Run everything once or twice, beside a peer that is too near, and forget it."""
        peers = self._peers
        own = RobotState(0, 0, 0, 0, np.zeros(2), np.zeros(2), 0.0)
        heard = Heard([(1e-3, 1e-3)] * peers, [(0.0, 0.0)] * peers, [0.0] * peers)
        self.begin_episode()
        own = self.locate(self.locate(own))
        wish = self.wish(own, heard, True)
        for action in (wish.action, np.full(2, 1e3)):
            self.allow(own, 0.0, heard, Wish(wish.peers, action), True)
        self.begin_episode()

    def locate(self, measured: RobotState) -> RobotState:
        """A new measurement, with the position that the robot believes in (`runtime.localisation`)."""
        if self._localiser is None:
            return measured
        position = self._localiser(measured.position, measured.velocity, measured.elapsed)
        if not all(map(math.isfinite, position.tolist())):  # after velocities that overflow: without this it would be so for good
            self._localiser.begin()
            position = self._localiser(measured.position, measured.velocity, measured.elapsed)
        return RobotState(measured.tick, measured.episode, measured.elapsed, measured.stamp, position, measured.velocity, measured.heading)

    def resume(self, measured: RobotState, located: RobotState) -> None:
        """Go on from where a robot believed to be after a measurement."""
        if self._localiser is not None:
            self._localiser.resume(measured.position, measured.velocity, measured.elapsed, located.position)

    def wish(self, own: RobotState, heard: Heard, active: bool) -> Wish:
        """What the policy wants: what its actor says now, or said last.

        Args:
            own: the newest own measurement, located.
            heard: of the M peers, by ascending agent number.
            active: whether the robot may move; if not, the actor does not run.
        """
        peers = believe(heard, own.position.tolist(), self._lost, self._heeded)
        if not (active and self._schedule.due(own.elapsed)):
            return Wish(peers, self._schedule.at(own.elapsed))
        told = peers.as_arrays()
        landmarks, landmarks_velocity = self._landmarks_at(own)
        view = View(
            own_position=own.position,
            own_velocity=own.velocity,
            landmarks=landmarks,
            peers=told.position,
            peers_velocity=told.velocity,
            peers_age=told.age,
            peers_known=told.known,
            command_latency=self._command_latency,
            own_setpoint=self.sent,
            peers_message=self._silence if told.message is None else told.message,
            landmarks_velocity=landmarks_velocity,
        )
        observation = observe(self._actor.contract.layout, view)
        answer, message, self._memory = self._actor.act_and_speak(observation, self._memory)
        answer = answer.astype(np.float64)
        self._schedule.offer(answer, own.elapsed)
        if message is not None:
            self.said = tuple(map(self._word, message.tolist()))
        return Wish(peers, self._schedule.at(own.elapsed), observation, answer, message)

    def allow(self, own: RobotState, own_age: float, heard: Heard, wish: Wish, active: bool) -> Gated:
        """What of a wish may be commanded.

        Args:
            own: as before.
            own_age: of the own measurement [s].
            heard: as before.
            wish: of this tick.
            active: whether the robot may move at all.
        """
        return gate(self._limits, wish.action, self.sent, own.position, active, self._half_planes(own, own_age, heard, wish.peers))

    def _landmarks_at(self, own: RobotState) -> tuple[np.ndarray, np.ndarray | None]:
        """Where the landmarks are at the tick of a measurement [L, 2], and their velocities [L, 2]; None for those that stand still."""
        mission = own.episode % len(self._landmarks)
        course = self._courses[mission]
        return (self._landmarks[mission], None) if course is None else course.at(own.elapsed * self._period)

    def _half_planes(self, own: RobotState, own_age: float, heard: Heard, peers: Peers) -> HalfPlanes | None:
        """What the peers leave of my set-points. One that is lost stays where it was last believed to be; one never heard is nowhere."""
        if self._barrier is None:
            return None
        ages = [age if math.isfinite(before) else math.inf for age, before in zip(peers.age, heard.age, strict=True)]
        (x, y), (speed_x, speed_y) = own.position.tolist(), own.velocity.tolist()
        here = (x + own_age * speed_x, y + own_age * speed_y)
        return self._barrier.half_planes(here, (speed_x, speed_y), Neighbours(peers.position, peers.velocity, ages), own_age)
