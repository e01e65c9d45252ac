"""Ask a robot on this machine how it is (`fieldswarm run --health SOCKET`): 0 if it may move or waits to, 1 if it has stopped for good."""

from __future__ import annotations

import argparse
from pathlib import Path

import msgspec

from runtime.health import ask
from runtime.states import Mode


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`fieldswarm health SOCKET`."""
    parser.add_argument("socket", type=Path, metavar="SOCKET", help="what `fieldswarm run --health` was given")


def run(arguments: argparse.Namespace) -> int:
    """Print the answer. Raises InputError when there is none."""
    report = ask(arguments.socket)
    print(msgspec.json.format(msgspec.json.encode(report), indent=2).decode())
    return 1 if report.get("mode") in (Mode.SAFE_STOP.value, Mode.FAULT.value) else 0
