"""A camera that looks down on a box from one side, as near as it can be with all of the box in the picture."""

from __future__ import annotations

import math

import numpy as np

from sim3d.quiet_pybullet import pybullet

_YAW, _PITCH = math.radians(25.0), math.radians(-50.0)
"""Where the camera looks: left of north, and down [rad]."""
_FIELD_OF_VIEW = math.radians(40.0)
"""From the lower to the upper edge of a picture [rad]."""

Matrices = tuple[list[float], list[float]]
"""View and projection, as PyBullet takes them."""


def camera_on(half_size: float, height: float, width_to_height: float, strip: float) -> Matrices:
    """Frame the box of half size `half_size` on the floor and a height.

    Args:
        half_size: of the square below, about the origin [m].
        height: of the box [m].
        width_to_height: of the picture.
        strip: share of the picture's height, at its upper edge, that is kept free.
    """
    right = np.array([math.cos(_YAW), math.sin(_YAW), 0.0])
    ahead = np.array([-math.sin(_YAW) * math.cos(_PITCH), math.cos(_YAW) * math.cos(_PITCH), math.sin(_PITCH)])
    up = np.cross(right, ahead)
    corners = np.array([(x, y, z) for x in (-half_size, half_size) for y in (-half_size, half_size) for z in (0.0, height)])
    across, above, depth = corners @ right, corners @ up, corners @ ahead
    # A corner at (a, d) is inside an edge of slope k seen from (e, f) when a - e <= k (d - f): for each edge e - k f has a least value.
    # The two edges of an axis give the foremost f at which both hold, and the middle of what is then left for e.
    slope = math.tan(0.5 * _FIELD_OF_VIEW)
    edges = ((across, slope * width_to_height, slope * width_to_height), (above, slope * (1.0 - 2.0 * strip), slope))
    least = [(np.max(a - k * depth), np.max(-a - other * depth)) for a, k, other in edges]
    forward = min(-(one + two) / (k + other) for (one, two), (_, k, other) in zip(least, edges, strict=True))
    aside, upwards = (0.5 * (one + k * forward - two - other * forward) for (one, two), (_, k, other) in zip(least, edges, strict=True))
    eye = aside * right + upwards * up + forward * ahead
    near, far = depth.min() - forward, depth.max() - forward
    view = pybullet.computeViewMatrix(eye.tolist(), (eye + ahead).tolist(), up.tolist())
    # Robots may be a little outside of the box.
    return view, pybullet.computeProjectionMatrixFOV(math.degrees(_FIELD_OF_VIEW), width_to_height, 0.3 * near, 2.0 * far)
