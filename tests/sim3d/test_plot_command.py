"""`fieldswarm plot` draws what robots logged, in either kind of file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from PIL import Image

from runtime.log_lines import Tick
from tests.runtime.test_log import HEADER, lines, tick, write


@pytest.mark.parametrize("suffix", ["mcap", "jsonl"])
def test_logs_become_one_picture(tmp_path: Path, suffix: str, fieldswarm: Callable) -> None:
    first, second, out = (tmp_path / name for name in (f"r0.{suffix}", f"r1.{suffix}", "out.png"))
    write(first, lines(100))
    later: list[Tick] = [msgspec.structs.replace(tick(number), episode=number // 40) for number in range(80)]
    write(second, [msgspec.structs.replace(HEADER, robot="r1"), *later])
    done = fieldswarm("plot", first, second, "--out", out)
    assert (done.returncode, done.stdout) == (0, f"wrote {out}: r0 (100 ticks), r1 (80 ticks)\n"), done.stderr
    with Image.open(out) as picture:
        assert picture.width > 1000 and len(picture.getcolors(1 << 24)) > 20
    assert "r1 (40 ticks)" in fieldswarm("plot", second, "--out", out, "--episode", "1").stdout


def test_what_cannot_be_drawn_is_one_line(tmp_path: Path, fieldswarm: Callable) -> None:
    write(tmp_path / "r0.jsonl", [HEADER])
    for log, words in (("r0.jsonl", "has no ticks"), ("nothing.mcap", "cannot be read")):
        done = fieldswarm("plot", tmp_path / log, "--out", tmp_path / "out.png")
        assert done.returncode == 2 and words in done.stderr and done.stderr.count("\n") == 1 and not (tmp_path / "out.png").exists()
