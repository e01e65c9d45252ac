"""The worlds by name, each imported when it is asked for."""

from __future__ import annotations

from robots.errors import InputError
from robots.spec import RobotSpec
from sim3d.world import World

WORLDS = ("spread", "bullet")


def check_world(name: str | None, spec: RobotSpec) -> str:
    """The world in which robots of this kind live: `spread` for kind `point`, else `bullet`. Raises InputError when `name` is another."""
    home = "spread" if spec.kind == "point" else "bullet"
    if name not in (None, home):
        raise InputError(f"world '{name}' has no robots of kind '{spec.kind}'; they live in world '{home}'")
    return home


def make_world(name: str, spec: RobotSpec, robots: int, landmarks: int, arena_half_size: float, workers: int = 0) -> World:
    """A world for robots of one kind.

    Args:
        name: one of WORLDS.
        spec: what the robots are.
        robots: N.
        landmarks: L.
        arena_half_size: [m].
        workers: processes that share a batch in `bullet`; 0 runs it in this one.

    Raises:
        InputError: robots of this kind do not live in that world, or not in an arena of that size.
    """
    if check_world(name, spec) == "spread":
        from sim3d.spread import SpreadWorld

        if arena_half_size != SpreadWorld.arena_half_size:
            raise InputError(f"world 'spread' has an arena of half size {SpreadWorld.arena_half_size:g}, not {arena_half_size:g}")
        return SpreadWorld(robots, landmarks=landmarks)
    from sim3d.bullet import BulletWorld

    return BulletWorld(robots, spec, arena_half_size, landmarks=landmarks, workers=workers)
