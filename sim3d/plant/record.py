"""The record of a series: what truly happened in each mission, tick by tick, in one `.npz` file."""

from __future__ import annotations

import io
import zipfile
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path

import numpy as np

from robots.errors import InputError
from runtime.atomic import write_atomically


@dataclass(frozen=True)
class Record:
    """E missions of T ticks with N robots and L landmarks; true values, not measured ones.

    Attributes:
        position: [E, T + 1, N, 2], m, world frame; from the start to the end.
        velocity: [E, T + 1, N, 2], m/s, world frame.
        heading: [E, T + 1, N], rad.
        action: [E, T, N, 2], what the plant was commanded in each tick (zero for a silent robot), before latency and limits of the robot.
        landmarks: [E, L, 2], m, world frame; of a series in which any move [E, T + 1, L, 2].
        tick_period: [s].
        arena_half_size: [m].
        robot_radius: [m], of all robots, or [N] of each.
        capture_radius: a landmark within this distance of a robot is covered [m].
        world: name of the world.
        kinds: of the N robots; empty in records of a time when they were not written.
        profile: name of the disturbances; empty likewise.
    """

    position: np.ndarray
    velocity: np.ndarray
    heading: np.ndarray
    action: np.ndarray
    landmarks: np.ndarray
    tick_period: float
    arena_half_size: float
    robot_radius: float | np.ndarray
    capture_radius: float
    world: str
    kinds: tuple[str, ...] = ()
    profile: str = ""

    @property
    def starts(self) -> np.ndarray:
        """Where the robots began: [E, N, 2], m, world frame."""
        return self.position[:, 0]

    def __len__(self) -> int:
        return len(self.position)

    def save(self, path: str | Path) -> None:
        """Write the file; it appears whole or not at all. Raises InputError when it cannot be written."""
        buffer = io.BytesIO()
        np.savez(buffer, **asdict(self))
        write_atomically(path, buffer.getvalue())

    @classmethod
    def load(cls, path: str | Path) -> Record:
        """Read a file that `save` wrote. Raises InputError."""
        try:
            with np.load(path) as file:
                missing = [field.name for field in fields(cls) if field.default is MISSING and field.name not in file]
                if missing:
                    raise InputError(f"{path}: is no record of a series: '{missing[0]}' is missing")
                stored = {field.name: file[field.name] for field in fields(cls) if field.name in file}
                values = {name: value if value.ndim else value.item() for name, value in stored.items()}
        except FileNotFoundError:
            raise InputError(f"{path}: no such file") from None
        except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise InputError(f"{path}: is no record of a series: {error}") from None
        return cls(**{**values, "kinds": tuple(map(str, values.get("kinds", ())))})
