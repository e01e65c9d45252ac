"""Networks that read any number of peers and landmarks, in any order: an assignment that each robot computes, and what it makes of it.

Robots that share one network are told apart by geometry alone. Each computes who takes which landmark, for all robots that it knows, and
takes its own row: scores of all pairs, learned, are balanced between robots and landmarks by turns, as in Sinkhorn networks (arXiv
1802.08665), where a landmark that many want becomes dear, as in an auction. Robots that see the same thus come to the same division of the
landmarks. Nothing depends on an absolute position.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from sim3d.spread import DT
from training.assignment import LEAST, own_share
from training.entity_scene import ENTITY_FIELDS, Scene, length, nearest, unpack
from training.entity_speech import LOUDEST, Speech, Told

COASTING = 0.4
"""Where a robot comes to rest ahead of itself, as a multiple of its velocity: 0.1 / (1 - 0.75) in simple_spread; networks begin with it."""
AHEAD = COASTING + DT
"""How far ahead of a landmark robots aim, as a multiple of its velocity: with a gain of 5 they then follow it without an error."""
SHARPNESS = (12.0, 18.0)
"""Of the assignments at the start, from the first head to the last: what a unit of distance takes off a score."""
STEERING = 5.0
"""Force towards the assigned landmark for each unit of way, at the start: forces are learned as what differs from it (residual policy
learning, arXiv 1812.06298). A force u moves the place where a robot would come to rest by 0.2 u: 5 leaves nothing of a short way."""
CLEARANCE, KEEPING = 0.5, 2.0
"""How far a robot that waits keeps from landmarks, and so from who is there (two bodies touch at 0.3); and how firmly."""
ASIDE, YIELDING = 0.8, 2.0
"""How far it keeps from other robots, who may wait as well or be on their way; and how firmly."""
EASE = 0.6
"""What of its way a robot that waits goes in a step: others give way at the same time, and in full steps they would never come to rest."""
NEIGHBOURHOOD = 0.6
"""How near a peer is in the way: what is learned of it fades as exp(-(distance / this)^2 / 2), in a large team as in a small one."""
PAIR_FEATURES = 16
"""Width of what is learned of each pair of robot and landmark, and of each peer."""


class EntityNetwork(nn.Module):
    """One network for all robots, of any team.

    Args:
        hidden: width of each hidden layer behind the assignments.
        outputs: numbers that it puts out.
        heads: assignments side by side.
        rounds: of each stage of an assignment.
        values: whether it also reads of all landmarks how well they are covered, as a critic must.
        output_gain: see TeamMlp.
        generator: source of the initial weights.
        speech: how robots talk; None where nobody speaks. Actors put out a message after what they do.
    """

    def __init__(
        self,
        hidden: Sequence[int],
        outputs: int,
        heads: int,
        rounds: int,
        values: bool,
        output_gain: float,
        generator: torch.Generator,
        speech: Speech | None = None,
    ) -> None:
        super().__init__()
        self.speech = speech
        self.rounds, self.values = rounds, values
        self.sharpness = nn.Parameter(torch.logspace(0, 1, heads, SHARPNESS[1] / SHARPNESS[0]).mul(SHARPNESS[0]).log())
        self.coasting = nn.Parameter(torch.full((1,), COASTING))
        self.pair = _layers([6, PAIR_FEATURES, heads], 0.1, generator, nn.ReLU)
        self.peer = _layers([5 if speech is None else 5 + speech.words, PAIR_FEATURES], 2**0.5, generator)
        features = 2 + 4 * heads + PAIR_FEATURES
        if values:
            self.landmark = _layers([3 + heads, PAIR_FEATURES], 2**0.5, generator)
            features += PAIR_FEATURES
        says = 0 if values or speech is None else speech.words
        self.head = _layers([features, *hidden, outputs + says], output_gain, generator)
        # Critics, and actors that choose among forces, have no direction to go.
        self.steering = None if values or outputs != 2 else nn.Parameter(torch.full((1,), STEERING))

    def forward(self, scene: Scene) -> Tensor:
        """A scene of M robots, with a landmark and a peer at least, known or not, to [M, outputs]."""
        own = torch.zeros_like(scene.velocity[:, None])
        robots, speeds = torch.cat([own, scene.peers], 1), torch.cat([scene.velocity[:, None], scene.peers_velocity], 1)
        known = torch.cat([torch.ones_like(scene.velocity[:1]), scene.peers_known])  # [R, M], oneself first
        told = None
        if self.speech is not None:
            scene = scene._replace(peers_message=scene.peers_message.clamp(-LOUDEST, LOUDEST))
            told = self.speech.hear(scene)
            robots, known = torch.cat([robots, told.relayed], 1), torch.cat([known, told.relayed_known])
            speeds = torch.cat([speeds, torch.zeros_like(told.relayed)], 1)
        gap = scene.landmarks[:, None] - robots[:, :, None]  # [2, R, L, M]
        distance = length(gap)
        resting = length(gap + AHEAD * scene.landmarks_velocity[:, None] - self.coasting * speeds[:, :, None])
        score = self._score(gap, distance, resting, speeds[:, :, None] - scene.landmarks_velocity[:, None])
        if told is not None:
            score = score - self._elsewhere(told, scene, robots.shape[1])
        weight = own_share(score, known, scene.landmarks_known, self.rounds)
        chosen = torch.cat(
            [
                (weight[:, None] * scene.landmarks).sum(2).flatten(0, 1),
                (weight * distance[0]).sum(1),
                weight.sum(1),
            ]
        )
        parts = [scene.velocity, chosen, self._crowd(scene)]
        if self.values:
            parts.append(self._coverage(distance, resting, known, scene.landmarks_known, weight))
        out = self.head(torch.cat(parts).T)
        if self.steering is None:
            return out
        way, goal = self._way(scene, weight)
        said = [] if self.speech is None else [self.speech.say(goal, scene)]
        return out + torch.cat([self.steering * way, *said]).T

    def _elsewhere(self, told: Told, scene: Scene, robots: int) -> Tensor:
        """What it takes off a peer's score of a landmark that it says to go elsewhere [R, L, M]."""
        apart = length(scene.landmarks[:, None] - told.goals[:, :, None]) * told.heeded[:, None] * self.speech.trust
        others = apart.new_zeros(robots - 1 - apart.shape[0], *apart.shape[1:])
        return torch.cat([torch.zeros_like(apart[:1]), apart, others])

    def _score(self, gap: Tensor, distance: Tensor, resting: Tensor, relative: Tensor) -> Tensor:
        """What each robot makes of each landmark [heads, R, L, M], from all pairs [..., R, L, M] and their relative velocities."""
        pair = torch.cat([gap, distance[None], resting[None], relative])
        return _numbers_first(self.pair, pair) - self.sharpness.exp()[:, None, None, None] * resting

    def _way(self, scene: Scene, weight: Tensor) -> tuple[Tensor, Tensor]:
        """From where the robot would come to rest to what the last assignment gives it [2, M], as far as that is something; and that.

        A robot that is hardly given anything does not crawl there (shares of a tenth and nine tenths become 0.01 and 0.99), but waits in
        the midst of the landmarks around it, where it has the shortest way to whatever it will be needed for, and out of others' way.
        """
        given = weight[-1].sum(0)
        going = given.square() / (given.square() + (1.0 - given).square())
        away = length(scene.landmarks)
        around = scene.landmarks_known * torch.exp(-away)
        beside = scene.landmarks_known * torch.relu(1.0 - away / CLEARANCE) * KEEPING
        crowded = scene.peers_known * torch.relu(1.0 - length(scene.peers) / ASIDE) * YIELDING
        spots = scene.landmarks + AHEAD * scene.landmarks_velocity
        taken = (weight[-1] * (going / given.clamp(min=LEAST)) * spots).sum(1)
        midst = (around / around.sum(0).clamp(min=LEAST) * spots).sum(1)
        aside = (beside * scene.landmarks).sum(1) + (crowded * scene.peers).sum(1)
        waits = 1.0 - going
        way = taken + EASE * waits * (midst - aside) - self.coasting * scene.velocity
        return way, taken + waits * midst

    def _crowd(self, scene: Scene) -> Tensor:
        """What peers are in the way [PAIR_FEATURES, M]: the largest that any known one gives."""
        closing = scene.peers_velocity - scene.velocity[:, None]
        away = length(scene.peers)
        near = scene.peers_known * torch.exp((away / NEIGHBOURHOOD).square() * -0.5)
        said = [] if scene.peers_message is None else [scene.peers_message]
        return (torch.relu(_numbers_first(self.peer, torch.cat([scene.peers, closing, away[None], *said]))) * near).amax(1)

    def _coverage(self, distance: Tensor, resting: Tensor, known: Tensor, spots_known: Tensor, weight: Tensor) -> Tensor:
        """What there is to say of all landmarks together [PAIR_FEATURES, M]: the sum of what each gives."""
        nobody = (known[:, None] <= 0) * 1e3
        nearest_one, nearest_peer = (resting + nobody).amin(0).clamp(max=4.0), (distance + nobody)[1:].amin(0).clamp(max=4.0)
        landmark = torch.cat([torch.stack([resting[0], nearest_one, nearest_peer]), weight])
        return (torch.relu(_numbers_first(self.landmark, landmark)) * spots_known).sum(1)


