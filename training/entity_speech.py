"""What entity actors say to each other, and what they make of it: where they go, and whom they hear that others may not.

A message is learned as what differs from one that is worth something from the start (residual policy learning, arXiv 1812.06298). As
`numbers` it begins as the way to where its robot goes, and the ways to the peers farthest from it, as many as there is room for; as `bits`,
each of which is -1 or 1, as the way to the farthest peer, axis by axis in binary. Who listens counts robots of whom it only hears.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from sim3d.spread import DT
from training.entity_scene import Scene, nearest_of

FARTHEST_BIT = 2.0
"""Ways are said in bits up to this, on each axis; what is farther counts as so far [simple_spread's units]."""
BITS = 4
"""For each axis of a way: then it is off by an eighth at most."""
SURENESS = 20.0
"""Logits of a bit for each unit of what it decides, at the start."""
TRUST = 4.0
"""What a unit of distance from where a peer says that it goes takes off its score of a landmark, at the start."""
SAME = 0.25
"""How near to each other two robots count as one [simple_spread's units]. One that is counted twice does more harm than one unheard of."""
RELAYED = 8
"""Robots that a robot takes into account although it only hears of them; the nearest ones."""
LOUDEST = 8.0
"""Largest number in a message, that is said or heeded."""


class Told(NamedTuple):
    """What a robot makes of its peers' messages.

    Attributes:
        goals: [2, P, M], where peers say that they go, from the own position.
        heeded: [P, M], 1 for a peer that said so, else 0.
        relayed: [2, RELAYED, M], robots that it only hears of, from the own position.
        relayed_known: [RELAYED, M], how much each counts, from 0 to 1.
    """

    goals: Tensor
    heeded: Tensor
    relayed: Tensor
    relayed_known: Tensor


class Speech(nn.Module):
    """Of all robots of a team.

    Args:
        words: numbers in a message.
        bits: whether each is -1 or 1.
    """

    def __init__(self, words: int, bits: bool) -> None:
        super().__init__()
        self.words, self.bits = words, bits
        self.relays = words // (2 * BITS) if bits else max(words // 2 - 1, 0)
        self.trust = nn.Parameter(torch.full((1,), 0.0 if bits else TRUST))

    def hear(self, scene: Scene) -> Told:
        """What the peers of M robots said."""
        message = scene.peers_message
        heeded = scene.peers_known * (message.abs().sum(0) > 0)
        places = scene.peers + self._ways(message)  # [ways, 2, P, M]
        goals, others = (scene.peers, places) if self.bits or not len(places) else (places[0], places[1:])
        relayed = others.transpose(0, 1).flatten(1, 2)  # [2, K * P, M]
        known = heeded.repeat(self.relays, 1) * self._nobody_known(relayed, scene)
        known = torch.where(known > 0.5, known, 0.0)
        relayed, known = nearest_of(relayed, known, RELAYED)
        return Told(goals, heeded, relayed, known / self._alike(relayed, known))

    def say(self, goal: Tensor, scene: Scene) -> Tensor:
        """What M robots say before they have learned anything [words, M]; of bits the logits.

        Args:
            goal: where each goes, from its own position [2, M].
            scene: what it sees.
        """
        count = max(self.relays, 1)
        # As it will be when it is heard: in a step, all move with the velocity that they have.
        moved = DT * scene.velocity
        places = (scene.peers + DT * scene.peers_velocity - moved[:, None]) * scene.peers_known
        nobody = places.new_zeros(2, count, places.shape[2])  # so that there are always as many
        places = torch.cat([places, nobody], 1)
        far = (places * places).sum(0)
        chosen = far.topk(count, dim=0).indices[None].expand(2, -1, -1)
        ways = places.gather(1, chosen).transpose(0, 1)[: self.relays].flatten(0, 1)  # [2 * relays, M]
        said = self._spelled(ways) if self.bits else torch.cat([goal - moved, ways])
        padding = goal.new_zeros(max(self.words - len(said), 0), goal.shape[1])
        return torch.cat([said, padding])[: self.words]

    def _ways(self, message: Tensor) -> Tensor:
        """Messages [words, P, M] as ways [ways, 2, P, M]."""
        if not self.bits:
            return message[: 2 * (self.words // 2)].unflatten(0, (self.words // 2, 2))
        halves = torch.tensor([FARTHEST_BIT / 2**place for place in range(1, BITS + 1)])
        spelled = message[: 2 * BITS * self.relays].unflatten(0, (self.relays, 2, BITS))
        return (spelled * halves[None, None, :, None, None]).sum(2)

    def said(self, out: Tensor) -> Tensor:
        """What actors put out as what is sent [..., words]: the likeliest bits, or numbers that are not too loud."""
        return torch.where(out >= 0, 1.0, -1.0) if self.bits else out.clamp(-LOUDEST, LOUDEST)

    @staticmethod
    def _spelled(ways: Tensor) -> Tensor:
        """Ways [2 * relays, M] in binary, as logits [2 * relays * BITS, M]."""
        rest, logits = ways.clamp(-FARTHEST_BIT, FARTHEST_BIT), []
        for place in range(1, BITS + 1):
            logits.append(rest * SURENESS)
            rest = rest - torch.where(rest >= 0, 1.0, -1.0) * (FARTHEST_BIT / 2**place)
        return torch.stack(logits, 1).flatten(0, 1)

    @staticmethod
    def _nobody_known(relayed: Tensor, scene: Scene) -> Tensor:
        """[K * P, M]: near 1 where no robot is known to be, the own included, and near 0 where one is."""
        own = torch.zeros_like(scene.peers[:, :1])
        known = torch.cat([torch.ones_like(scene.peers_known[:1]), scene.peers_known])
        gap = relayed[:, :, None] - torch.cat([own, scene.peers], 1)[:, None]
        near = torch.exp(-((gap * gap).sum(0) / SAME**2).square()) * known
        return (1.0 - near).prod(1)

    @staticmethod
    def _alike(relayed: Tensor, known: Tensor) -> Tensor:
        """How many of those relayed each one is [RELAYED, M], itself included: several peers may speak of one robot."""
        gap = relayed[:, :, None] - relayed[:, None]
        return (torch.exp(-((gap * gap).sum(0) / SAME**2).square()) * known).sum(1).clamp(min=1.0)
