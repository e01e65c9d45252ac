"""Both worlds as PettingZoo parallel environments, for learners and tools that speak that API."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from pettingzoo import ParallelEnv

from robots.spec import load_spec
from runtime.observation import SIMPLE_SPREAD_V3, field_shapes, observe
from sim3d.bullet import BulletWorld
from sim3d.disturbances.disturbance import Disturbances
from sim3d.disturbances.hearing import Hearing, team_view
from sim3d.profile import Profile
from sim3d.spread import CAPTURE_RADIUS, DISCRETE_FORCES, HORIZON, SpreadWorld
from sim3d.spread_task import all_covered, reward
from sim3d.world import Layouts, World, WorldState

CLEAN = Profile(name="clean")
RADII_ACROSS = 10.0
"""Half size of the arena of the `bullet` environment, in radii of its largest robot: 1.5 times as roomy as simple_spread."""


class TeamEnv(ParallelEnv):
    """The task `spread` in one simulated world, one episode at a time. Make it with `spread_env` or `bullet_env`.

    A step holds each robot's action over its ticks. Observations are float32, by the layout, of what the robots
    *measure* under the profile; rewards and success are of the truth. As in mpe2, `reset(seed)` fixes the layouts of this and all later
    episodes, and for `spread` they are those that mpe2 draws from the same seed.

    Args:
        world: with one action of two numbers a robot.
        action_spaces: of each robot.
        decoders: for each robot, from an action of its space to the world's action [2].
        layout: names of the observation's fields.
        ticks_per_step: ticks of the world in one step.
        capture_radius: a landmark is covered within this [m].
        command_latency: that the robots have by themselves [s], each of them.
        profile: disturbances.
        local_ratio: weight of the own contacts in the reward, against the team's coverage.
        max_cycles: steps until truncation.
        terminate_on_success: end once every landmark is covered.
    """

    metadata = {"name": "fieldswarm_spread", "render_modes": [], "is_parallelizable": True}  # noqa: RUF012 - PettingZoo's interface
    render_mode = None

    def __init__(
        self,
        world: World,
        action_spaces: Sequence[spaces.Space],
        decoders: Sequence[Callable[[Any], np.ndarray]],
        layout: Sequence[str],
        ticks_per_step: int,
        capture_radius: float,
        command_latency: Sequence[float],
        profile: Profile,
        local_ratio: float,
        max_cycles: int,
        terminate_on_success: bool,
    ) -> None:
        self.possible_agents = [f"agent_{index}" for index in range(world.robots)]
        self.agents: list[str] = []
        self.max_cycles = max_cycles
        self._world = world
        self._decoders = tuple(decoders)
        self._layout = tuple(layout)
        self._ticks = ticks_per_step
        self._capture_radius = capture_radius
        self._command_latency = tuple(command_latency)
        self._profile = profile
        self._local_ratio = local_ratio
        self._terminate = terminate_on_success
        size = sum(field.size for field in field_shapes(layout, world.robots, world.landmarks))
        self.observation_spaces = {agent: spaces.Box(-np.inf, np.inf, (size,), np.float32) for agent in self.possible_agents}
        self.action_spaces = dict(zip(self.possible_agents, action_spaces, strict=True))
        self.state_space = spaces.Box(-np.inf, np.inf, (size * world.robots,), np.float32)
        self._draw_from(None)

    def observation_space(self, agent: str) -> spaces.Box:
        """The same object at every call, as PettingZoo wants it."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> spaces.Space:
        """The same object at every call, as PettingZoo wants it."""
        return self.action_spaces[agent]

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[dict[str, np.ndarray], dict[str, dict]]:
        """Begin an episode; a seed also fixes the ones after it. `options` are not used."""
        if seed is not None:
            self._draw_from(seed)
        world, size = self._world, self._world.arena_half_size
        points = self._layout_chance.uniform(-size, size, (1, world.robots + world.landmarks, 2))
        seeds = self._episode_chance.integers(2**63 - 1, size=1)
        self._disturbances = Disturbances(self._profile, seeds, world.robots, world.tick_period, self._command_latency)
        self._hearing = Hearing(self._profile, seeds, world.robots, world.tick_period)
        layouts = Layouts(points[:, : world.robots], points[:, world.robots :], seeds)
        self._state: WorldState = world.reset(layouts, self._disturbances.dynamics)
        self._sense()
        self._sent = np.zeros((1, world.robots, 2))
        self._cycle = 0
        self.agents = list(self.possible_agents)
        self._observations = self._observe()
        return dict(zip(self.agents, self._observations, strict=True)), {agent: {} for agent in self.agents}

    def step(
        self, actions: dict[str, Any]
    ) -> tuple[dict[str, np.ndarray], dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict]]:
        """One control period. All agents end together.

        Raises:
            ValueError: no episode runs, an agent has no action, or an action is not in its space.
        """
        if not self.agents:
            raise ValueError("no episode runs; call reset() first")
        self._sent = action = self._decoded(actions)
        for _ in range(self._ticks):
            self._state = self._world.step(self._state, self._disturbances.actuate(action))
            self._sense()
        self._cycle += 1
        position, landmarks = self._state.position, self._state.landmarks
        scores = reward(position, landmarks, self._world.robot_radius, self._local_ratio, self._world.arena_half_size)[0]
        truncated = self._cycle >= self.max_cycles
        # mpe2 does not call an episode terminated that is truncated at the same step.
        terminated = self._terminate and not truncated and bool(all_covered(position, landmarks, self._capture_radius)[0])
        self._observations = self._observe()
        ended = self.agents
        if truncated or terminated:
            self.agents = []
        return (
            dict(zip(ended, self._observations, strict=True)),
            dict(zip(ended, scores.tolist(), strict=True)),
            dict.fromkeys(ended, terminated),
            dict.fromkeys(ended, truncated),
            {agent: {} for agent in ended},
        )

    def state(self) -> np.ndarray:
        """All observations in a row, as mpe2 gives it: [N D], float32."""
        return self._observations.reshape(-1)

    def close(self) -> None:
        """Release the world."""
        self._world.close()

    def _draw_from(self, seed: int | None) -> None:
        sequence = np.random.SeedSequence(seed)
        self._layout_chance = np.random.default_rng(sequence)
        # Apart from the layouts, so that these stay mpe2's over many episodes.
        self._episode_chance = np.random.default_rng(sequence.spawn(1)[0])

    def _decoded(self, actions: dict[str, Any]) -> np.ndarray:
        for agent in self.agents:
            if agent not in actions:
                raise ValueError(f"{agent} has no action")
            if not np.isfinite(actions[agent]).all():
                raise ValueError(f"the action of {agent} is not finite: {actions[agent]}")
        return np.array([[decode(actions[agent]) for agent, decode in zip(self.agents, self._decoders, strict=True)]], dtype=np.float64)

    def _sense(self) -> None:
        """What the robots know, in every tick: sensors and links may have a memory."""
        self._measured = self._disturbances.sense(self._state)
        self._hearing.listen(self._state.tick, self._measured)

    def _observe(self) -> np.ndarray:
        latency = self._measured.age * 0.0 + np.array(self._command_latency)
        team = team_view(self._measured, self._state.landmarks, self._hearing.peers(), latency, self._sent)
        return observe(self._layout, team)[0].astype(np.float32)


