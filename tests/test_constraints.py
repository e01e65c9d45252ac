"""Everything that set-up installs is pinned, for each Python."""

import re
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]


def test_every_package_that_set_up_installs_is_pinned():
    pinned = {canonicalize_name(re.split("==", line)[0]) for line in constraints()}
    extras = frozenset({"train", "sim", "security", "log", "dev"})
    missing = {name for name in installed_closure("fieldswarm", extras) if name not in pinned}
    assert missing == {"fieldswarm"}


def test_pins_are_exact_and_name_each_package_once_for_each_python():
    parsed = [Requirement(line) for line in constraints()]
    for python in ("3.10", "3.11"):
        here = [pin.name for pin in parsed if pin.marker is None or pin.marker.evaluate({"python_version": python})]
        assert len(here) == len(set(here))
    for pin in parsed:
        assert [specifier.operator for specifier in pin.specifier] == ["=="], pin


def constraints() -> list[str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def installed_closure(name: str, extras: frozenset[str], seen: set[str] | None = None) -> set[str]:
    """Names of an installed distribution and of everything that it needs here, but for what it pins itself (torch does so with CUDA)."""
    seen = set() if seen is None else seen
    seen.add(canonicalize_name(name))
    for text in requires(name) or []:
        needed = Requirement(text)
        wanted = needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras or {""})
        pinned = any(specifier.operator == "==" for specifier in needed.specifier)
        if wanted and not pinned and canonicalize_name(needed.name) not in seen:
            installed_closure(needed.name, frozenset(needed.extras), seen)
    return seen
