"""PyBullet, imported without the line that it writes to stderr: a command's error is one line, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _silent_stderr() -> Iterator[None]:
    # PyBullet writes from C, past sys.stderr.
    kept = os.dup(2)
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)


with _silent_stderr():
    import pybullet

__all__ = ["pybullet"]