def spread_env(
    robots: int = 3,
    local_ratio: float = 0.5,
    max_cycles: int = HORIZON,
    continuous_actions: bool = False,
    terminate_on_success: bool = False,
    profile: Profile = CLEAN,
) -> TeamEnv:
    """World `spread`, with the spaces, layouts, dynamics and rewards of `mpe2.simple_spread_v3.parallel_env`.

    Args:
        robots: N (mpe2's name for it), as many as landmarks.
        local_ratio: as in mpe2.
        max_cycles: as in mpe2.
        continuous_actions: Box(0, 1, (5,)) instead of Discrete(5).
        terminate_on_success: as in mpe2.
        profile: disturbances, in simple_spread's units.
    """
    action_spaces = [spaces.Box(0.0, 1.0, (5,), np.float32) if continuous_actions else spaces.Discrete(5) for _ in range(robots)]
    return TeamEnv(
        world=SpreadWorld(robots),
        action_spaces=action_spaces,
        decoders=[_force_of_box if continuous_actions else _force_of_index] * robots,
        layout=SIMPLE_SPREAD_V3,
        ticks_per_step=1,
        capture_radius=CAPTURE_RADIUS,
        command_latency=[0.0] * robots,
        profile=profile,
        local_ratio=local_ratio,
        max_cycles=max_cycles,
        terminate_on_success=terminate_on_success,
    )


def bullet_env(
    kinds: Sequence[str] = ("omni", "omni", "omni"),
    arena_half_size: float | None = None,
    ticks_per_step: int | None = None,
    layout: Sequence[str] = SIMPLE_SPREAD_V3,
    local_ratio: float = 0.5,
    max_cycles: int = HORIZON,
    terminate_on_success: bool = False,
    profile: Profile = CLEAN,
) -> TeamEnv:
    """World `bullet`: an action is a planar velocity set-point within the robot's cruise speed on each axis [m/s].

    The robots have their command latency, and the profile's delay on top. A landmark is covered within a tenth of the arena's half size,
    as in simple_spread.

    Args:
        kinds: of the N robots; there are as many landmarks.
        arena_half_size: [m]; RADII_ACROSS times the largest radius unless given.
        ticks_per_step: ticks of the control loop in one step; unless given, those in which the slowest robot crosses a tenth of the
            arena, as simple_spread's robots do.
        layout: names of the observation's fields.
        local_ratio: weight of the own contacts in the reward.
        max_cycles: steps until truncation.
        terminate_on_success: end once every landmark is covered.
        profile: disturbances.

    Raises:
        InputError: a kind is unknown or does not live in this world.
    """
    specs = [load_spec(kind) for kind in kinds]
    bounds = [np.float32(spec.cruise_speed) for spec in specs]
    arena = RADII_ACROSS * max(spec.radius for spec in specs) if arena_half_size is None else arena_half_size
    if ticks_per_step is None:
        ticks_per_step = math.ceil(0.2 * arena / float(min(bounds)) * specs[0].loop_rate - 1e-6)
    return TeamEnv(
        world=BulletWorld(specs, arena),
        action_spaces=[spaces.Box(-bound, bound, (2,), np.float32) for bound in bounds],
        decoders=[_within(bound) for bound in bounds],
        layout=layout,
        ticks_per_step=ticks_per_step,
        capture_radius=CAPTURE_RADIUS * arena,
        command_latency=[spec.command_latency for spec in specs],
        profile=profile,
        local_ratio=local_ratio,
        max_cycles=max_cycles,
        terminate_on_success=terminate_on_success,
    )


def _within(bound: np.float32) -> Callable[[np.ndarray], np.ndarray]:
    return lambda action: np.clip(action, -bound, bound)


def _force_of_box(action: np.ndarray) -> np.ndarray:
    action = np.clip(action, 0.0, 1.0)
    return np.array([action[2] - action[1], action[4] - action[3]])


def _force_of_index(action: int) -> np.ndarray:
    if not 0 <= action < len(DISCRETE_FORCES):
        raise ValueError(f"action {action} is not in Discrete({len(DISCRETE_FORCES)})")
    return DISCRETE_FORCES[action]
