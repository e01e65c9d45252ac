"""Does the exported file compute what the trained network computes? Checked on whole closed-loop episodes before anything is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, replace

import numpy as np
import torch
from torch import nn

from robots.errors import InputError
from runtime.actor import OnnxActor
from runtime.contract import Contract
from runtime.entities import INPUTS, by_owner
from runtime.observation import observe, of_others, views_of_team
from sim3d.spread import HORIZON
from sim3d.world import random_layouts
from training.similarity import KEEP, PUSH

LARGEST_DIFFERENCE = 1e-5
"""Torch against onnxruntime; above it an export fails."""
ROUNDING = 1e-6
"""What float32 leaves undecided of an action: some roundings of 6e-8, those of each layer. A team at a knife's edge (who takes which
landmark) magnifies it within an episode, as two runs of torch do; a file is not to blame for that, so as much is allowed in closed loop."""
EPISODES = 50
"""50 episodes of 25 steps: 1 250 observations of each actor, above the 1 000 that an export must be checked on."""
PARITY_SEED = 2_000_003
LANDMARK_SPEED = 0.04
"""Of landmarks that move, in arenas a period: 0.4 units/s of simple_spread."""

OTHER_TEAMS = ((1, 2), (5, 4), (20, 20))
"""Robots and landmarks of the teams in which entity actors are compared as well: alone, uneven, and more than they take into account."""

Act = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Observation [B, D] and state [B, S] to action with message [B, 2 + W] and next state [B, S]."""


@dataclass(frozen=True)
class Difference:
    """How far one agent's exported actor is from the torch network.

    Attributes:
        rollout: largest |difference| in action, message and state, both reading the same observations of whole episodes, each with its own
            state.
        closed_loop: largest difference in that robot's position between a team on torch and a team on onnxruntime, each in its own
            closed loop from the same starts to the end of the episode [m].
    """

    rollout: float
    closed_loop: float


def compare(graphs: Sequence[nn.Module], actors: Sequence[OnnxActor]) -> list[Difference]:
    """Compare a team's torch graphs with its exported actors, by agent; entity actors in teams of several sizes, the worst of which counts.

    Raises:
        InputError: a difference is above LARGEST_DIFFERENCE; in closed loop, above what ROUNDING alone grows to, if that is more.
    """
    differences = _compare_team(graphs, actors)
    contract = actors[0].contract
    if contract.reads_entities:
        for sizes in OTHER_TEAMS:
            most = (contract.entities.robots[1], contract.entities.landmarks[1])
            robots, landmarks = map(min, sizes, most)
            team = [actors[0].for_team(agent, robots, landmarks, f"agent {agent}") for agent in range(robots)]
            worst = [max(figures) for figures in zip(*map(astuple, _compare_team([graphs[0]] * robots, team)), strict=True)]
            differences = [Difference(*map(max, astuple(difference), worst)) for difference in differences]
    return differences


def _compare_team(graphs: Sequence[nn.Module], actors: Sequence[OnnxActor]) -> list[Difference]:
    contract = actors[0].contract
    exported = [_exported_act(actor) for actor in actors]
    trained = [_torch_act(graph, actor.contract) for graph, actor in zip(graphs, actors, strict=True)]
    ours, rollout = _episodes(contract, actors, exported, trained)
    theirs, _ = _episodes(contract, actors, trained, trained)
    closed_loop = np.abs(ours - theirs).max(axis=(0, 1, 3))
    rounded, _ = _episodes(contract, actors, [_rounded(act, agent) for agent, act in enumerate(trained)], trained)
    allowed = max(LARGEST_DIFFERENCE, float(np.abs(rounded - theirs).max()))
    differences = [Difference(float(largest), float(apart)) for largest, apart in zip(rollout, closed_loop, strict=True)]
    for agent, difference in enumerate(differences):
        for found, most in ((difference.rollout, LARGEST_DIFFERENCE), (difference.closed_loop, allowed)):
            if not found <= most:
                raise InputError(f"agent {agent}: onnxruntime and torch differ by {found:.3g}, at most {most:.3g} is allowed")
    return differences


