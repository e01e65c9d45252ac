"""The graphs of entity actors that are exported: rows of landmarks and peers in, in metres and seconds, and a robot's action out."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from training.actor_graph import ForceHead
from training.entity_scene import Scene, nearest
from training.similarity import KEEP, PUSH, Similarity


class EntityPointActor(nn.Module):
    """For simple_spread itself: `(observation [B, 2], landmarks [B, L, 3], peers [B, P, 5 + W]) -> (action [B, 2])`, dimensionless; of
    robots that speak also `message [B, W]`.

    Landmarks are [B, L, 5] where their velocities are read.

    Args:
        head: on an EntityNetwork.
        most: landmarks, and robots with itself, that it takes into account.
    """

    def __init__(self, head: ForceHead, most: int) -> None:
        super().__init__()
        self.head, self.most = _exact(head), most

    def forward(self, observation: Tensor, landmarks: Tensor, peers: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """See the class."""
        force, *message = _act(self.head, nearest(_scene(observation, landmarks, peers, 1.0, 1.0), self.most))
        return (force, *message) if message else force


class EntityRobotActor(nn.Module):
    """For a robot: `(landmarks [B, L, 3], peers [B, P, 5 + W], state [B, 2]) -> (action [B, 2], next_state [B, 2])`, SI; of robots that
    speak `message [B, W]` stands between the two, in units that all robots of a team share.

    The action is a velocity set-point, and the state is the last one (see OwnSetpoint, of which this is the same). Landmarks are [B, L, 5]
    where their velocities are read.

    Args:
        head: on an EntityNetwork.
        most: landmarks, and robots with itself, that it takes into account.
        similarity: from simple_spread to metres and seconds.
    """

    def __init__(self, head: ForceHead, most: int, similarity: Similarity) -> None:
        super().__init__()
        self.head, self.most = _exact(head), most
        self.length, self.speed_unit = similarity.arena_half_size, similarity.speed_unit

    def forward(self, landmarks: Tensor, peers: Tensor, state: Tensor) -> tuple[Tensor, ...]:
        """See the class."""
        velocity = state / self.speed_unit
        force, *message = _act(self.head, nearest(_scene(velocity, landmarks, peers, self.length, self.speed_unit), self.most))
        setpoint = (KEEP * velocity + PUSH * force) * self.speed_unit
        return setpoint, *message, setpoint.clone()


def _exact(head: ForceHead) -> ForceHead:
    """The same in double precision. Who takes which landmark hangs by a hair at times, and single precision then says another thing in
    onnxruntime than in torch: by 4e-5 among twenty robots, where this leaves 1e-12."""
    return copy.deepcopy(head).double()


def _act(head: ForceHead, scene: Scene) -> tuple[Tensor, ...]:
    """Force [B, 2] and, of robots that speak, message [B, W]."""
    scene = Scene(*(None if part is None else part.double() for part in scene))
    if head.network.speech is None:
        return (head(scene).float(),)
    out = head.network(scene).float()
    return head.force(out[:, :2]), head.network.speech.said(out[:, 2:])


def _scene(velocity: Tensor, landmarks: Tensor, peers: Tensor, length: float, speed_unit: float) -> Scene:
    """Rows of numbers as a scene: velocity [B, 2], landmarks [B, L, 3] or [B, L, 5] with their velocities, peers [B, P, 5 + W]."""
    landmark, peer = landmarks.permute(2, 1, 0), peers.permute(2, 1, 0)
    moves = torch.zeros_like(landmark[:2]) if landmarks.shape[2] == 3 else landmark[3:5] / speed_unit
    said = peer[5:] if peers.shape[2] > 5 else None
    return Scene(velocity.T, landmark[:2] / length, landmark[2], peer[:2] / length, peer[2:4] / speed_unit, peer[4], moves, said)
