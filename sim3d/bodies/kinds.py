"""Which body a robot kind has in world `bullet`."""

from __future__ import annotations

from robots.errors import InputError
from sim3d.bodies.body import Bodies
from sim3d.bodies.diffdrive import DiffdriveBodies
from sim3d.bodies.omni import OmniBodies
from sim3d.bodies.quadrotor import QuadrotorBodies

BODIES: dict[str, type[Bodies]] = {"diffdrive": DiffdriveBodies, "omni": OmniBodies, "quadrotor": QuadrotorBodies}


def bodies_of(kind: str) -> type[Bodies]:
    """The bodies of a robot kind. Raises InputError for a kind that has none."""
    if kind not in BODIES:
        raise InputError(f"world 'bullet' has no body of robot kind '{kind}'; it has those of {', '.join(BODIES)}")
    return BODIES[kind]
