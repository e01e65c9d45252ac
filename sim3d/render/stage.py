"""A floor with a grid in PyBullet, things on it, and pictures of them by the software renderer: no screen, no GPU."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from PIL import Image

from sim3d.quiet_pybullet import pybullet
from sim3d.render.camera import camera_on
from sim3d.render.mesh import Mesh, line

WIDTH, HEIGHT = 480, 360
"""Size of a frame [pixels]."""
STRIP = 22
"""Above the scene, for a caption [pixels]."""

_OVERSAMPLING = 2
"""The software renderer does not smooth edges: it draws this much larger, and the frame is averaged down."""
_MARGIN = 1.1
"""What is framed, of the arena: robots that touch its border are in the picture."""

Colour = tuple[float, float, float]

_GRID: Colour = (0.86, 0.86, 0.87)
_BORDER: Colour = (0.55, 0.55, 0.57)


class Stage:
    """Floor and camera. The floor is left white but for its lines: filling it would take nine tenths of the time.

    Attributes:
        client: of PyBullet.
        layer: flat things lie in layers, this far apart [m]: enough for the depth buffer, and too near to be seen as steps.

    Args:
        client: connected, and left so.
        arena_half_size: robots and landmarks start within +-this on both axes [m].
        height: of the highest robot [m].
    """

    def __init__(self, client: int, arena_half_size: float, height: float) -> None:
        self.client = client
        self.layer = 0.002 * arena_half_size
        self._arena = arena_half_size
        self._view, self._projection = camera_on(_MARGIN * arena_half_size, height, WIDTH / HEIGHT, STRIP / HEIGHT)

    def lay_floor(self) -> None:
        """The arena's border, and grid lines a metre (in a small or large arena, a quarter of its half-size) apart."""
        spacing = 1.0 if 1.5 <= self._arena <= 6.0 else self._arena / 4
        lines = int(self._arena / spacing + 1e-9)
        for offset in spacing * np.arange(-lines, lines + 1):
            self.lay_line((-self._arena, offset), (self._arena, offset), 0.006, _GRID, layer=0)
            self.lay_line((offset, -self._arena), (offset, self._arena), 0.006, _GRID, layer=0)
        corners = self._arena * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)])
        for start, end in pairwise(corners):
            self.lay_line(start, end, 0.012, _BORDER, layer=1)

    def lay_line(self, start: Sequence[float], end: Sequence[float], share: float, colour: Colour, layer: int) -> None:
        """A straight line on the floor, as wide as this share of the arena's half-size."""
        mesh = line(np.asarray(start), np.asarray(end), share * self._arena, piece=0.2 * self._arena)
        self.put(self.shape(mesh, colour), [0.0, 0.0, layer * self.layer])

    def shape(self, mesh: Mesh, colour: Colour) -> int:
        """What a mesh looks like, for `put`."""
        return pybullet.createVisualShape(
            pybullet.GEOM_MESH,
            vertices=mesh.vertices.tolist(),
            normals=mesh.normals.tolist(),
            indices=mesh.triangles.ravel().tolist(),
            rgbaColor=(*colour, 1.0),
            physicsClientId=self.client,
        )

    def put(self, shape: int, point: Sequence[float]) -> int:
        """Put a thing into the scene at [3], m; returns its body."""
        return pybullet.createMultiBody(baseVisualShapeIndex=shape, basePosition=list(point), physicsClientId=self.client)

    def move(self, body: int, point: Sequence[float]) -> None:
        """Put a thing elsewhere, at [3], m."""
        pybullet.resetBasePositionAndOrientation(body, list(point), (0.0, 0.0, 0.0, 1.0), physicsClientId=self.client)

    def paint(self, body: int, colour: Colour) -> None:
        """Give a thing another colour."""
        pybullet.changeVisualShape(body, -1, rgbaColor=(*colour, 1.0), physicsClientId=self.client)

    def photograph(self) -> np.ndarray:
        """What the camera sees now: [HEIGHT, WIDTH, 3], 0 ... 255."""
        width, height, pixels, _, _ = pybullet.getCameraImage(
            WIDTH * _OVERSAMPLING,
            HEIGHT * _OVERSAMPLING,
            self._view,
            self._projection,
            shadow=0,
            lightDirection=[-2.0, -3.0, 6.0],
            lightAmbientCoeff=0.62,
            lightDiffuseCoeff=0.42,
            lightSpecularCoeff=0.0,
            renderer=pybullet.ER_TINY_RENDERER,
            flags=pybullet.ER_NO_SEGMENTATION_MASK,
            physicsClientId=self.client,
        )
        image = Image.frombytes("RGBA", (width, height), np.asarray(pixels, dtype=np.uint8).tobytes())
        return np.asarray(image.convert("RGB").reduce(_OVERSAMPLING))
