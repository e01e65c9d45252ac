"""Changes of the safety gate's code that `tests.benchmarks.mutation` makes and that change nothing, each with its proof."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Equal:
    """One of them.

    Attributes:
        function: in which.
        statement: the code, as `ast.unparse` writes it; of a statement that has others in it, its first line.
        old: the part of it that is changed.
        new: what stands there instead.
        proof: why no test can tell.
    """

    function: str
    statement: str
    old: str
    new: str
    proof: str

    @property
    def key(self) -> tuple[str, str, str]:
        """As `tests.benchmarks.mutants` has it."""
        return self.function, self.statement, self.statement.replace(self.old, self.new, 1)


_ORDER = "the nearest point within half-planes is one, and the same in whatever order they are written down"
_BOTH = "both coordinates are numbers, or both are arrays"
_PAIRS = "a vector has two coordinates, always"
_NOTHING = "the bound there is minus infinity: nothing is allowed, whatever the normal"
_UNCHANGED = "of an action that is not changed no reason is told"
_CROSSES = "lines whose sine is zero do not cross"
_PRODUCT = "a product of two numbers does not depend on their order"

_SIDES = "_SIDES = ((1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0))"
_DEAD_END = "note('dead_end', action, kept, xp.logical_not(possible))"
_SCALE = "scale = longest / xp.where(too_long, norm, 1.0)"
_SCALED = "return tuple((xp.where(too_long, begin + part * scale, whole) for begin, part, whole in zip(start, way, end, strict=True)))"
_KEPT_APART = (
    "return nearest(action, _with_fence(xp, limits, apart, position), limits.speed) if violates(action, apart) else (action, True)"
)
_KEPT = "kept.append(xp.where(abs(part) > fastest, outwards * fastest, part))"
_JOINED = "return np.array(parts) if isinstance(parts[0], float) else np.stack(parts, axis=-1)"
_VIOLATES = "return ~(_along(allowed.normal, point[..., None, :]) <= allowed.bound).all(axis=-1)"
_REACH = "return (xp.where(crosses & (sine < 0.0), crossing, -math.inf), xp.where(crosses & (sine > 0.0), crossing, math.inf))"
_COMPARED = "violates has compared how many there are"
_REACHES = "reaches = [_reach(floats, *normal, bound, *other, limit) for other, limit in zip(allowed.normal, allowed.bound, strict=True)]"
_BROKEN = "rows, lines = np.nonzero(~(_along(normal, wanted[:, None]) <= bound))"
_BARRIER = (
    "return Barrier(distance=np.array([spec.radius + other.radius + separation.margin for other in others]), "
    "braking=min((each.acceleration_limit for each in (spec, *others))), "
    "reaction=spec.response_time + period + separation.command_delay, hidden=separation.message_delay)"
)

_EQUAL: dict[str, tuple[Equal, ...]] = {
    "floats": (
        Equal("hypot", "return abs(complex(x, y))", "(x, y)", "(y, x)", "ISO C, F.10.4.3: hypot(x, y) and hypot(y, x) are the same"),
        Equal("fmax", "return y if x != x or x < y else x", "x < y", "x <= y", "where x == y, either is the larger one"),
    ),
    "safety": (
        Equal("", _SIDES, "(1.0, 0.0), (-1.0, 0.0)", "(-1.0, 0.0), (1.0, 0.0)", _ORDER),
        Equal("", _SIDES, "(-1.0, 0.0), (0.0, 1.0)", "(0.0, 1.0), (-1.0, 0.0)", _ORDER),
        Equal("", _SIDES, "(0.0, 1.0), (0.0, -1.0)", "(0.0, -1.0), (0.0, 1.0)", _ORDER),
        Equal("_gated", _DEAD_END, "action, kept", "kept, action", "two actions differ whichever comes first"),
        Equal("_joined", _JOINED, "[0]", "[1]", _BOTH),
        Equal("_joined", _JOINED, "[0]", "[-1]", _BOTH),
        Equal("_scaled", "if not xp.any(too_long):", "if not xp.any(too_long):", "pass", "where nothing is too long, the rest gives `end`"),
        Equal("_scaled", _SCALE, "1.0", "2.0", "the scale of what is short enough is not used"),
        Equal("_scaled", _SCALED, "True", "False", _PAIRS),
        Equal("_fenced", "for part, place in zip(action, position, strict=True):", "True", "False", _PAIRS),
        Equal("_fenced", _KEPT, ">", ">=", "what is exactly as fast as it may be is replaced by itself"),
        Equal("_kept_apart", _KEPT_APART, "(action, True)", "(action, False)", _UNCHANGED),
        Equal("_kept_apart", "if not outside.any():", "if not outside.any():", "pass", "of nobody, nothing is changed, only later"),
        Equal("_kept_apart", "return (action, True)", "True", "False", _UNCHANGED),
    ),
    "barrier": (
        Equal("Barrier._sides", "known = xp.isfinite(age + distance)", "+", "-", "both are finite if their difference is"),
        Equal("Barrier._sides", "divisor = xp.where(distance > 0.0, distance, 1.0)", "1.0", "2.0", "zero, divided by one or by two"),
        Equal("Barrier._sides", "sine = xp.where(certain, doubt / divisor, 0.0)", "0.0", "1.0", _NOTHING),
        Equal("Barrier._sides", "sine = xp.where(certain, doubt / divisor, 0.0)", "0.0", "-1.0", _NOTHING),
        Equal("barrier_for", _BARRIER, "(spec, *others)", "(*others, spec)", "the smallest of them is the same"),
        Equal(
            "_reach",
            "crossing = (limit - bound * cosine) / xp.where(crosses, sine, 1.0)",
            "1.0",
            "2.0",
            "of lines that do not cross it is not used",
        ),
        Equal("_reach", _REACH, "sine < 0.0", "sine <= 0.0", _CROSSES),
        Equal("_reach", _REACH, "sine > 0.0", "sine >= 0.0", _CROSSES),
        Equal("_nearest_of_one", "for normal, bound in zip(allowed.normal, allowed.bound, strict=True):", "True", "False", _COMPARED),
        Equal("_nearest_of_one", _REACHES, "True", "False", _COMPARED),
        Equal("_nearest_of_many", _BROKEN, "normal, wanted[:, None]", "wanted[:, None], normal", _PRODUCT),
        Equal("violates", _VIOLATES, "allowed.normal, point[..., None, :]", "point[..., None, :], allowed.normal", _PRODUCT),
    ),
}

EQUIVALENT = {module: {each.key: each.proof for each in equal} for module, equal in _EQUAL.items()}
"""Module -> what a fault is called -> why it is none."""
