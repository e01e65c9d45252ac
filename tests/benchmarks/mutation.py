"""`python -m tests.benchmarks.mutation`: do the tests of the safety gate notice each small fault that is put into it?

One fault at a time (`tests.benchmarks.mutants`): comparisons turned or moved by their border, constants one more and one less, arithmetic
exchanged, statements left out, conditions turned round, arguments and elements exchanged. For each one the tests of its file run, to the
first that fails, in a process that is forked when all libraries have been loaded. The status is 1 if a fault went unnoticed, unless
`tests.benchmarks.equivalents` proves that it is none, or if something listed there was noticed after all.

Neither mutmut (3.8) nor cosmic-ray (8.7) does this: the one leaves the top of a module as it is, where the table of states stands; the
other has neither statements left out nor arguments exchanged, changes the files of the working tree, and takes an hour, since it starts
anew for each of 1 900 faults, most of which shift numbers by bits.
"""

from __future__ import annotations

import argparse
import importlib.abc
import importlib.util
import math
import os
import resource
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path

from tests.benchmarks.equivalents import EQUIVALENT
from tests.benchmarks.mutants import Mutant, mutants

TESTS = {
    "safety": ("test_safety_borders.py", "test_safety.py", "test_barrier.py"),
    "barrier": ("test_barrier_borders.py", "test_barrier.py"),
    "states": ("test_states.py",),
    "arming": ("test_arming.py",),
    "floats": ("test_floats.py",),
}
"""Module of `runtime` -> its tests."""
FOLDER = Path("tests/runtime")
PATIENCE, SHORTEST = 5, 10
"""A fault is noticed that makes the tests go on for so many times as long as they take without one, and for so long at least [s, of a
processor's time, so that a busy machine changes nothing]."""
TIMEOUT = 900.0
"""And one that makes them wait [s]."""
_CAUGHT, _MISSED = 0, 3


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives one module with a fault in it to whoever imports it."""

    def __init__(self, name: str, path: Path, mutant: Mutant | None) -> None:
        self._name, self._path, self._mutant = name, path, mutant

    def find_spec(self, name: str, path: Sequence[str] | None, target: object = None) -> ModuleSpec | None:
        return importlib.util.spec_from_loader(name, self, origin=str(self._path)) if name == self._name else None

    def exec_module(self, module: object) -> None:
        code = self._path.read_text() if self._mutant is None else self._mutant.tree()
        exec(compile(code, self._path, "exec"), module.__dict__)


def missed(module: str, faults: Sequence[Mutant | None], workers: int, longest: int) -> Iterator[tuple[Mutant | None, bool]]:
    """Whether the tests of a module pass with each fault in it (None for none), as they come to an end, in `longest` [s] each."""
    waiting, running = list(reversed(faults)), {}
    while waiting or running:
        while waiting and len(running) < workers:
            mutant = waiting.pop()
            child = os.fork()
            if child == 0:
                resource.setrlimit(resource.RLIMIT_CPU, (longest, longest))
                os._exit(_MISSED if _tests_pass(module, mutant) else _CAUGHT)
            running[child] = (mutant, time.monotonic() + TIMEOUT)
        time.sleep(0.005)
        for child, (mutant, deadline) in list(running.items()):
            ended, status = os.waitpid(child, os.WNOHANG)
            if not ended and time.monotonic() > deadline:
                os.kill(child, signal.SIGKILL)
                ended, status = os.waitpid(child, 0)
            if ended:
                del running[child]
                yield mutant, os.waitstatus_to_exitcode(status) == _MISSED


def _tests_pass(module: str, mutant: Mutant | None) -> bool:
    import pytest
    from hypothesis import Phase, settings

    # The same examples each time, and no search for the smallest that fails.
    phases = (Phase.explicit, Phase.generate)
    settings.register_profile("mutation", deadline=None, database=None, derandomize=True, phases=phases)
    sys.meta_path.insert(0, _Changed(f"runtime.{module}", Path(f"runtime/{module}.py"), mutant))
    silence = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(silence, stream)
    files = [str(FOLDER / name) for name in TESTS[module]]
    options = ["-x", "-q", "--noconftest", "-p", "no:cacheprovider", "--hypothesis-profile", "mutation", "-W", "ignore"]
    try:
        return pytest.main([*options, *files]) == pytest.ExitCode.OK
    except BaseException:  # whatever a fault makes of the import
        return False


def _children_seconds() -> float:
    """Of a processor's time, that all processes took that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> int:
    """Try every fault, and say which went unnoticed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=f"of runtime: {', '.join(TESTS)} (default: all)")
    parser.add_argument("--line", type=int, help="only the faults in this line")
    parser.add_argument("--workers", type=int, default=2, help="faults that are tried at a time (default: 2)")
    arguments = parser.parse_args()
    if unknown := set(arguments.modules) - TESTS.keys():
        parser.error(f"no tests are known of {', '.join(sorted(unknown))}")
    import hypothesis.extra.numpy  # noqa: F401  loaded once, here, and not again for each fault
    import msgspec  # noqa: F401
    import yaml  # noqa: F401

    failures = tried = 0
    began = time.monotonic()
    for module in arguments.modules or TESTS:
        before = _children_seconds()
        if not next(missed(module, [None], 1, round(TIMEOUT)))[1]:
            print(f"runtime/{module}.py: its tests fail without any fault")
            return 1
        longest = max(SHORTEST, math.ceil(PATIENCE * (_children_seconds() - before)))
        found = [each for each in mutants(Path(f"runtime/{module}.py").read_text()) if arguments.line in (None, each.line)]
        proven = EQUIVALENT.get(module, {})
        seen = {mutant.key for mutant in found}
        for mutant, went_unnoticed in missed(module, found, arguments.workers, longest):
            if went_unnoticed == (mutant.key in proven):
                continue
            failures += 1
            what = "NOT NOTICED" if went_unnoticed else "noticed, though listed as no fault"
            print(f"runtime/{module}.py:{mutant.line}: {mutant.function}: {mutant.before} -> {mutant.after}: {what}", flush=True)
        for key in proven.keys() - seen if arguments.line is None else ():
            failures += 1
            print(f"runtime/{module}.py: listed as no fault, and not there: {' | '.join(key)}")
        tried += len(found)
        print(f"runtime/{module}.py: {len(found)} faults, {len(seen & proven.keys())} of them proven to be none", flush=True)
    print(f"{tried} faults in {time.monotonic() - began:.0f} s, {failures} open")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
