"""Ask system and interpreter for what a control loop wants: to run before others, memory and files at hand, and no one's housekeeping."""

from __future__ import annotations

import ctypes
import gc
import os
import resource
import sys

PRIORITY = 40
"""Of SCHED_FIFO: above all ordinary work, below the kernel's threads for interrupts (50), without which no message comes in."""

SWITCH_INTERVAL = 2e-4
"""Longest that another thread runs on when the control loop wakes [s]; Python's own 5 ms are a quarter of a tick."""
MOST_FILES = 65_536

_MCL_CURRENT, _MCL_FUTURE = 1, 2


def claim_realtime(priority: int = PRIORITY) -> list[str]:
    """SCHED_FIFO, and all memory locked: for this process, threads that it starts later included.

    Returns:
        What was not granted, each in words; the process runs on without it. Empty when all was.
    """
    return [why for why in (_first_in_first_out(priority), _lock_memory()) if why]


def settle_interpreter() -> None:
    """What is there now stays for good, so the collector need not look through it in a tick; and the log's thread gives way at once."""
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(SWITCH_INTERVAL)


def allow_many_files() -> int:
    """As many open files as this process may allow itself, and how many that are: ZeroMQ takes one for each connection, a stranger's too,
    and a process that has none left cannot go on. The usual 1024 are soon used up."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = MOST_FILES if most == resource.RLIM_INFINITY else min(most, MOST_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, most))
    return allowed


def _first_in_first_out(priority: int) -> str:
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
    except (OSError, AttributeError) as error:
        return f"SCHED_FIFO {priority}: {getattr(error, 'strerror', None) or 'not on this system'}"
    return ""


def _lock_memory() -> str:
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        failed = libc.mlockall(_MCL_CURRENT | _MCL_FUTURE)
    except (OSError, AttributeError):
        return "locked memory: not on this system"
    return f"locked memory: {os.strerror(ctypes.get_errno())}" if failed else ""
