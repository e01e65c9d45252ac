"""Where the bytes of a bundle lie: a directory, or a .zip that is read in place and never unpacked."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path

from robots.errors import InputError
from runtime.actor import read_limited

MOST_MEMBERS = 1024
"""Entries of an archive; bounds what a hostile one can make us list."""
LARGEST_DIRECTORY = 2**20
"""Bytes of an archive's own table of them, which is read before they can be counted: a few megabytes of it take seconds and a gigabyte."""


class DirectoryFiles:
    """The files of a directory."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._names = [entry.name for entry in path.iterdir()]
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror}") from None

    def names(self) -> list[str]:
        """Everything that lies in it, folders too."""
        return self._names

    def read(self, name: str, largest: int) -> bytes:
        """One file of at most `largest` bytes. Raises InputError."""
        return read_limited(self._path / name, largest)


class _ShortReads(io.FileIO):
    """Refuses what only a huge table of members can ask for."""

    def read(self, size: int | None = -1) -> bytes:
        if size is not None and size > LARGEST_DIRECTORY:
            raise zipfile.BadZipFile(f"its directory has {size} bytes, at most {LARGEST_DIRECTORY} are allowed")
        return super().read(size)


class ArchiveFiles:
    """The members of a .zip; one folder around all of them, as `zip -r` makes it, does not count."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            with _ShortReads(path) as file, zipfile.ZipFile(file) as archive:
                entries = [info for info in archive.infolist() if not info.filename.endswith("/")]
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, IndexError, struct.error) as error:
            raise InputError(f"{path}: is not a readable .zip: {error}") from None
        members = [info.filename for info in entries]
        odd = next((info for info in entries if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)), None)
        if odd is not None:
            raise InputError(f"{path}: {odd.filename}: is packed by method {odd.compress_type}, must be stored or deflated")
        if len(members) > MOST_MEMBERS:
            raise InputError(f"{path}: has {len(members)} members, a bundle has at most {MOST_MEMBERS}")
        around = {name.partition("/")[0] for name in members}
        prefix = f"{around.pop()}/" if len(around) == 1 and all("/" in name for name in members) else ""
        self._members = {name.removeprefix(prefix): name for name in members}
        if len(self._members) != len(members):
            raise InputError(f"{path}: has two members of one name")

    def names(self) -> list[str]:
        """Everything that lies in it."""
        return list(self._members)

    def read(self, name: str, largest: int) -> bytes:
        """One member of at most `largest` bytes, whatever the archive says of its size. Raises InputError."""
        try:
            with zipfile.ZipFile(self._path) as archive, archive.open(self._members[name]) as member:
                data = member.read(largest + 1)
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError, struct.error) as error:
            raise InputError(f"{self._path}: {name}: cannot be unpacked: {error}") from None
        if len(data) > largest:
            raise InputError(f"{self._path}: {name}: has more than the {largest} bytes that are allowed")
        return data
