"""The log: the same lines in both kinds of file, readable when cut off, and computed again bit for bit."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest

from robots.errors import InputError
from runtime import log as log_module
from runtime.log import RunLog, earlier_part
from runtime.log_file import open_log, read_log
from runtime.log_lines import Closing, Event, Header, Line, Peer, Tick
from runtime.log_schema import schema_of

HEADER = Header("r0", 1, "realtime", 0.02, {"robots": []}, "0" * 64, "1" * 64, {}, 1.7e9, {}, 0.05, "omni", {"missions": []})
SUFFIXES = pytest.mark.parametrize("suffix", ["mcap", "jsonl"])


def tick(number: int) -> Tick:
    peers = {"r1": Peer(0.1, [1 / 3, 2.0], [0.0, -0.5]), "r2": Peer(None, [0.0, 0.0], [0.0, 0.0])}
    return Tick(0.02 * number, number, 0, number, "ACTIVE", 0.0, [0.1, 0.2], [0.0, 0.0], 0.0, peers, [1.0, 0.0], [0.5, 0.0], ["speed"], 9.0)


def lines(count: int) -> list[Line]:
    return [HEADER, *map(tick, range(count)), Event(0.5, "mode", {"from": "ACTIVE", "to": "HOLD"}), Closing({"ticks": count})]


def write(path: Path, content: list[Line]) -> None:
    log = RunLog(path, print)
    for line in content:
        log.write(line)
    log.close()


@SUFFIXES
def test_what_was_written_is_read_again(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"r0.{suffix}"
    write(path, lines(200))
    assert list(read_log(path)) == lines(200)


@SUFFIXES
def test_a_log_is_readable_wherever_it_was_cut_off(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"r0.{suffix}"
    write(path, lines(300))
    whole = path.read_bytes()
    for size in np.linspace(len(whole) // 3, len(whole) - 1, 60).astype(int).tolist():
        path.write_bytes(whole[:size])
        read = list(read_log(path))
        assert read == lines(300)[: len(read)] and len(read) > 40


WRITER = """
import sys, time
from pathlib import Path
from runtime.log import RunLog, earlier_part
from tests.runtime.test_log import HEADER, tick
log = RunLog(Path(sys.argv[1]), print)
log.write(HEADER)
for number in range(10**6):
    log.write(tick(number))
    print(number, flush=True)
    time.sleep(0.02)
