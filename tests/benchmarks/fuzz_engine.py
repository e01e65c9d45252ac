"""`python -m tests.benchmarks.fuzz_engine DECODER INPUTS SEED FOLDER`: one decoder under atheris, for `tests.benchmarks.fuzz`.

libFuzzer ends the process itself, so each decoder has one of its own. What breaks a property is written down, once for each place in the
code, and the run goes on; what hangs or kills the process ends it, and libFuzzer writes down the input.
"""

from __future__ import annotations

import hashlib
import sys
import traceback
from pathlib import Path
from random import Random

import atheris

INSTRUMENTED = ["robots", "runtime", "sim3d", "tests.runtime", "yaml", "zipfile"]
"""Their branches, and what they compare, are what libFuzzer is guided by; libraries in C it does not see."""
HANG = 20
"""Longest time that one input may take [s]; the largest of them takes a hundredth of a second."""
MOST_MEMORY = 4096
"""Of the process [MiB]."""
BLIND = 0.5
"""Share of the inputs that libFuzzer makes without regard to their structure."""


def main() -> None:
    """Never returns."""
    with atheris.instrument_imports(include=INSTRUMENTED):
        from tests.runtime.fuzz_targets import TARGETS
    name, inputs, seed, folder = sys.argv[1], sys.argv[2], sys.argv[3], Path(sys.argv[4])
    target, seen = TARGETS[name], set()
    corpus, findings = folder / "corpus", folder / "findings"
    for each in (corpus, findings):
        each.mkdir(parents=True, exist_ok=True)
    for sound in target.seeds:
        (corpus / hashlib.sha1(sound).hexdigest()).write_bytes(sound)

    def take(data: bytes) -> None:
        try:
            target.takes(data)
        except Exception as error:
            place = (type(error), *((frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)[-2:]))
            if place not in seen:
                seen.add(place)
                path = findings / f"{type(error).__name__}-{hashlib.sha1(data).hexdigest()[:12]}"
                path.write_bytes(data)
                path.with_suffix(".txt").write_text(traceback.format_exc())
                print(f"FINDING {path}", file=sys.stderr, flush=True)

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        chance = Random(seed)
        return atheris.Mutate(data, most) if chance.random() < BLIND else target.mutate(data, chance)[:most]

    options = {
        "runs": inputs,
        "seed": seed,
        "max_len": target.longest,
        "timeout": HANG,
        "rss_limit_mb": MOST_MEMORY,
        "artifact_prefix": f"{findings}/",
        "print_final_stats": 1,
    }
    atheris.Setup([sys.argv[0], *(f"-{key}={value}" for key, value in options.items()), str(corpus)], take, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
