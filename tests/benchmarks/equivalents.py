"""Changes of the safety gate's code that `tests.benchmarks.mutation` makes and that change nothing, each with its proof.

Module -> (function, before, after) -> why no test can tell.
"""

EQUIVALENT: dict[str, dict[tuple[str, str, str], str]] = {
    "floats": {
        ("hypot", "complex(x, y)", "complex(y, x)"): "the absolute value is the same (ISO C, F.10.4.3: hypot(x, y) and hypot(y, x) are)",
        ("fmax", "x < y", "x <= y"): "they differ where x == y, and then either is the larger one",
    },
}