"""


@SUFFIXES
def test_a_process_that_is_killed_leaves_all_but_the_last_second(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"r0.{suffix}"
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
    last = 0
    for line in process.stdout:
        last = int(line)
        if last == 120:
            process.send_signal(signal.SIGKILL)
            break
    process.communicate()
    read = [line for line in read_log(path) if isinstance(line, Tick)]
    assert read == [tick(number) for number in range(len(read))] and len(read) >= last - 50


@SUFFIXES
def test_a_file_that_grows_takes_no_memory(tmp_path: Path, suffix: str) -> None:
    file = open_log(tmp_path / f"r0.{suffix}")
    file.write(HEADER)
    held = []
    tracemalloc.start()
    try:
        for number in range(8000):
            file.write(tick(number))
            if number % 2000 == 1999:
                file.flush()
                held.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    file.close()
    assert (tmp_path / f"r0.{suffix}").stat().st_size > 2_000_000 and held[-1] - held[0] < 10_000


def size(file: Path) -> int:
    """0 for one that has just got another name."""
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


@SUFFIXES
def test_a_log_never_grows_beyond_its_limit_and_keeps_the_newest(tmp_path: Path, suffix: str) -> None:
    path, limit = tmp_path / f"r0.{suffix}", 200_000
    log, largest = RunLog(path, print, limit), 0
    log.write(HEADER)
    for number in range(3000):
        log.write(tick(number))
        if number % 50 == 0:
            while log._waiting:
                time.sleep(0.005)
            largest = max(largest, sum(size(file) for file in tmp_path.iterdir()))
    log.close()
    assert {file.name for file in tmp_path.iterdir()} == {path.name, f"r0.before.{suffix}"} == {path.name, earlier_part(path).name}
    assert limit / 2 < largest < 1.3 * limit  # it looks after each write, and MCAP has an index
    (before, *first), (after, *second) = read_log(earlier_part(path)), read_log(path)
    assert [before.part + 1, before.robot] == [after.part, "r0"] and after.part > 3
    assert first + second == [tick(number) for number in range(3000 - len(first + second), 3000)]


def test_a_disk_that_hangs_is_not_felt_and_what_is_lost_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hanging, said = threading.Event(), []
    slow = SimpleNamespace(write=lambda line: hanging.wait(10), flush=lambda: None, size=lambda: 0, close=lambda: None)
    monkeypatch.setattr(log_module, "open_log", lambda path: slow)
    monkeypatch.setattr(log_module, "MOST_WAITING", 50)
    monkeypatch.setattr(log_module, "LONGEST_CLOSE", 0.2)
    log = RunLog(tmp_path / "r0.jsonl", said.append)
    began = time.monotonic()
    for number in range(200):
        log.write(tick(number))
    assert time.monotonic() - began < 0.1
    log.close()
    hanging.set()
    assert time.monotonic() - began < 2.0
    assert len(said) == 1 and 190 <= int(said[0].split(": ")[1].split()[0]) <= 200


def test_a_file_that_cannot_be_opened_is_one_line(tmp_path: Path) -> None:
    for name in ("no/r0.jsonl", "no/r0.mcap"):
        with pytest.raises(InputError, match=r"no/r0\.\w+: cannot be written: No such file"):
            open_log(tmp_path / name)


@pytest.mark.parametrize("content", [b"", b"{}\n", b"not json\n", b'{"line": "tick"}\n', b"\x89MCAP0\r\n", os.urandom(300)])
def test_what_is_no_log_is_refused_or_empty(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    try:
        assert list(read_log(tmp_path / "x")) == []
    except InputError as error:
        assert "is no line of a log" in str(error)


def opened_by_foxglove(schema: dict[str, Any], place: str) -> None:
    """What foxglove/studio's packages/mcap-support/src/parseJsonSchema.ts asks of an object; it throws otherwise."""
    assert schema.get("type") == "object" and isinstance(schema.get("properties"), dict), place
    for name, each in schema["properties"].items():
        where = f"{place}.{name}"
        if each.get("type") == "object":
            opened_by_foxglove(each, where)
        elif each.get("type") == "array" and each["items"].get("type") == "object":
            opened_by_foxglove(each["items"], where)
        else:
            plain = each["items"] if each.get("type") == "array" else each
            assert plain.get("type") in ("boolean", "string", "number", "integer") and "oneOf" not in plain, where


def test_foxglove_opens_every_channel_and_finds_what_is_in_it(tmp_path: Path) -> None:
    """By the format's own library, as another program reads it."""
    from mcap.reader import make_reader

    team = {"robots": [{"id": "r0"}, {"id": "r1"}, {"id": "r2"}]}
    write(tmp_path / "r0.mcap", [msgspec.structs.replace(HEADER, team=team), *lines(100)[1:]])
    with (tmp_path / "r0.mcap").open("rb") as file:
        reader = make_reader(file, validate_crcs=True)
        summary = reader.get_summary()
        # Without an index, Foxglove reads a whole file into memory, up to 1 GB (foxglove/studio: McapIterableSource.ts).
        assert len(summary.chunk_indexes) == summary.statistics.chunk_count > 2 and summary.statistics.message_count == 103
        assert summary.statistics.message_end_time - summary.statistics.message_start_time == 1_980_000_000
        late = [json.loads(message.data) for *_, message in reader.iter_messages(topics=["tick"], starting_at=1_700_000_001_000_000_000)]
        assert [line["tick"] for line in late] == list(range(50, 100))
        assert {channel.topic for channel in summary.channels.values()} == {"header", "tick", "event", "closing"}
        assert {schema.encoding for schema in summary.schemas.values()} == {"jsonschema"}
        counts = dict.fromkeys(("header", "tick", "event", "closing"), 0)
        times = []
        for schema, channel, message in reader.iter_messages():
            counts[channel.topic] += 1
            assert channel.message_encoding == "json"
            described = json.loads(schema.data)
            opened_by_foxglove(described, schema.name)
            assert json.loads(message.data).keys() <= described["properties"].keys()
            times.append(message.log_time)
    assert counts == {"header": 1, "tick": 100, "event": 1, "closing": 1} and times == sorted(times)
    peers = schema_of(Tick, ["r1", "r2"])["properties"]["peers"]["properties"]
    assert peers["r2"]["properties"]["age"] == {"type": "number"} and peers.keys() == {"r1", "r2"}
