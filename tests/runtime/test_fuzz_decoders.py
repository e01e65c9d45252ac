"""No input crashes a decoder or is accepted when it is not valid; `python -m tests.benchmarks.fuzz` tries a million of them."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.runtime.fuzz_targets import TARGETS

NAMES = st.sampled_from(sorted(TARGETS))


@pytest.mark.parametrize("name", TARGETS)
def test_a_sound_input_is_accepted(name: str) -> None:
    """Or all the others would say nothing."""
    assert TARGETS[name].takes(TARGETS[name].seeds[0])


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(chance=st.randoms(use_true_random=False))
def test_what_is_changed_in_its_structure_breaks_nothing(name: str, chance: Random) -> None:
    TARGETS[name].takes(TARGETS[name].variant(chance))


@settings(max_examples=300)
@given(name=NAMES, data=st.binary(max_size=300))
def test_any_bytes_break_nothing(name: str, data: bytes) -> None:
    TARGETS[name].takes(data)


@pytest.mark.parametrize("name", TARGETS)
def test_every_cut_of_a_sound_input_breaks_nothing(name: str) -> None:
    sound = TARGETS[name].seeds[0]
    for length in range(0, len(sound), max(1, len(sound) // 40)):
        TARGETS[name].takes(sound[:length])
