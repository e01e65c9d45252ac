"""Networks that read any number of peers and landmarks, in any order: an assignment that each robot computes, and what it makes of it.

Robots that share one network are told apart by geometry alone. Each computes who takes which landmark, for all robots that it knows, and
takes its own row: scores of all pairs, learned, are balanced between robots and landmarks by turns, as in Sinkhorn networks (arXiv
1802.08665), where a landmark that many want becomes dear, as in an auction. Robots that see the same thus come to the same division of the
landmarks. Nothing depends on an absolute position.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from runtime.observation import field_shapes

ENTITY_FIELDS = ("own_velocity", "landmarks_relative", "landmarks_known", "peers_relative", "peers_velocity", "peers_known")
"""What entity actors read; numbers of landmarks stand in one field after the other, each by landmark, and so those of peers."""

COASTING = 0.4
"""Where a robot comes to rest ahead of itself, as a multiple of its velocity: 0.1 / (1 - 0.75) in simple_spread; networks begin with it."""
SHARPNESS = (12.0, 18.0)
"""Of the assignments at the start, from the first head to the last: what a unit of distance takes off a score."""
STAGES = (0.25, 0.5, 1.0)
"""Shares of the scores that are balanced one after the other, each from the prices of the one before: epsilon scaling, as sharp assignments
are found in optimal transport (arXiv 1610.06519). 15 rounds in all then do as much for ten robots as 25 of the full scores."""
FAINTEST = -20.0
"""Least score of a landmark, counted from the robot's best: with a sharpness of 16, of one that is 1.25 units farther away."""
STEERING = 4.0
"""Force towards the assigned landmark for each unit of way, at the start: forces are learned as what differs from it (residual policy
learning, arXiv 1812.06298)."""
CLEARANCE, KEEPING = 0.4, 8.0
"""How far a robot that waits keeps from landmarks, and so from who is there (two bodies touch at 0.3); and how firmly."""
NEIGHBOURHOOD = 0.6
"""How near a peer is in the way: what is learned of it fades as exp(-(distance / this)^2 / 2), in a large team as in a small one."""
PAIR_FEATURES = 16
"""Width of what is learned of each pair of robot and landmark, and of each peer."""
LEAST = 1e-12
"""Least divisor. It is a bound, not a summand: what onnxruntime computed where such a constant was added was what it is without it."""


class Scene(NamedTuple):
    """What M robots see, numbers first: an operation then runs over whole rows of robots.

    Attributes:
        velocity: [2, M], own.
        landmarks: [2, L, M], from the own position.
        landmarks_known: [L, M], 1 or 0.
        peers: [2, P, M], from the own position.
        peers_velocity: [2, P, M].
        peers_known: [P, M], 1 or 0.
    """

    velocity: Tensor
    landmarks: Tensor
    landmarks_known: Tensor
    peers: Tensor
    peers_velocity: Tensor
    peers_known: Tensor


def unpack(seen: Tensor, robots: int, landmarks: int) -> Scene:
    """Observations [M, D] of ENTITY_FIELDS as a scene of `robots` - 1 peers and so many landmarks."""
    sizes = [field.size for field in field_shapes(ENTITY_FIELDS, robots, landmarks)]
    velocity, spots, spots_known, peers, speeds, known = seen.T.contiguous().split(sizes)
    return Scene(velocity, _by_axis(spots), spots_known, _by_axis(peers), _by_axis(speeds), known)


