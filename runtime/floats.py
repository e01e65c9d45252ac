"""Plain numbers in numpy's words: what is written in these words once runs on arrays for a batch, and on floats for one robot.

Both give the same bits. A robot's numbers are so few that numpy would spend its time on being called and, since other work has had the
caches between two ticks, on being fetched. No argument is NaN, but where it says so.
"""

from __future__ import annotations

import math
import operator

isfinite = math.isfinite
sqrt = math.sqrt
minimum = min
maximum = max
all = any = bool
logical_not = operator.not_


def hypot(x: float, y: float) -> float:
    """sqrt(x^2 + y^2), of any numbers, NaN too. C's own, as in numpy; `math.hypot` rounds in another way."""
    try:
        return abs(complex(x, y))
    except OverflowError:
        # Too large; or not finite, soon after something else was too large: CPython 3.10 and 3.11 then look at what that left in errno.
        return math.hypot(x, y)


def where(condition: bool, chosen: float, other: float) -> float:
    """The one or the other."""
    return chosen if condition else other


def fmax(x: float, y: float) -> float:
    """The larger one; of two of which one is no number, the other."""
    return y if x != x or x < y else x


def sign(x: float) -> float:
    """1, 0 or -1."""
    return float((x > 0.0) - (x < 0.0))
