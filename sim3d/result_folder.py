"""A folder in which results grow, one file after the other: begun for exactly one piece of work, and gone on with for no other."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from robots.errors import InputError
from runtime.atomic import write_atomically

_HALF_WRITTEN = re.compile(r"\..+\.(csv|html|json|md|npz|png|pt|yaml)\.\w{8}")
"""What `runtime.atomic` calls a file before it is whole; nobody's own hidden file."""


def begin_results(
    folder: Path,
    name: str,
    manifest: msgspec.Struct,
    resume: bool,
    parts: Iterable[str] = (),
    decides: Callable[[Any], Any] = lambda said: said,
) -> None:
    """Start a folder, or go on with one that was made for the same work.

    Args:
        folder: made if need be.
        name: of the manifest's file, which is written first.
        manifest: what is computed, and with what.
        resume: whether results may be there already.
        parts: folders in it, made if need be.
        decides: of a manifest as JSON has it, what decides the results: the rest may be different when work goes on.

    Raises:
        InputError: the folder holds results and is not to be resumed, or results of something else; or it cannot be written.
    """
    path = folder / name
    data = msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"
    if path.exists():
        if not resume:
            raise InputError(f"{folder}: holds results already; --resume goes on with them")
        try:
            found = decides(_read_json(path))
        except (KeyError, TypeError) as error:
            raise InputError(f"{path}: is no manifest of such results: {error}") from None
        _check_same(decides(msgspec.json.decode(data)), found, path)
    try:
        for part in (".", *parts):
            (folder / part).mkdir(parents=True, exist_ok=True)
        # Left by a killed process.
        for stale in folder.rglob(".*"):
            if _HALF_WRITTEN.fullmatch(stale.name):
                stale.unlink()
    except OSError as error:
        raise InputError(f"{folder}: cannot be written: {error.strerror}") from None
    write_atomically(path, data)


def load_arrays(path: Path, what: str) -> dict[str, np.ndarray]:
    """The arrays of an .npz by name. Raises InputError when it is missing or cut; `what` names what it should hold."""
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: holds no {what}: {error}") from None


def _read_json(path: Path) -> Any:
    try:
        return msgspec.json.decode(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: is not JSON: {error}") from None


def _check_same(wanted: Any, found: Any, path: Path, place: str = "") -> None:
    """Refuse results of something else: the first place in which the two differ, and both values."""
    if wanted == found:
        return
    if isinstance(wanted, dict) and isinstance(found, dict):
        # The command comes last: what is different in it shows more clearly elsewhere.
        for key in sorted([*wanted, *(key for key in found if key not in wanted)], key=lambda key: key == "command"):
            _check_same(wanted.get(key), found.get(key), path, f"{place}.{key}" if place else key)
    if isinstance(wanted, list) and isinstance(found, list):
        if len(wanted) != len(found):
            raise InputError(f"{path}: {place}: has {len(found)}, to go on with these results it must have {len(wanted)}")
        for index, (one, other) in enumerate(zip(wanted, found, strict=True)):
            _check_same(one, other, path, f"{place}[{index}]")
    raise InputError(f"{path}: {place}: is {_short(found)}, to go on with these results it must be {_short(wanted)}")


def _short(value: Any) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 60 else f"{text[:57]}..."