class EntityTeam(nn.Module):
    """An EntityNetwork behind the protocol of TeamNetwork: the robots of a team as many rows.

    Args:
        network: that all share.
        robots: N, of the arrays; how many of them are there, the observations say.
        landmarks: L, of the arrays.
        nearest: see EntitiesConfig.
        fields: of the observations.
    """

    memory_size = 0

    def __init__(self, network: EntityNetwork, robots: int, landmarks: int, nearest: int, fields: tuple[str, ...] = ENTITY_FIELDS) -> None:
        super().__init__()
        self.network, self._fields = network, fields
        self._robots, self._landmarks, self._nearest = robots, landmarks, nearest

    def forward(self, inputs: Tensor) -> Tensor:
        """[N, ..., D] to [N, ..., outputs]."""
        words = 0 if self.network.speech is None else self.network.speech.words
        scene = unpack(inputs.flatten(0, -2), self._robots, self._landmarks, self._fields, words)
        if self._robots == 1 or max(self._robots, self._landmarks) > self._nearest:
            scene = nearest(scene, self._nearest)
        return self.network(scene).unflatten(0, inputs.shape[:-1])

    def step(self, inputs: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """See TeamNetwork."""
        return self(inputs), memory

    def unroll(self, inputs: Tensor) -> Tensor:
        """See TeamNetwork."""
        return self(inputs)

    def alone(self, robot: int) -> EntityTeam:
        """See TeamNetwork: any of them is the same."""
        return self

    def of_robot(self, robot: int) -> nn.Module:
        """See TeamNetwork; of a scene, not of numbers in a row."""
        return self.network


def _layers(
    sizes: Sequence[int], output_gain: float, generator: torch.Generator, between: Callable[[], nn.Module] = nn.Tanh
) -> nn.Sequential:
    """A perceptron; `between` stands between its layers."""
    layers: list[nn.Module] = []
    for number, (fan_in, fan_out) in enumerate(itertools.pairwise(sizes)):
        layer = nn.Linear(fan_in, fan_out)
        nn.init.orthogonal_(layer.weight, output_gain if number == len(sizes) - 2 else 2**0.5, generator=generator)
        nn.init.zeros_(layer.bias)
        layers += [layer, between()]
    return nn.Sequential(*layers[:-1])


def _numbers_first(layers: nn.Sequential, inputs: Tensor) -> Tensor:
    """A perceptron on numbers in the first dimension: [inputs, ...] to [outputs, ...]."""
    signal = inputs.flatten(1)
    for layer in layers:
        signal = torch.addmm(layer.bias[:, None], layer.weight, signal) if isinstance(layer, nn.Linear) else layer(signal)
    return signal.unflatten(1, inputs.shape[1:])