def _exported_act(actor: OnnxActor) -> Act:
    def act(observation: np.ndarray, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        action, message, following = actor.act_and_speak(observation, state)
        return (action if message is None else np.concatenate([action, message], axis=-1)), following

    return act


def _torch_act(graph: nn.Module, contract: Contract) -> Act:
    @torch.no_grad()
    def act(observation: np.ndarray, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rows = by_owner(contract, observation) if contract.reads_entities else {"observation": observation.astype(np.float32)}
        seen = [torch.from_numpy(rows[name]) for name in sorted(rows, key=[*INPUTS.values()].index)]
        if contract.state_size:
            *answer, following = graph(*seen, torch.from_numpy(state))
        else:
            answer, following = graph(*seen), torch.from_numpy(state)
        return (torch.cat([*answer], dim=-1) if contract.words or contract.state_size else answer).numpy(), following.numpy()

    return act


def _rounded(act: Act, agent: int) -> Act:
    """The same with an error of ROUNDING in its actions and messages, up or down for the whole of an episode."""

    def rounded(observation: np.ndarray, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        action, following = act(observation, state)
        error = np.random.default_rng([PARITY_SEED, agent]).choice([-ROUNDING, ROUNDING], action.shape)
        return action + error.astype(action.dtype), following

    return rounded


def _episodes(
    contract: Contract, actors: Sequence[OnnxActor], drivers: Sequence[Act], shadows: Sequence[Act]
) -> tuple[np.ndarray, np.ndarray]:
    """Episodes driven by `drivers` with `shadows` beside them: positions [T + 1, B, N, 2], and their largest differences [N]."""
    team = _IdealTeam(contract)
    states = [[actor.initial_state(EPISODES) for actor in actors] for _ in (drivers, shadows)]
    largest = np.zeros(len(actors))
    positions = [team.position]
    said = np.zeros((*team.position.shape[:2], contract.words))
    for _ in range(HORIZON):
        view = views_of_team(team.position, team.velocity, *team.landmarks)
        view = replace(view, peers_velocity=of_others(team.velocity), command_latency=team.latency, own_setpoint=team.velocity)
        view = replace(view, peers_known=team.peers_known, peers_message=of_others(said) * team.peers_known[..., None])
        observation = observe(contract.layout, view)
        answer = np.empty((*team.position.shape[:2], 2 + contract.words))
        for agent, (driver, shadow) in enumerate(zip(drivers, shadows, strict=True)):
            seen = observation[:, agent]
            answer[:, agent], states[0][agent] = driver(seen, states[0][agent])
            expected, states[1][agent] = shadow(seen, states[1][agent])
            apart = [np.abs(expected - answer[:, agent]).max(), np.abs(states[1][agent] - states[0][agent]).max(initial=0.0)]
            largest[agent] = max(largest[agent], *apart)
        said = answer[..., 2:]
        team.step(answer[..., :2])
        positions.append(team.position)
    return np.stack(positions), largest


class _IdealTeam:
    """Robots that move exactly as the contract assumes, one period at a time, and pass through one another.

    Contacts are left out: they are so stiff that they magnify the last bit of a float, and would compare themselves, not the actors.
    """

    def __init__(self, contract: Contract) -> None:
        # Actors that read how fast landmarks move see some that do.
        speed = LANDMARK_SPEED * contract.arena_half_size / contract.period if "landmarks_velocity" in contract.layout else 0.0
        team = contract.team_size, contract.landmarks, contract.arena_half_size
        layouts = random_layouts(EPISODES, *team, PARITY_SEED, landmark_speed=speed)
        self.position, self._layouts, self._elapsed = layouts.starts, layouts, 0.0
        self.velocity = np.zeros_like(self.position)
        # What actors are told of it, from none to three periods; the robots follow at once all the same.
        self.latency = np.random.default_rng(PARITY_SEED).uniform(0.0, 3.0 * contract.period, (*self.position.shape[:2], 1))
        # Some peers are lost, to some of the robots.
        self.peers_known = np.random.default_rng(PARITY_SEED).choice(
            [0.0, 1.0], (*self.position.shape[:2], contract.team_size - 1), p=[0.2, 0.8]
        )
        self._period = contract.period
        self._is_force = contract.action.kind == "force"

    @property
    def landmarks(self) -> tuple[np.ndarray, np.ndarray | None]:
        """Where they are [B, L, 2], and their velocities [B, L, 2]; None for those that stand still."""
        course = self._layouts.course()
        return (self._layouts.landmarks, None) if course is None else course.at(self._elapsed)

    def step(self, action: np.ndarray) -> None:
        self._elapsed += self._period
        self.position = self.position + self.velocity * self._period
        self.velocity = KEEP * self.velocity + PUSH * action if self._is_force else action
