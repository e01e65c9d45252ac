"""`python -m tests.benchmarks.fuzz`: a million inputs for the decoders of what comes from outside, guided by the code that they reach.

No input may crash a decoder, hang it, or be accepted when it is not valid (`tests.runtime.fuzz_targets` has the decoders and what they have
to hold). Needs atheris (extra `fuzz`), which is libFuzzer for Python. Inputs that reached new code are kept in OUT, and the next run begins
with them; so are those that broke something, with the traceback beside them.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.runtime.fuzz_targets import TARGETS

_STATUS = re.compile(r"^#(\d+)\s+(\w+)\s+cov: (\d+) ft: (\d+)(?: corp: (\d+))?")


@dataclass(frozen=True)
class Outcome:
    """What came of one decoder.

    Attributes:
        inputs: that it was given.
        began: branches that the seeds, and the inputs kept by an earlier run, reach.
        reached: branches that were reached in the end.
        kept: inputs that reach something that no other does.
        findings: files that broke something.
        seconds: that it took.
    """

    inputs: int
    began: int
    reached: int
    kept: int
    findings: list[str]
    seconds: float


def fuzz(decoder: str, inputs: int, seed: int, folder: Path) -> Outcome:
    """One decoder, in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.fuzz_engine", decoder, str(inputs), str(seed), str(folder)]
    began, reached = time.monotonic(), {}
    done = kept = 0
    findings = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace") as process:
        for line in process.stdout:
            if match := _STATUS.match(line):
                done, kept = int(match[1]), int(match[5] or 0)
                reached.setdefault(match[2] if match[2] == "INITED" else "LAST", 0)
                reached[match[2] if match[2] == "INITED" else "LAST"] = int(match[3])
            elif line.startswith("FINDING "):
                findings.append(line.removeprefix("FINDING ").strip())
            elif "Test unit written to " in line:  # a hang, or the end of the process
                findings.append(line.rpartition(" written to ")[2].strip())
    if process.returncode != 0 and not findings:
        findings.append(f"exit status {process.returncode}")
    return Outcome(done, reached.get("INITED", 0), reached.get("LAST", 0), kept, findings, time.monotonic() - began)


def main() -> int:
    """Give each decoder its share, and print a table. The status is 1 if anything was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=1_000_000, help="over all decoders that are chosen (default: 1 000 000)")
    parser.add_argument("--decoder", choices=TARGETS, nargs="+", default=list(TARGETS), metavar="NAME", help=", ".join(TARGETS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("runs/fuzz"))
    arguments = parser.parse_args()
    if importlib.util.find_spec("atheris") is None:
        print("skipped: atheris is not installed; pip install 'fieldswarm[fuzz]' (CPython 3.11 on x86-64 Linux)", file=sys.stderr)
        return 0
    whole = sum(TARGETS[name].weight for name in arguments.decoder)
    print(f"{'decoder':14} {'inputs':>9} {'branches':>9} {'at first':>9} {'kept':>6} {'seconds':>8}  findings", flush=True)
    outcomes = []
    for name in arguments.decoder:
        share = -(-arguments.inputs * TARGETS[name].weight // whole)
        outcomes.append(fuzz(name, share, arguments.seed, arguments.out / name))
        each = outcomes[-1]
        found = ", ".join(each.findings) or "none"
        print(f"{name:14} {each.inputs:9} {each.reached:9} {each.began:9} {each.kept:6} {each.seconds:8.0f}  {found}", flush=True)
    total, seconds, found = (sum(values) for values in zip(*((o.inputs, o.seconds, len(o.findings)) for o in outcomes), strict=True))
    print(f"{'all':14} {total:9} {'':9} {'':9} {'':6} {seconds:8.0f}  {found or 'none'}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
