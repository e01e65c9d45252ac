"""The worlds by name, each imported when it is asked for."""

from __future__ import annotations

from collections.abc import Sequence

from robots.errors import InputError
from robots.spec import RobotSpec, load_spec
from runtime.actor import OnnxActor
from runtime.contract import check_robot
from runtime.entities import arena_for
from sim3d.world import World

WORLDS = ("spread", "bullet", "planar")


def check_world(name: str | None, spec: RobotSpec) -> str:
    """The world to run robots of this kind in: `spread` for kind `point`, else `bullet` unless `name` is `planar`.

    Raises InputError when they do not live in the world that is asked for.
    """
    homes = ("spread",) if spec.kind == "point" else ("bullet", "planar")
    if name not in (None, *homes):
        raise InputError(f"world '{name}' has no robots of kind '{spec.kind}'; they live in world '{homes[0]}'")
    return name or homes[0]


def specs_of(actors: Sequence[OnnxActor], place: str) -> list[RobotSpec]:
    """What the robots of a team are, by agent: the first kind that each actor is for. `place` names the bundle in errors.

    Raises InputError when an actor does not fit its robot, or the robots do not go together.
    """
    specs = [load_spec(actor.contract.robot_kinds[0]) for actor in actors]
    for actor, spec in zip(actors, specs, strict=True):
        check_robot(actor.contract, spec, place)
        check_world(check_world(None, specs[0]), spec)
    return specs


def make_world(name: str, specs: Sequence[RobotSpec], landmarks: int, arena_half_size: float, workers: int = 0) -> World:
    """A world for a team of robots, in `bullet` and `planar` of any kinds.

    Args:
        name: one of WORLDS.
        specs: what each of the N robots is.
        landmarks: L.
        arena_half_size: [m].
        workers: processes that share a batch in `bullet`; 0 runs it in this one.

    Raises:
        InputError: robots of these kinds do not live in that world, or not together, or not in an arena of that size.
    """
    for spec in specs:
        check_world(name, spec)
    if name == "spread":
        from sim3d.spread import SpreadWorld

        # As crowded as simple_spread's own of three, for actors that are for teams of many sizes.
        crowded = arena_for(SpreadWorld.arena_half_size, 3, max(len(specs), landmarks))
        if arena_half_size not in (SpreadWorld.arena_half_size, crowded):
            raise InputError(f"world 'spread' has an arena of half size {SpreadWorld.arena_half_size:g}, not {arena_half_size:g}")
        return SpreadWorld(len(specs), landmarks=landmarks, arena_half_size=arena_half_size)
    if name == "planar":
        from sim3d.planar import PlanarWorld

        return PlanarWorld(specs, arena_half_size, landmarks=landmarks)
    from sim3d.bullet import BulletWorld

    return BulletWorld(specs, arena_half_size, landmarks=landmarks, workers=workers)
