"""Small meshes with true edges: PyBullet's software renderer rounds those of its own cylinders and boxes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

_CORNERS = 40
"""Of a circle; no corner shows at the size of a frame."""


@dataclass(frozen=True)
class Mesh:
    """Triangles in space.

    Attributes:
        vertices: [K, 3], m.
        normals: [K, 3], outwards, of length 1; a corner of a solid stands once for each of its faces.
        triangles: [M, 3], rows of `vertices`, counter-clockwise from outside.
    """

    vertices: np.ndarray
    normals: np.ndarray
    triangles: np.ndarray


def disc(radius: float, height: float = 0.0) -> Mesh:
    """A level disc about the z axis, seen from above [m]."""
    second = np.arange(1, _CORNERS - 1)
    fan = np.column_stack([np.zeros_like(second), second, second + 1])
    return Mesh(_circle(radius, height), np.tile((0.0, 0.0, 1.0), (_CORNERS, 1)), fan)


def line(start: np.ndarray, end: np.ndarray, width: float, piece: float) -> Mesh:
    """A straight line on the floor, seen from above, in pieces no longer than `piece`.

    The renderer visits every pixel of a triangle's bounding box, which is large for a long slanted one.

    Args:
        start: [2], m.
        end: [2], m; not equal to `start`.
        width: [m].
        piece: [m].
    """
    along = np.asarray(end, dtype=float) - start
    length = float(np.linalg.norm(along))
    aside = 0.5 * width / length * np.array([-along[1], along[0]])
    ends = start + np.linspace(0.0, 1.0, math.ceil(length / piece) + 1)[:, None] * along
    points = np.concatenate([ends - aside, ends + aside])
    vertices = np.column_stack([points, np.zeros(len(points))])
    return Mesh(vertices, np.tile((0.0, 0.0, 1.0), (len(points), 1)), _band(len(ends)))


def cylinder(radius: float, length: float) -> Mesh:
    """An upright cylinder about the origin, open below, where no camera looks [m]."""
    around = np.arange(_CORNERS + 1) % _CORNERS
    outwards = _circle(1.0, 0.0)[around]
    side = np.concatenate([_circle(radius, -0.5 * length)[around], _circle(radius, 0.5 * length)[around]])
    return _together(Mesh(side, np.tile(outwards, (2, 1)), _band(len(around))), disc(radius, 0.5 * length))


def box(size: np.ndarray) -> Mesh:
    """A box about the origin with edges of `size` [3], m."""
    faces = []
    for axis in range(3):
        for sign in (-1.0, 1.0):
            first, second = np.eye(3)[(axis + 1) % 3], np.eye(3)[(axis + 2) % 3]
            normal = sign * np.eye(3)[axis]
            corners = np.stack([normal - first - sign * second, normal + first - sign * second] * 2)
            corners[2:] += 2.0 * sign * second
            faces.append(Mesh(0.5 * corners * size, np.tile(normal, (4, 1)), _band(2)))
    return _together(*faces)


def _circle(radius: float, height: float) -> np.ndarray:
    angle = np.linspace(0.0, 2.0 * math.pi, _CORNERS, endpoint=False)
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle), np.full(_CORNERS, height)])


def _band(corners: int) -> np.ndarray:
    """The triangles between two rows of `corners` points each, one listed after the other."""
    lower = np.arange(corners - 1)
    upper = lower + corners
    return np.concatenate([np.column_stack([lower, lower + 1, upper + 1]), np.column_stack([lower, upper + 1, upper])])


def _together(*meshes: Mesh) -> Mesh:
    offsets = np.cumsum([0] + [len(mesh.vertices) for mesh in meshes[:-1]])
    return Mesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate([mesh.normals for mesh in meshes]),
        np.concatenate([mesh.triangles + offset for mesh, offset in zip(meshes, offsets, strict=True)]),
    )
