"""Real time where the system grants it, and a clear word where it does not; in a process of its own, since it stays so."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

CLAIM = "print(r.claim_realtime()); print(os.sched_getscheduler(0) == os.SCHED_FIFO)"
DROP = """
for limit in (resource.RLIMIT_RTPRIO, resource.RLIMIT_MEMLOCK):
    resource.setrlimit(limit, (0, 0))
os.setuid(65534)
"""


def claim(before: str = "") -> list[str]:
    program = f"import os, resource, runtime.realtime as r\n{before}\n{CLAIM}"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True).stdout.splitlines()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has rights to give up")
def test_without_the_rights_it_says_what_is_missing_and_goes_on() -> None:
    said, fifo = claim(DROP)
    assert "SCHED_FIFO 40: Operation not permitted" in said and "locked memory: " in said and fifo == "False"


def test_what_is_granted_is_in_force() -> None:
    said, fifo = claim()
    assert ("SCHED_FIFO" in said) == (fifo == "False")


def test_a_system_without_them_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    from runtime import realtime

    monkeypatch.delattr(os, "sched_setscheduler")
    monkeypatch.setattr(realtime.ctypes, "CDLL", lambda *_, **__: object())
    assert realtime.claim_realtime() == ["SCHED_FIFO 40: not on this system", "locked memory: not on this system"]
