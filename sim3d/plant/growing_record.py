"""A record that grows on the disk, mission by mission: however long a series is, the plant takes no more memory."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import numpy as np

from robots.errors import InputError
from runtime.atomic import replacing


class GrowingRecord:
    """What a `Record` has of each mission, one after the other, in files without a name beside the record that is to be.

    Args:
        path: of the record.
    """

    def __init__(self, path: str | Path) -> None:
        self._path, self._missions = Path(path), 0
        self._kinds: dict[str, tuple[np.dtype, tuple[int, ...]]] = {}
        self._parts: dict[str, IO[bytes]] = {}
        self._open = ExitStack()

    def __enter__(self) -> GrowingRecord:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def add(self, mission: Mapping[str, np.ndarray]) -> None:
        """Write one mission down: arrays of the same names, shapes and types in each. Raises InputError when that cannot be done."""
        try:
            for name, values in mission.items():
                if name not in self._parts:
                    self._kinds[name] = values.dtype, values.shape
                    self._parts[name] = self._open.enter_context(tempfile.TemporaryFile(dir=self._path.parent))  # noqa: SIM115
                self._parts[name].write(np.ascontiguousarray(values).data)
        except OSError as error:
            raise InputError(f"{self._path}: cannot be written: {error.strerror}") from None
        self._missions += 1

    def save(self, **constants: object) -> None:
        """Make the `.npz` file of all missions and of what is the same in all; it appears whole or not at all. Raises InputError."""
        with replacing(self._path) as file, zipfile.ZipFile(file, "w") as archive:
            for name, part in self._parts.items():
                dtype, shape = self._kinds[name]
                whole = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": (self._missions, *shape)}
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array_header_1_0(member, whole)
                    part.seek(0)
                    shutil.copyfileobj(part, member)
            for name, value in constants.items():
                with archive.open(f"{name}.npy", "w") as member:
                    np.lib.format.write_array(member, np.asanyarray(value))