def nearest(scene: Scene, most: int) -> Scene:
    """The same with the `most` nearest known landmarks, and with itself as many robots; what is missing is there and not known."""
    spots, (spots_known,) = _nearest(scene.landmarks, [], scene.landmarks_known, most)
    peers, (speeds, known) = _nearest(scene.peers, [scene.peers_velocity], scene.peers_known, max(1, most - 1))
    return Scene(scene.velocity, spots, spots_known, peers, speeds, known)


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
    """

    def __init__(
        self, hidden: Sequence[int], outputs: int, heads: int, rounds: int, values: bool, output_gain: float, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.rounds, self.values = rounds, values
        self.sharpness = nn.Parameter(torch.logspace(0, 1, heads, SHARPNESS[1] / SHARPNESS[0]).mul(SHARPNESS[0]).log())
        self.coasting = nn.Parameter(torch.full((1,), COASTING))
        self.pair = _layers([6, PAIR_FEATURES, heads], 0.1, generator, nn.ReLU)
        self.peer = _layers([5, PAIR_FEATURES], 2**0.5, generator)
        features = 2 + 4 * heads + PAIR_FEATURES
        if values:
            self.landmark = _layers([3 + heads, PAIR_FEATURES], 2**0.5, generator)
            features += PAIR_FEATURES
        self.head = _layers([features, *hidden, outputs], output_gain, generator)
        # Critics, and actors that choose among forces, have no direction to go.
        self.steering = None if values or outputs != 2 else nn.Parameter(torch.full((1,), STEERING))

    def forward(self, scene: Scene) -> Tensor:
        """A scene of M robots, with a landmark and a peer at least, known or not, to [M, outputs]."""
        own = torch.zeros_like(scene.velocity[:, None])
        robots, speeds = torch.cat([own, scene.peers], 1), torch.cat([scene.velocity[:, None], scene.peers_velocity], 1)
        known = torch.cat([torch.ones_like(scene.velocity[:1]), scene.peers_known])  # [R, M], oneself first
        gap = scene.landmarks[:, None] - robots[:, :, None]  # [2, R, L, M]
        distance = _length(gap)
        resting = _length(gap - self.coasting * speeds[:, :, None])
        weight = self._assign(gap, distance, resting, speeds, known, scene.landmarks_known)
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
        return out if self.steering is None else out + self.steering * self._way(scene, weight).T

    def _assign(self, gap: Tensor, distance: Tensor, resting: Tensor, speeds: Tensor, known: Tensor, spots_known: Tensor) -> Tensor:
        """What part of the robot goes to each landmark: [heads, L, M]; all of it, unless robots are more than landmarks."""
        pair = torch.cat([gap, distance[None], resting[None], speeds[:, :, None].expand_as(gap)])
        score = _numbers_first(self.pair, pair) - self.sharpness.exp()[:, None, None, None] * resting
        there = known[:, None] * spots_known  # [R, L, M]
        # A robot's scores count from its best one: what all its landmarks have in common is taken off by the balance anyway.
        best = torch.where(there > 0, score, -1e9).amax(2, keepdim=True).detach()
        score = (score - best).clamp(FAINTEST, 0.0)
        # Where landmarks are more, nobody takes the rest, and wants all of them alike; where robots are more, the rest goes nowhere, and
        # that is worth as much to each: by a robot's own count the more, the worse its best landmark is.
        least = torch.where(known > 0, best[:, :, 0], 1e9).amin(1, keepdim=True)
        leave = (least - best[:, :, 0]).clamp(FAINTEST, 0.0)
        surplus = known.sum(0) - spots_known.sum(0)
        few, many = (-surplus).clamp(min=0.0), surplus.clamp(min=0.0)
        # Only the last stage is learned through; those before give it prices to begin with.
        price = spots_known.expand_as(score[:, 0])
        for stage in STAGES[:-1]:
            wishes = torch.exp(stage * score.detach()) * there, torch.exp(stage * leave)
            _, price = self._balance(*wishes, price, known, spots_known, few, many)
            # As prices of twice the scores; only their ratios count.
            price = (price / price.amax(1, keepdim=True).clamp(min=LEAST)).square()
        wish = torch.exp(score) * there  # [heads, R, L, M]
        robot, price = self._balance(wish, torch.exp(leave), price, known, spots_known, few, many)
        return wish[:, 0] * price * robot[:, :1]

    def _way(self, scene: Scene, weight: Tensor) -> Tensor:
        """From where the robot would come to rest to what the last assignment gives it [2, M], as far as that is something.

        A robot that is hardly given anything does not crawl there (shares of a tenth and nine tenths become 0.01 and 0.99), but waits in
        the midst of the landmarks around it, where it has the shortest way to whatever it will be needed for.
        """
        ways = scene.landmarks - self.coasting * scene.velocity[:, None]
        given = weight[-1].sum(0)
        going = given.square() / (given.square() + (1.0 - given).square())
        away = _length(scene.landmarks)
        around = scene.landmarks_known * torch.exp(-away)
        beside = scene.landmarks_known * torch.relu(1.0 - away / CLEARANCE) * KEEPING
        waiting = around / around.sum(0).clamp(min=LEAST) - beside
        return ((weight[-1] * (going / given.clamp(min=LEAST)) + waiting * (1.0 - going)) * ways).sum(1)

    def _balance(
        self, wish: Tensor, leave: Tensor, price: Tensor, known: Tensor, spots_known: Tensor, few: Tensor, many: Tensor
    ) -> tuple[Tensor, Tensor]:
        """What makes of wishes [heads, R, L, M] what each robot gives to each landmark.

        Args:
            wish: for each landmark.
            leave: to go nowhere [heads, R, M].
            price: to begin with [heads, L, M].
            known: [R, M], robots.
            spots_known: [L, M].
            few, many: landmarks that no robot is left for, and robots that no landmark is left for [M].

        Returns:
            Factors of robots [heads, R, M] and of landmarks [heads, L, M].
        """
        robot = known / (wish * price[:, None]).sum(2).clamp(min=LEAST)
        for _ in range(self.rounds):
            nobody = few / price.sum(1).clamp(min=LEAST)
            price = spots_known / ((wish * robot[:, :, None]).sum(1) + nobody[:, None]).clamp(min=LEAST)
            nowhere = many / (leave * robot).sum(1).clamp(min=LEAST)
            robot = known / ((wish * price[:, None]).sum(2) + leave * nowhere[:, None]).clamp(min=LEAST)
        return robot, price

    def _crowd(self, scene: Scene) -> Tensor:
        """What peers are in the way [PAIR_FEATURES, M]: the largest that any known one gives."""
        closing = scene.peers_velocity - scene.velocity[:, None]
        away = _length(scene.peers)
        near = scene.peers_known * torch.exp((away / NEIGHBOURHOOD).square() * -0.5)
        return (torch.relu(_numbers_first(self.peer, torch.cat([scene.peers, closing, away[None]]))) * near).amax(1)

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
    """

    memory_size = 0

    def __init__(self, network: EntityNetwork, robots: int, landmarks: int, nearest: int) -> None:
        super().__init__()
        self.network = network
        self._robots, self._landmarks, self._nearest = robots, landmarks, nearest

    def forward(self, inputs: Tensor) -> Tensor:
        """[N, ..., D] to [N, ..., outputs]."""
        scene = unpack(inputs.flatten(0, -2), self._robots, self._landmarks)
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


def _by_axis(rows: Tensor) -> Tensor:
    """[2 K, M], by entity and axis, to [2, K, M]."""
    return rows.unflatten(0, (rows.shape[0] // 2, 2)).transpose(0, 1)


def _length(points: Tensor) -> Tensor:
    """[2, ...] to [...]; its gradient is finite at zero."""
    return torch.sqrt((points * points).sum(0) + 1e-6)


def _nearest(spots: Tensor, others: list[Tensor], known: Tensor, most: int) -> tuple[Tensor, list[Tensor]]:
    """Of K entities the `most` nearest known: spots and others [2, K, M], known [K, M], the last of what is given back."""
    # So that there are always as many: entities that are not known.
    nothing = spots.new_zeros(2, most, spots.shape[2])
    spots, *others = (torch.cat([each, nothing], 1) for each in (spots, *others))
    known = torch.cat([known, nothing[0]])
    far = torch.where(known > 0, (spots * spots).sum(0), 1e9)
    chosen = far.topk(most, dim=0, largest=False).indices
    pairs = chosen[None].expand(2, -1, -1)
    return spots.gather(1, pairs), [*(each.gather(1, pairs) for each in others), known.gather(0, chosen)]
