"""A robot as its URDF shows it, moved by hand: its body where it was, at the height at which its kind moves, its shade and its trail."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from robots.quadrotor.flight_stack import MISSION_HEIGHT
from robots.spec import load_spec, robot_folder
from sim3d.quiet_pybullet import pybullet
from sim3d.render.mesh import box, cylinder, disc
from sim3d.render.stage import Colour, Stage

_HEIGHTS = {"quadrotor": MISSION_HEIGHT}
"""Kinds that do not stand on the floor, with the height of their origin [m]."""

_LEVEL = (0.0, 0.0, 0.0, 1.0)
"""The attitude of a thing that is not turned: quaternion xyzw."""

_TRAIL_STEP = 0.008
"""A trail grows when its robot has moved by this share of the arena's half-size."""

_SHADE: Colour = (0.78, 0.78, 0.80)
_PLUMB = 0.006
"""Half width of the line from a flying robot to the point below it, of the arena's half-size."""

Pose = tuple[Sequence[float], Sequence[float]]
"""Position [3], m, and attitude, quaternion xyzw."""


def height_of(kind: str) -> float:
    """The height at which robots of a kind move [m]; 0 for those on the floor."""
    return _HEIGHTS.get(kind, 0.0)


class DrawnRobot:
    """A robot's body, the shade under it and the trail behind it; of one that flies a plumb line, too.

    Args:
        stage: to be on.
        kind: its model is `robots/<kind>/<kind>.urdf`, or a disc of its radius where there is none.
        colour: of its widest parts, and paler of its trail.
        arena_half_size: [m].
    """

    def __init__(self, stage: Stage, kind: str, colour: Colour, arena_half_size: float) -> None:
        self._stage, self._arena = stage, arena_half_size
        self._pale = tuple(0.45 * part + 0.55 for part in colour)
        radius, height = load_spec(kind).radius, height_of(kind)
        shade = stage.put(stage.shape(disc(1.12 * radius), _SHADE), [0.0, 0.0, 0.0])
        self._parts: list[tuple[int, Pose]] = [(shade, ((0.0, 0.0, 1.5 * stage.layer), _LEVEL))]
        model = robot_folder(kind) / f"{kind}.urdf"
        if model.exists():
            self._parts += _model_parts(stage, model, height, colour)
        else:
            body = stage.put(stage.shape(cylinder(radius, radius), colour), [0.0, 0.0, 0.0])
            self._parts.append((body, ((0.0, 0.0, 0.5 * radius + 8 * stage.layer), _LEVEL)))
        if height:
            plumb = stage.put(stage.shape(cylinder(_PLUMB * arena_half_size, height), self._pale), [0.0, 0.0, 0.0])
            self._parts.append((plumb, ((0.0, 0.0, 0.5 * height), _LEVEL)))
        self._last: np.ndarray | None = None

    def move(self, point: np.ndarray, heading: float) -> None:
        """To a point [2] (m) and a heading (rad)."""
        turn = pybullet.getQuaternionFromEuler([0.0, 0.0, float(heading)])
        for body, (offset, attitude) in self._parts:
            place, facing = pybullet.multiplyTransforms([*point, 0.0], turn, offset, attitude)
            pybullet.resetBasePositionAndOrientation(body, place, facing, physicsClientId=self._stage.client)
        if self._last is None:
            self._last = point
        elif np.linalg.norm(point - self._last) > _TRAIL_STEP * self._arena:
            self._stage.lay_line(self._last, point, 0.016, self._pale, layer=5)
            self._last = point


def _model_parts(stage: Stage, model: Path, height: float, colour: Colour) -> list[tuple[int, Pose]]:
    """Bodies and poses, from the point on the floor below a robot, of what a URDF shows.

    Robots on the floor stand on their lowest point. All shapes of the colour that the widest shape has take the robot's.
    """
    client = stage.client
    robot = pybullet.loadURDF(str(model), useFixedBase=True, physicsClientId=client)
    links = range(-1, pybullet.getNumJoints(robot, client))
    lift = height or -min(pybullet.getAABB(robot, link, client)[0][2] for link in links)
    shown = pybullet.getVisualShapeData(robot, physicsClientId=client)
    own = max(shown, key=lambda shape: _width(shape[2], shape[3]))[7]
    parts = []
    for _, link, geometry, size, file, offset, attitude, rgba in shown:
        link_pose = pybullet.getLinkState(robot, link, physicsClientId=client)[4:6] if link >= 0 else ((0.0, 0.0, 0.0), _LEVEL)
        (x, y, z), turn = pybullet.multiplyTransforms(*link_pose, offset, attitude)
        body = stage.put(_model_shape(stage, geometry, size, file.decode(), colour if rgba == own else rgba[:3]), [0.0, 0.0, 0.0])
        parts.append((body, ((x, y, z + lift), turn)))
    pybullet.removeBody(robot, client)
    return parts


def _width(geometry: int, size: Sequence[float]) -> float:
    """The lesser edge of a shape as its own z axis sees it [m]."""
    return 2.0 * size[1] if geometry == pybullet.GEOM_CYLINDER else min(size[:2])


def _model_shape(stage: Stage, geometry: int, size: Sequence[float], file: str, colour: Colour) -> int:
    if geometry == pybullet.GEOM_CYLINDER:
        return stage.shape(cylinder(radius=size[1], length=size[0]), colour)
    if geometry == pybullet.GEOM_BOX:
        return stage.shape(box(np.asarray(size)), colour)
    if geometry == pybullet.GEOM_SPHERE:
        return pybullet.createVisualShape(geometry, radius=size[0], rgbaColor=(*colour, 1.0), physicsClientId=stage.client)
    return pybullet.createVisualShape(geometry, fileName=file, meshScale=list(size), rgbaColor=(*colour, 1.0), physicsClientId=stage.client)
