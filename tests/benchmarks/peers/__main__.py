"""`python -m tests.benchmarks.peers steps|train`."""

from __future__ import annotations

import argparse

from tests.benchmarks.__main__ import table
from tests.benchmarks.peers import throughput, training


def main() -> None:
    """Measure one of both."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.peers", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    steps = commands.add_parser("steps", help="env steps a second")
    steps.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    train = commands.add_parser("train", help="wall time to a trained team")
    train.add_argument("--minutes", type=float, default=5.0, help="that everyone has for a seed")
    train.add_argument("--threads", type=int, default=2)
    train.add_argument("--seeds", type=int, default=1)
    train.add_argument("--alone", action="store_true", help="fieldswarm only")
    arguments = parser.parse_args()
    if arguments.command == "steps":
        print(table(throughput.measure(arguments.threads)))
    else:
        print(training.race(arguments.minutes, arguments.threads, arguments.seeds, arguments.alone))


if __name__ == "__main__":
    main()
