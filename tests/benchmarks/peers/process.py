"""A system that is measured in a process of its own, in the Python that it is installed in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

ROOT = Path(__file__).resolve().parents[3]
SCRIPTS = Path(__file__).with_name("scripts")
PEERS_PYTHON = ROOT / ".venv-peers/bin/python"
INSTALL = "`make peers` installs VMAS, JaxMARL, BenchMARL and SuperSuit in .venv-peers"


class PeerFailed(Exception):
    """A system cannot be measured; the message is the last line that it printed."""


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
        with (
            tempfile.TemporaryFile("w+") as complaints,
            subprocess.Popen(
                self.command(threads),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                text=True,
                cwd=ROOT,
                env=os.environ | {"OMP_WAIT_POLICY": "PASSIVE"},
            ) as process,
        ):
            try:
                yield Asked(process, complaints)
            finally:
                process.kill()


class Asked:
    """A running system that answers questions; see scripts/answering.py."""

    def __init__(self, process: subprocess.Popen[str], complaints: TextIO) -> None:
        self._process, self._complaints = process, complaints

    def rate(self, batch: int, seconds: float) -> float:
        """Env steps/s of a batch of that size, measured for so long [s] at least. Raises PeerFailed."""
        try:
            self._process.stdin.write(json.dumps({"batch": batch, "seconds": seconds}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it says why below
        line = self._process.stdout.readline()
        if not line:
            self._complaints.seek(0)
            raise PeerFailed((self._complaints.read().strip() or "it ended without a word").splitlines()[-1])
        return json.loads(line)["rate"]
