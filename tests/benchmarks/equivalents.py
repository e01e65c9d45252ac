"""Changes of the safety gate's code that `tests.benchmarks.mutation` makes and that change nothing, each with its proof.

Module -> (function, before, after) -> why no test can tell.
"""

_SIDES = "[[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]"
_ORDER = "the nearest point within half-planes is one, and the same in whatever order they are written down"
_ONE_ROBOT = "if wanted.ndim == 1: return _gated(floats, limits, wanted, previous, position, active, apart)"
_ALONE = "one robot goes the way of a batch, which gives the same bits (test_a_batch_is_gated_as_each_robot_alone), only later"
_BOTH = "both coordinates are numbers, or both are arrays"
_PAIRS = "a vector has two coordinates, always"

EQUIVALENT: dict[str, dict[tuple[str, str, str], str]] = {
    "floats": {
        ("hypot", "complex(x, y)", "complex(y, x)"): "the absolute value is the same (ISO C, F.10.4.3: hypot(x, y) and hypot(y, x) are)",
        ("fmax", "x < y", "x <= y"): "they differ where x == y, and then either is the larger one",
    },
    "safety": {
        ("", _SIDES, "[[-1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]"): _ORDER,
        ("", _SIDES, "[[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]]"): _ORDER,
        ("", _SIDES, "[[1.0, 0.0], [-1.0, 0.0], [0.0, -1.0], [0.0, 1.0]]"): _ORDER,
        ("gate", _ONE_ROBOT, "pass"): _ALONE,
        ("gate", "1", "0"): _ALONE,
        ("_scaled", "if not xp.any(too_long): return end", "pass"): "where nothing is too long, the rest gives back `end`, only later",
        ("_scaled", "1.0", "2.0"): "the scale of what is short enough is not used",
        ("_scaled", "True", "False"): _PAIRS,
        ("_fenced", "True", "False"): _PAIRS,
        ("_fenced", "abs(part) > fastest", "abs(part) >= fastest"): "what is exactly as fast as it may be is replaced by itself",
        ("_joined", "0", "1"): _BOTH,
        ("_joined", "0", "-1"): _BOTH,
        (
            "_gated",
            "note('dead_end', action, _parts(kept), ~possible)",
            "note('dead_end', _parts(kept), action, ~possible)",
        ): "two actions differ whichever comes first, and the one that is given back is not used here",
    },
}
