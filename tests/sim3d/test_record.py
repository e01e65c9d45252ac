from __future__ import annotations

import tracemalloc
from dataclasses import fields, replace

import numpy as np
import pytest

from robots.errors import InputError
from sim3d.plant.growing_record import GrowingRecord
from sim3d.plant.record import Record


@pytest.fixture
def record() -> Record:
    generator = np.random.default_rng(0)
    return Record(
        position=generator.normal(size=(2, 6, 3, 2)),
        velocity=generator.normal(size=(2, 6, 3, 2)),
        heading=generator.normal(size=(2, 6, 3)),
        action=generator.normal(size=(2, 5, 3, 2)),
        landmarks=generator.normal(size=(2, 3, 2)),
        tick_period=0.02,
        arena_half_size=2.0,
        robot_radius=0.2,
        capture_radius=0.2,
        world="bullet",
    )


def test_a_record_is_read_as_it_was_written(record, tmp_path):
    record.save(tmp_path / "record.npz")
    again = Record.load(tmp_path / "record.npz")
    for field in fields(Record):
        assert np.array_equal(getattr(again, field.name), getattr(record, field.name))
    assert isinstance(again.tick_period, float) and isinstance(again.world, str) and len(again) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["record.npz"]


def test_a_record_that_grows_is_the_same_in_the_end_and_until_then_there_is_none(record, tmp_path):
    of_missions = ("position", "velocity", "heading", "action", "landmarks")
    with GrowingRecord(tmp_path / "record.npz") as growing:
        for mission in range(len(record)):
            growing.add({name: getattr(record, name)[mission] for name in of_missions})
        assert not list(tmp_path.iterdir())
        growing.save(**{field.name: getattr(record, field.name) for field in fields(Record) if field.name not in of_missions})
    again = Record.load(tmp_path / "record.npz")
    for field in fields(Record):
        assert np.array_equal(getattr(again, field.name), getattr(record, field.name))
    assert [path.name for path in tmp_path.iterdir()] == ["record.npz"]


def test_a_record_takes_no_memory_as_it_grows(tmp_path):
    """300 missions of 10 s at 50 Hz are 30 MB."""
    mission = {"position": np.zeros((501, 3, 2)), "action": np.zeros((500, 3, 2)), "landmarks": np.zeros((3, 2))}
    with GrowingRecord(tmp_path / "record.npz") as growing:
        growing.add(mission)
        tracemalloc.start()
        try:
            for _ in range(300):
                growing.add(mission)
            growing.save(world="bullet")
            held, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert held < 100_000 and most < 1_000_000
    assert (tmp_path / "record.npz").stat().st_size > 10_000_000


def test_a_record_that_cannot_be_written_is_one_line(tmp_path):
    with (
        pytest.raises(InputError, match=r"nowhere/record.npz: cannot be written: No such file or directory$"),
        GrowingRecord(tmp_path / "nowhere" / "record.npz") as growing,
    ):
        growing.add({"position": np.zeros(3)})


def test_what_is_no_record_is_refused_in_one_line(record, tmp_path):
    path = tmp_path / "record.npz"
    with pytest.raises(InputError, match=r"no such file$"):
        Record.load(path)
    replace(record, world="bullet").save(path)
    whole = path.read_bytes()
    np.savez(tmp_path / "other.npz", position=record.position)
    for content in (b"", b"nonsense", whole[: len(whole) // 2], (tmp_path / "other.npz").read_bytes()):
        path.write_bytes(content)
        with pytest.raises(InputError, match="is no record of a series") as error:
            Record.load(path)
        assert "\n" not in str(error.value)
