"""A recorded mission drawn again in PyBullet, without a screen, as the frames of an animation.

The record is the truth here: nothing is simulated, robots are put where they were and photographed by PyBullet's software renderer.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image

from robots.spec import load_spec, robot_folder
from runtime.atomic import write_atomically
from sim3d.mesh import Mesh, box, cylinder, disc, line
from sim3d.picture import robot_colour
from sim3d.quiet_pybullet import pybullet

WIDTH, HEIGHT = 480, 360
"""Size of a frame [pixels]."""

_OVERSAMPLING = 2
"""The software renderer does not smooth edges: it draws this much larger, and the frame is averaged down."""

_COLOURS = 64
"""In the palette of a GIF: five hues in a few shades each."""

_REST_MS = 1500
"""How long a GIF shows its last frame before it begins again [ms]."""

Colour = tuple[float, float, float]

_LEVEL = (0.0, 0.0, 0.0, 1.0)
"""The attitude of a thing that is not turned: quaternion xyzw."""

_TRAIL_STEP = 0.008
"""A trail grows when its robot has moved by this share of the arena's half-size."""

_GRID: Colour = (0.86, 0.86, 0.87)
_BORDER: Colour = (0.55, 0.55, 0.57)
_RING: Colour = (0.22, 0.22, 0.24)
_DISC: Colour = (0.93, 0.93, 0.94)
_SHADE: Colour = (0.78, 0.78, 0.80)


def replay_frames(
    positions: np.ndarray,
    landmarks: np.ndarray,
    kind: str,
    arena_half_size: float,
    capture_radius: float,
    headings: np.ndarray | None = None,
) -> list[np.ndarray]:
    """Draw every recorded pose of a mission.

    Args:
        positions: [T + 1, N, 2], m, world frame.
        landmarks: [L, 2], m, world frame.
        kind: robot kind; its model is `robots/<kind>/<kind>.urdf`, or a disc of its radius where there is none.
        arena_half_size: robots and landmarks start within +-this on both axes [m].
        capture_radius: a landmark is covered within this [m].
        headings: [T + 1, N], rad; all zero where a record has none.

    Returns:
        T + 1 images [HEIGHT, WIDTH, 3], red, green and blue in 0 ... 255.
    """
    if headings is None:
        headings = np.zeros(positions.shape[:2])
    client = pybullet.connect(pybullet.DIRECT)
    try:
        stage = _Stage(client, arena_half_size)
        stage.lay_floor()
        for landmark in landmarks:
            stage.lay_landmark(landmark, capture_radius)
        robots = [_Robot(stage, kind, robot_colour(agent)) for agent in range(positions.shape[1])]
        frames = []
        for tick, points in enumerate(positions):
            for agent, robot in enumerate(robots):
                robot.move(points[agent], headings[tick, agent])
            frames.append(stage.photograph())
        return frames
    finally:
        pybullet.disconnect(client)


