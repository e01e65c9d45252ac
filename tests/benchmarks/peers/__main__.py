"""`python -m tests.benchmarks.peers steps|train`."""

from __future__ import annotations

import argparse

from tests.benchmarks.__main__ import table
from tests.benchmarks.peers import throughput


def main() -> None:
    """Measure one of both."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.peers", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    steps = commands.add_parser("steps", help="env steps a second")
    steps.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    arguments = parser.parse_args()
    print(table(throughput.measure(arguments.threads)))


if __name__ == "__main__":
    main()
