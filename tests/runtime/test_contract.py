"""A contract is read exactly as written or refused in one line, and an actor runs only on the robot and at the rate it was made for."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robots.errors import InputError
from robots.spec import load_spec
from runtime.contract import Contract, check_period, check_robot, decode_contract, encode_contract
from tests.runtime.factory import make_contract

SOUND = json.loads(encode_contract(make_contract()))
POSITIVE = st.floats(1e-300, 1e300)
ODD = st.sampled_from([None, True, -1, 0, 1, 2**70, -0.5, 0.0, 1e308, "", "spread", [], [1], [[]], {}, {"name": "x"}])


def refusal(text: str) -> str:
    with pytest.raises(InputError) as caught:
        decode_contract(text, "actor_0.onnx")
    line = str(caught.value)
    assert line.startswith("actor_0.onnx: contract") and "\n" not in line
    return line


@given(period=POSITIVE, arena=POSITIVE, state=st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=5).map(tuple))
def test_numbers_survive_to_the_last_bit(period: float, arena: float, state: tuple[float, ...]) -> None:
    contract = make_contract(period=period, arena_half_size=arena, state_initial=state)
    assert decode_contract(encode_contract(contract), "a") == contract


@given(st.text(max_size=50) | st.binary(max_size=50).map(lambda data: data.decode("latin1")))
def test_any_text_is_refused_in_one_line(text: str) -> None:
    refusal(text)


@given(key=st.sampled_from(sorted(SOUND)), value=ODD)
def test_any_value_in_any_place_gives_a_contract_or_one_line(key: str, value: Any) -> None:
    text = json.dumps({**SOUND, key: value})
    try:
        contract = decode_contract(text, "actor_0.onnx")
    except InputError:
        refusal(text)
    else:
        assert contract.period > 0 and contract.team_size > contract.agent >= 0 and contract.action.limit > 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"contract": 7}, ["version 7", "version 1"]),
        ({"periode": 1.0}, ["periode"]),
        ({"agent": 5}, ["agent", "is 5", "0 ... 2"]),
        ({"period": 0}, ["period", "above 0"]),
        ({"action": {**SOUND["action"], "limit": 0.0}}, ["action.limit", "0.0", "above 0"]),
        ({"action": {**SOUND["action"], "effect_delay": -0.1}}, ["effect_delay", "-0.1"]),
    ],
)
def test_errors_name_place_and_value(change: dict, words: list[str]) -> None:
    line = refusal(json.dumps({**SOUND, **change}))
    assert all(word in line for word in words), line


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"robot_kinds": ("quadrotor", "diffdrive")}, ["quadrotor, diffdrive", "'omni'"]),
        ({"action": make_contract(kind="point").action}, ["force", "velocity_setpoint"]),
        ({"robot_radius": 0.1}, ["0.1 m", "0.2 m"]),
        ({"period": 0.013}, ["every 0.013 s", "gives 0.02 s"]),
    ],
)
def test_an_actor_for_another_robot_is_refused_with_both_values(changes: dict, words: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        check_robot(make_contract(**{"period_tolerance": 0.0, **changes}), load_spec("omni"), "a")
    assert all(word in str(caught.value) for word in words), str(caught.value)


@pytest.mark.parametrize(("loop", "tolerance", "fits"), [(0.02, 0.0, True), (0.021, 0.0, False), (0.021, 0.05, True), (0.5, 0.1, False)])
def test_control_rate_may_differ_by_the_trained_tolerance(loop: float, tolerance: float, fits: bool) -> None:
    contract: Contract = msgspec.structs.replace(make_contract(), period_tolerance=tolerance)
    if fits:
        check_period(contract, loop, "a")
    else:
        with pytest.raises(InputError, match=r"every 0\.4 s"):
            check_period(contract, loop, "a")
