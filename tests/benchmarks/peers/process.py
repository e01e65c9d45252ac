"""A system that is measured in a process of its own, in the Python that it is installed in."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

ROOT = Path(__file__).resolve().parents[3]
SCRIPTS = Path(__file__).with_name("scripts")
PEERS_PYTHON = ROOT / ".venv-peers/bin/python"
INSTALL = "`make peers` installs VMAS, JaxMARL, BenchMARL and SuperSuit in .venv-peers"


class PeerFailed(Exception):
    """A system cannot be measured; the message is the last line that it printed."""


@contextmanager
def running(command: list[str], threads: int, **streams: Any) -> Iterator[subprocess.Popen[str]]:
    """Start a process in the checkout, and end it at last with all that it has started."""
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "PASSIVE"}
    with subprocess.Popen(command, cwd=ROOT, env=environment, text=True, start_new_session=True, **streams) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


@dataclass(frozen=True)
class System:
    """What is measured.

    Attributes:
        name: as in the table.
        script: file in `scripts` that measures it.
        arguments: of the script, after the number of threads.
        ours: it runs in this Python, not in that of the peers.
    """

    name: str
    script: str
    arguments: tuple[str, ...] = ()
    ours: bool = False

    def command(self, *arguments: object) -> list[str]:
        """How its script is called."""
        python = sys.executable if self.ours else str(PEERS_PYTHON)
        return [python, "-W", "ignore", str(SCRIPTS / self.script), *map(str, arguments), *self.arguments]

    @contextmanager
    def start(self, threads: int) -> Iterator[Asked]:
        """Start the process and end it again; between questions it sleeps."""
        streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with tempfile.TemporaryFile("w+") as complaints, running(self.command(threads), threads, stderr=complaints, **streams) as process:
            yield Asked(process, complaints)


class Asked:
    """A running system that answers questions; see scripts/answering.py."""

    def __init__(self, process: subprocess.Popen[str], complaints: TextIO) -> None:
        self._process, self._complaints = process, complaints

    def rate(self, batch: int, seconds: float) -> float:
        """Env steps/s of a batch of that size, measured for so long [s] at least. Raises PeerFailed."""
        with suppress(BrokenPipeError):  # what went wrong is said below
            self._process.stdin.write(json.dumps({"batch": batch, "seconds": seconds}) + "\n")
            self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            self._complaints.seek(0)
            raise PeerFailed((self._complaints.read().strip() or "it ended without a word").splitlines()[-1])
        return json.loads(line)["rate"]