def mission_gif(frames: Sequence[np.ndarray], path: str | Path, period: float) -> None:
    """Write frames as an endless GIF that rests on its last frame.

    Args:
        frames: images [height, width, 3], red, green and blue in 0 ... 255.
        path: of the GIF.
        period: time from frame to frame [s]; at least 0.02, since viewers slow down faster ones. GIF counts in hundredths of a second.

    Raises:
        InputError: the file cannot be written.
    """
    # One palette for all frames: each then differs from the one before only where something moved, and only that is stored.
    palette = Image.fromarray(np.concatenate([frames[0], frames[len(frames) // 2], frames[-1]])).quantize(_COLOURS)
    images = [Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    durations = [round(1000 * period)] * (len(images) - 1) + [_REST_MS]
    buffer = io.BytesIO()
    images[0].save(buffer, format="GIF", save_all=True, append_images=images[1:], duration=durations, loop=0, optimize=False)
    write_atomically(path, buffer.getvalue())


class _Stage:
    """Floor, landmarks and camera. The floor is left white but for its lines: filling it would take nine tenths of the time."""

    def __init__(self, client: int, arena_half_size: float) -> None:
        self.client = client
        self.arena = arena_half_size
        # Flat things lie in layers, far enough apart for the depth buffer and too near to be seen as steps.
        self.layer = 0.002 * arena_half_size
        # The whole arena, with a tenth to spare, fills the picture from this place.
        target, distance = [0.0, -0.376 * arena_half_size, 0.0], 3.15 * arena_half_size
        self._view = pybullet.computeViewMatrixFromYawPitchRoll(target, distance, yaw=25.0, pitch=-50.0, roll=0.0, upAxisIndex=2)
        self._projection = pybullet.computeProjectionMatrixFOV(40.0, WIDTH / HEIGHT, 0.5 * arena_half_size, 8.0 * arena_half_size)

    def lay_floor(self) -> None:
        """The arena's border, and grid lines a metre (in a small or large arena, a quarter of its half-size) apart."""
        spacing = 1.0 if 1.5 <= self.arena <= 6.0 else self.arena / 4
        lines = int(self.arena / spacing + 1e-9)
        for offset in spacing * np.arange(-lines, lines + 1):
            self.lay_line((-self.arena, offset), (self.arena, offset), 0.006, _GRID, layer=0)
            self.lay_line((offset, -self.arena), (offset, self.arena), 0.006, _GRID, layer=0)
        corners = self.arena * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)])
        for start, end in pairwise(corners):
            self.lay_line(start, end, 0.012, _BORDER, layer=1)

    def lay_landmark(self, point: np.ndarray, radius: float) -> None:
        """A pale disc with a dark rim at the capture radius and a dot in its middle."""
        for share, colour, layer in ((1.0, _RING, 2), (0.88, _DISC, 3), (0.12, _RING, 4)):
            self.put(self.shape(disc(share * radius), colour), [*point, layer * self.layer])

    def lay_line(self, start: np.ndarray, end: np.ndarray, share: float, colour: Colour, layer: int) -> None:
        """A straight line on the floor, as wide as this share of the arena's half-size."""
        mesh = line(np.asarray(start), np.asarray(end), share * self.arena, piece=0.2 * self.arena)
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


class _Robot:
    """A robot's body, the shade under it and the trail behind it."""

    def __init__(self, stage: _Stage, kind: str, colour: Colour) -> None:
        self._stage = stage
        self._pale = tuple(0.45 * part + 0.55 for part in colour)
        radius = load_spec(kind).radius
        shade = stage.put(stage.shape(disc(1.12 * radius), _SHADE), [0.0, 0.0, 0.0])
        self._parts = [(shade, ((0.0, 0.0, 6 * stage.layer), _LEVEL))]
        model = robot_folder(kind) / f"{kind}.urdf"
        if model.exists():
            self._parts += _model_parts(stage, model, colour)
        else:
            body = stage.put(stage.shape(cylinder(radius, radius), colour), [0.0, 0.0, 0.0])
            self._parts.append((body, ((0.0, 0.0, 0.5 * radius + 8 * stage.layer), _LEVEL)))
        self._last: np.ndarray | None = None

    def move(self, point: np.ndarray, heading: float) -> None:
        """To a point [2] (m) and a heading (rad)."""
        turn = pybullet.getQuaternionFromEuler([0.0, 0.0, float(heading)])
        for body, (offset, attitude) in self._parts:
            place, facing = pybullet.multiplyTransforms([*point, 0.0], turn, offset, attitude)
            pybullet.resetBasePositionAndOrientation(body, place, facing, physicsClientId=self._stage.client)
        if self._last is None:
            self._last = point
        elif np.linalg.norm(point - self._last) > _TRAIL_STEP * self._stage.arena:
            self._stage.lay_line(self._last, point, 0.016, self._pale, layer=5)
            self._last = point


Pose = tuple[Sequence[float], Sequence[float]]
"""Position [3], m, and attitude, quaternion xyzw."""


def _model_parts(stage: _Stage, model: Path, colour: Colour) -> list[tuple[int, Pose]]:
    """Bodies and poses, from the robot's place on the floor, of what a URDF shows; its first shape takes the robot's colour."""
    client = stage.client
    robot = pybullet.loadURDF(str(model), useFixedBase=True, physicsClientId=client)
    links = range(-1, pybullet.getNumJoints(robot, client))
    floor = min(pybullet.getAABB(robot, link, client)[0][2] for link in links)
    parts = []
    for _, link, geometry, size, file, offset, attitude, rgba in pybullet.getVisualShapeData(robot, physicsClientId=client):
        link_pose = pybullet.getLinkState(robot, link, physicsClientId=client)[4:6] if link >= 0 else ((0.0, 0.0, 0.0), _LEVEL)
        position, turn = pybullet.multiplyTransforms(*link_pose, offset, attitude)
        shape = _model_shape(stage, geometry, size, file.decode(), rgba[:3] if parts else colour)
        body = stage.put(shape, [0.0, 0.0, 0.0])
        parts.append((body, ((position[0], position[1], position[2] - floor), turn)))
    pybullet.removeBody(robot, client)
    return parts


def _model_shape(stage: _Stage, geometry: int, size: Sequence[float], file: str, colour: Colour) -> int:
    if geometry == pybullet.GEOM_CYLINDER:
        return stage.shape(cylinder(radius=size[1], length=size[0]), colour)
    if geometry == pybullet.GEOM_BOX:
        return stage.shape(box(np.asarray(size)), colour)
    if geometry == pybullet.GEOM_SPHERE:
        return pybullet.createVisualShape(geometry, radius=size[0], rgbaColor=(*colour, 1.0), physicsClientId=stage.client)
    return pybullet.createVisualShape(geometry, fileName=file, meshScale=list(size), rgbaColor=(*colour, 1.0), physicsClientId=stage.client)
