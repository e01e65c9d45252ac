"""What is written once for numbers and arrays gives the same bits for both."""

from __future__ import annotations

import math
import struct

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from runtime import floats

ANY = st.floats(width=64)
NUMBER = st.floats(allow_nan=False)
POSITIVE = st.floats(0.0, allow_nan=False)


def bits(x: float) -> bytes:
    return struct.pack("<d", x)


@given(ANY, ANY)
@example(1e308, 1.7e308)
@example(math.inf, math.nan)
@example(5e-324, -5e-324)
def test_hypot_is_that_of_numpy(x: float, y: float) -> None:
    with np.errstate(all="ignore"):
        expected = float(np.hypot(x, y))
    found = floats.hypot(x, y)
    assert bits(found) == bits(expected) or (math.isnan(found) and math.isnan(expected))


@given(ANY, ANY)
@example(math.nan, -1.7e30)
def test_hypot_is_that_of_numpy_right_after_a_number_that_was_too_large(x: float, y: float) -> None:
    assert floats.hypot(1e308, 1.7e308) == math.inf
    found = floats.hypot(x, y)
    with np.errstate(all="ignore"):
        expected = float(np.hypot(x, y))
    assert bits(found) == bits(expected) or (math.isnan(found) and math.isnan(expected))


@given(ANY, ANY)
@example(math.nan, 0.0)
@example(0.0, math.nan)
@example(-1.0, 0.0)
def test_fmax_is_that_of_numpy(x: float, y: float) -> None:
    found, expected = floats.fmax(x, y), float(np.fmax(x, y))
    assert found == expected or (math.isnan(found) and math.isnan(expected))


@given(NUMBER, NUMBER)
@example(1.0, 1.0)
@example(-1.0, 1.0)
@example(1.0, -1.0)
def test_the_smaller_and_the_larger_are_those_of_numpy(x: float, y: float) -> None:
    assert floats.minimum(x, y) == np.minimum(x, y) and floats.maximum(x, y) == np.maximum(x, y)


@given(NUMBER)
@example(0.0)
@example(-0.0)
@example(5e-324)
@example(-5e-324)
def test_sign_is_that_of_numpy(x: float) -> None:
    assert floats.sign(x) == np.sign(x)


@given(POSITIVE)
def test_the_root_is_that_of_numpy(x: float) -> None:
    assert bits(floats.sqrt(x)) == bits(float(np.sqrt(x)))


@given(ANY)
def test_what_is_finite_is_what_numpy_calls_so(x: float) -> None:
    assert floats.isfinite(x) == np.isfinite(x)


def test_one_of_two_and_all_any_and_not_of_one() -> None:
    assert (floats.where(True, 1.0, 2.0), floats.where(False, 1.0, 2.0)) == (1.0, 2.0)
    assert floats.any(True) and floats.all(True) and not floats.any(False) and not floats.all(False)
    assert floats.logical_not(False) is True and floats.logical_not(True) is False
