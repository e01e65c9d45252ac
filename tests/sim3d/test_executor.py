"""Executors: every one gives every result, sets its workers up once, says when a worker is lost, and leaves nothing behind."""

import os
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from robots.errors import InputError
from sim3d.executor.choice import make_executor
from sim3d.executor.interface import WorkerLost
from tests.sim3d.adder import Adder
from tests.sim3d.process_table import gone

NAMES = [
    "in-process",
    "processes",
    pytest.param(
        "ray", marks=pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed: pip install 'fieldswarm[cluster]'")
    ),
]


@pytest.fixture(autouse=True)
def fresh():
    Adder.made = 0


@pytest.mark.parametrize("name", NAMES)
def test_every_task_gets_its_result_from_workers_that_were_set_up_once(name):
    results = dict(make_executor(name, 2).run(Adder, 100, range(20)))
    assert {task: result[0] for task, result in results.items()} == {task: task + 100 for task in range(20)}
    assert all(made == 1 for _, _, made, _ in results.values())
    processes = {process for _, process, _, _ in results.values()}
    if name == "in-process":
        assert processes == {os.getpid()}
    else:
        assert os.getpid() not in processes and len(processes) <= 2
        assert all(threads == "1" for *_, threads in results.values())


@pytest.mark.parametrize("name", NAMES[:2])
def test_an_error_in_a_task_comes_out_as_it_is(name):
    with pytest.raises(ValueError, match="task -2 cannot be"):
        list(make_executor(name, 1).run(Adder, 0, [-2]))


@pytest.mark.parametrize("name", NAMES)
def test_nothing_to_do_is_done_at_once(name):
    assert list(make_executor(name, 1).run(Adder, 0, [])) == []


def test_a_worker_that_is_killed_is_told():
    results = make_executor("processes", 1).run(Adder, 0, [*range(1, 20), -1, *range(20, 40)])
    got = [next(results)[0]]
    time.sleep(0.5)  # whoever is slow to take results gets all that there are before he is told
    with pytest.raises(WorkerLost):
        got += (task for task, _ in results)
    assert sorted(got) == list(range(1, 20))


def test_closing_early_leaves_no_process():
    results = make_executor("processes", 2).run(Adder, 0, range(1000))
    _, (_, process, _, _) = next(results)
    results.close()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def test_workers_do_not_outlive_a_parent_that_is_killed(tmp_path):
    """Killed outright, it cannot say goodbye, and its workers wait for their next task."""
    mark = str(tmp_path / "parent.py")
    (tmp_path / "parent.py").write_text(
        "import sys, time\n"
        "from sim3d.executor.choice import make_executor\n"
        "from tests.sim3d.adder import Adder\n"
        "if __name__ == '__main__':\n"
        "    results = make_executor('processes', 2).run(Adder, 0, range(3))\n"
        "    print(next(results)[1][1], flush=True)\n"
        "    time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, mark], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(Path.cwd())})
    worker = int(parent.stdout.readline())
    os.kill(worker, 0)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and not _ended(worker):
        time.sleep(0.02)
    assert _ended(worker)
    assert gone(mark, 5)


def _ended(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_a_pool_without_workers_is_refused():
    with pytest.raises(InputError, match="--workers: is 0"):
        make_executor("processes", 0)


def test_a_missing_ray_is_one_line_that_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "sim3d.executor.ray", raising=False)
    with pytest.raises(InputError, match=r"fieldswarm\[cluster\]"):
        make_executor("ray", 1)
