"""Files of log lines: JSON lines, or MCAP (mcap.dev), which Foxglove opens. Both hold the same JSON, and both are readable when cut off."""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import msgspec

from robots.errors import InputError
from runtime.log_lines import Closing, Event, Header, Line, Tick, with_numbers
from runtime.log_schema import schema_of

CHUNK_SECONDS = 0.5
"""An MCAP file grows by chunks; what is in one that was not completed is lost in a crash [s]."""
BYTES_A_TICK = 600
"""About; three robots."""

_KINDS = (Header, Tick, Event, Closing)

_decode = msgspec.json.Decoder(Line).decode


class LogFile(Protocol):
    """Takes lines, the header first. Each method may raise OSError."""

    def write(self, line: Line) -> None:
        """Add one line."""

    def flush(self) -> None:
        """Hand what there is to the system."""

    def size(self) -> int:
        """Of what has been handed over [bytes]."""

    def close(self) -> None:
        """Complete the file."""


def open_log(path: Path) -> LogFile:
    """A new file: MCAP where its name ends in .mcap, else JSON lines. Raises InputError."""
    try:
        return McapFile(path) if path.suffix == ".mcap" else JsonLinesFile(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None


def read_log(path: Path) -> Iterator[Line]:
    """The lines of a log, to its end or to where it was cut off. Raises InputError for what is no log."""
    try:
        with path.open("rb") as file:
            is_mcap = file.read(8).startswith(b"\x89MCAP")
            file.seek(0)
            for number, data in enumerate(_mcap_messages(file) if is_mcap else file, start=1):
                try:
                    line = _decode(data)
                except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                    if number > 1 and not is_mcap and not data.endswith(b"\n"):
                        return  # cut off in the middle of a line
                    raise InputError(f"{path}: line {number}: is no line of a log: {error}") from None
                yield with_numbers(line) if isinstance(line, Tick) else line
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, OverflowError, MemoryError) as error:  # the library's, at a name that is no text, or a length beyond all files
        raise InputError(f"{path}: is no readable MCAP file: {error}") from None


class JsonLinesFile:
    """One JSON document a line."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._encoder = msgspec.json.Encoder()
        self._buffer = bytearray()

    def write(self, line: Line) -> None:
        """Add one line."""
        self._encoder.encode_into(line, self._buffer)
        self._buffer += b"\n"
        self._file.write(self._buffer)

    def flush(self) -> None:
        """Hand what there is to the system."""
        self._file.flush()

    def size(self) -> int:
        """Of what has been handed over [bytes]."""
        return os.fstat(self._file.fileno()).st_size

    def close(self) -> None:
        """Complete the file."""
        self._file.close()


class McapFile:
    """One channel a kind of line: `header`, `tick`, `event`, `closing`, each with a JSON schema. Times are those of the wall clock."""

    def __init__(self, path: Path) -> None:
        _mcap()
        self._folder = path.parent
        self._file = path.open("wb")
        self._encode = msgspec.json.Encoder().encode
        self._writer: Any = None
        self._began = self._latest = 0

    def write(self, line: Line) -> None:
        """Add one line."""
        if isinstance(line, Header):
            self._begin(line)
        if isinstance(line, Tick | Event):
            self._latest = self._began + round(line.t * 1e9)
        self._writer.add(_KINDS.index(type(line)) + 1, self._latest, self._encode(line))

    def flush(self) -> None:
        """Hand what there is to the system."""
        self._file.flush()

    def size(self) -> int:
        """Of what has been handed over [bytes]."""
        return os.fstat(self._file.fileno()).st_size

    def close(self) -> None:
        """Complete the file, with an index."""
        if self._writer is not None:
            self._writer.finish()
        self._file.close()

    def _begin(self, header: Header) -> None:
        from runtime.mcap_writer import McapWriter

        self._began = self._latest = round(header.began * 1e9)
        peers = [robot["id"] for robot in header.team.get("robots", ()) if robot["id"] != header.robot]
        schemas = {kind.__name__.lower(): (f"fieldswarm.{kind.__name__}", msgspec.json.encode(schema_of(kind, peers))) for kind in _KINDS}
        self._writer = McapWriter(self._file, self._folder, schemas, max(1024, round(CHUNK_SECONDS / header.period * BYTES_A_TICK)))


def _mcap_messages(file: Any) -> Iterator[bytes]:
    """The messages of an MCAP file in the order in which they were written, to its end or to where it was cut off."""
    mcap = _mcap()
    with contextlib.suppress(mcap.exceptions.McapError, struct.error, EOFError):
        for record in mcap.stream_reader.StreamReader(file).records:
            if isinstance(record, mcap.records.Message):
                yield record.data


def _mcap() -> Any:
    try:
        import mcap.exceptions
        import mcap.records
        import mcap.stream_reader
    except ImportError:
        raise InputError(
            "MCAP files need the extra 'log': pip install 'fieldswarm[log]'; any other name than .mcap gives JSON lines"
        ) from None
    return mcap
