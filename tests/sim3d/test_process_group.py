"""Children never outlive their parent: ended with it, told of in time, and killed when they do not listen."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from process_table import alive, gone

from sim3d.process_group import GRACE, Child, Exit, ProcessGroup

ROOT = Path(__file__).parents[2]


def child(folder: Path, name: str, script: str) -> Child:
    """A Python process with the folder in its command line."""
    return Child(name, (sys.executable, "-c", script, str(folder)), str(folder / f"{name}.out"), str(folder / f"{name}.err"))


SLEEP = "import time; time.sleep(60)"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"


def test_it_tells_who_ended_and_how(tmp_path):
    children = [
        child(tmp_path, "well", "print('out')"),
        child(tmp_path, "badly", "import sys, time; time.sleep(0.3); sys.exit('no luck')"),
        child(tmp_path, "killed", "import os, time; time.sleep(0.6); os.kill(os.getpid(), 9)"),
        Child("missing", (str(tmp_path / "nothing"),), os.devnull, os.devnull),
    ]
    exits: list[Exit] = []
    with ProcessGroup(children, os.environ) as group:
        while group.running:
            exits += group.wait(5.0)
    assert {exit.name: exit.status for exit in exits} == {"well": 0, "badly": 1, "killed": -9, "missing": 127}
    assert "No such file" in next(exit.error for exit in exits if exit.name == "missing")
    assert (tmp_path / "well.out").read_text() == "out\n" and (tmp_path / "badly.err").read_text() == "no luck\n"


def test_closing_ends_all_and_kills_the_deaf(tmp_path):
    with ProcessGroup([child(tmp_path, "polite", SLEEP), child(tmp_path, "deaf", DEAF)], os.environ) as group:
        while not (tmp_path / "deaf.out").exists() or not (tmp_path / "deaf.out").read_text():
            assert group.wait(0.02) == []
        begin = time.monotonic()
    assert GRACE - 0.2 < time.monotonic() - begin < GRACE + 1.0
    assert not alive(str(tmp_path))
    group.close()


def test_what_children_leave_behind_is_ended_too(tmp_path):
    spawning = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {SLEEP!r}, sys.argv[1]])"
    with ProcessGroup([child(tmp_path, "parent", spawning)], os.environ) as group:
        assert group.wait(5.0) == [Exit("parent", 0)]
    assert gone(str(tmp_path), within=1.0)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_children_die_with_their_parent(tmp_path, number):
    parent = f"""
import os, sys, time
from pathlib import Path
from sim3d.process_group import Child, ProcessGroup
children = [Child(name, (sys.executable, "-c", {SLEEP!r}, {str(tmp_path)!r}), os.devnull, os.devnull) for name in "ab"]
with ProcessGroup(children, os.environ) as group:
    print("started", flush=True)
    group.wait(60)
"""
    process = subprocess.Popen([sys.executable, "-c", parent], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert process.stdout.readline() == b"started\n"
        while len(alive(str(tmp_path))) < 3:  # the parent's own command line has the folder, too
            time.sleep(0.02)
        process.send_signal(number)
        process.wait(timeout=5)
        assert gone(str(tmp_path), within=GRACE + 1.0)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_children_die_when_their_keeper_is_killed(tmp_path):
    with ProcessGroup([child(tmp_path, "a", SLEEP), child(tmp_path, "b", SLEEP)], os.environ) as group:
        while len(alive(str(tmp_path))) < 2:
            time.sleep(0.02)
        (keeper,) = (pid for pid in alive("process_group.py") if os.getpgid(pid) == os.getpgid(alive(str(tmp_path))[0]))
        os.kill(keeper, signal.SIGKILL)
        exits = group.wait(5.0)
        assert [exit.name for exit in exits] == ["a", "b"] and all("keeps it was killed" in exit.error for exit in exits)
    assert gone(str(tmp_path), within=1.0)
