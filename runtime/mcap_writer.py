"""MCAP files (mcap.dev/spec) that are indexed and yet take no memory while they grow.

The writer of the `mcap` library keeps an index of all chunks in memory until the file is complete: 5 MB an hour for a robot at 50 Hz. Here
the index waits in a file without a name, which is gone when the process is, and is copied to the end of the log when that is closed. The
records themselves are the library's.
"""

from __future__ import annotations

import shutil
import tempfile
import zlib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from mcap.data_stream import RecordBuilder
from mcap.records import Channel, Chunk, ChunkIndex, DataEnd, Footer, Header, Message, MessageIndex, Schema, Statistics

_MAGIC = b"\x89MCAP0\r\n"


class McapWriter:
    """Writes messages in JSON to one channel a topic.

    Args:
        file: to write to, from its beginning on.
        folder: on whose disk the index waits.
        schemas: topic -> name and JSON schema of its messages; channels are numbered from 1 in this order.
        chunk_size: a chunk is completed, and readable, when it is larger [bytes].
    """

    def __init__(self, file: BinaryIO, folder: Path, schemas: Mapping[str, tuple[str, bytes]], chunk_size: int) -> None:
        self._file = file
        self._index = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  closed when the file is complete
        self._chunk_size = chunk_size
        self._records = RecordBuilder()
        self._chunk = RecordBuilder()
        self._places: dict[int, list[tuple[int, int]]] = {}
        self._counts: Counter[int] = Counter()
        self._chunks = 0
        self._first: int | None = None
        self._last = 0
        Header(profile="", library="fieldswarm").write(self._records)
        self._file.write(_MAGIC + self._records.end())
        for number, (topic, (name, schema)) in enumerate(schemas.items(), start=1):
            Schema(id=number, name=name, encoding="jsonschema", data=schema).write(self._records)
            Channel(id=number, topic=topic, message_encoding="json", metadata={}, schema_id=number).write(self._records)
        self._described, self._channels = self._records.end(), len(schemas)
        self._file.write(self._described)

    def add(self, channel: int, time: int, data: bytes) -> None:
        """Add a message of `time` [ns since 1970]."""
        self._counts[channel] += 1
        self._places.setdefault(channel, []).append((time, self._chunk.count))
        Message(channel_id=channel, log_time=time, publish_time=time, sequence=0, data=data).write(self._chunk)
        if self._chunk.count > self._chunk_size:
            self._end_chunk()

    def finish(self) -> None:
        """Complete the file, with its index; it stays open."""
        if self._places:
            self._end_chunk()
        DataEnd(data_section_crc=0).write(self._records)
        self._file.write(self._records.end())
        summary = self._file.tell()
        self._file.write(self._described)
        Statistics(
            message_count=self._counts.total(),
            schema_count=self._channels,
            channel_count=self._channels,
            attachment_count=0,
            metadata_count=0,
            chunk_count=self._chunks,
            message_start_time=self._first or 0,
            message_end_time=self._last,
            channel_message_counts=self._counts,
        ).write(self._records)
        self._file.write(self._records.end())
        with self._index:
            self._index.seek(0)
            shutil.copyfileobj(self._index, self._file)
        Footer(summary_start=summary, summary_offset_start=0, summary_crc=0).write(self._records)
        self._file.write(self._records.end() + _MAGIC)

    def _end_chunk(self) -> None:
        times = [time for places in self._places.values() for time, _ in places]
        first, last, data, start = min(times), max(times), self._chunk.end(), self._file.tell()
        Chunk(
            compression="",
            data=data,
            message_start_time=first,
            message_end_time=last,
            uncompressed_crc=zlib.crc32(data),
            uncompressed_size=len(data),
        ).write(self._records)
        length, offsets = self._records.count, {}
        for channel, places in self._places.items():
            offsets[channel] = start + self._records.count
            MessageIndex(channel_id=channel, records=places).write(self._records)
        indexed = self._records.count - length
        self._file.write(self._records.end())
        ChunkIndex(
            message_start_time=first,
            message_end_time=last,
            chunk_start_offset=start,
            chunk_length=length,
            message_index_offsets=offsets,
            message_index_length=indexed,
            compression="",
            compressed_size=len(data),
            uncompressed_size=len(data),
        ).write(self._records)
        self._index.write(self._records.end())
        self._places, self._chunks = {}, self._chunks + 1
        self._first, self._last = first if self._first is None else min(first, self._first), max(last, self._last)
