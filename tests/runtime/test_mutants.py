"""The mutation run tries the faults that it promises, and its list of what is no fault speaks of code that is there."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.benchmarks.equivalents import EQUIVALENT
from tests.benchmarks.mutants import mutants
from tests.benchmarks.mutation import FOLDER, TESTS

ROOT = Path(__file__).parents[2]


def changes(source: str) -> list[str]:
    return [ast.unparse(each.tree()) for each in mutants(source)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a < b", ["pass", "a <= b", "a >= b"]),
        ("f(a, b, b)", ["pass", "f(b, a, b)"]),
        ("max(a, b)", ["pass"]),
        ("x = a - 1", ["pass", "x = a + 1", "x = a - 2", "x = a - 0"]),
        ("x = not y", ["pass", "x = y"]),
        ("x = (a, b)", ["pass", "x = (b, a)"]),
        ("x: int = True", ["pass", "x: int = False"]),
        ("[a for a in b if c]", ["pass", "[a for a in b]"]),
        ("x: TypeAlias = int", []),
        ("'a docstring'", []),
        ("import x", []),
    ],
)
def test_each_kind_of_fault_is_put_in_once(source: str, expected: list[str]) -> None:
    assert changes(source) == expected


def test_faults_in_functions_and_what_is_never_touched() -> None:
    source = '''
def f(x: "1"=2) -> "3":
    """One."""
    if x:
        return x * 2
    return None
'''
    found = {(each.function, each.before, each.after) for each in mutants(source)}
    assert {after for _, before, after in found if before == "return x * 2"} == {
        "return x / 2",
        "return x * 3",
        "return x * 1",
        "return None",
    }
    assert ("f", "if x:", "if not x:") in found and ("f", "if x:", "pass") in found
    assert not any("One" in before or "1" in after.partition(":")[0] for _, before, after in found if before.startswith("def"))
    assert {function for function, _, _ in found} == {"f"} and not any(before == "return None" for _, before, _ in found)


@pytest.mark.parametrize("module", EQUIVALENT)
def test_what_is_listed_as_no_fault_is_there(module: str) -> None:
    there = {each.key for each in mutants((ROOT / "runtime" / f"{module}.py").read_text())}
    assert EQUIVALENT[module].keys() <= there


@pytest.mark.parametrize("module", TESTS)
def test_every_module_that_is_tried_has_its_tests(module: str) -> None:
    assert (ROOT / "runtime" / f"{module}.py").is_file() and all((ROOT / FOLDER / name).is_file() for name in TESTS[module])
