"""Rules that a policy has to keep: figures with limits, read from YAML, for continuous integration.

    rules:
      - {figure: clean.success, at_least: 0.95}
      - {figure: actuation.latency.break_at, at_least: 0.1, by: interval}
      - {figure: "*.contacts_per_100m", at_most: 5}

A figure is named as in `figures.csv`: its place, `after.` where it is of that phase, and its name; `*` stands for anything, and then all
that fit have to keep the rule. Without a suite there are no places: `success`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

import msgspec

from robots.errors import InputError
from robots.yaml_input import read_yaml
from sim3d.statistics.interval import Estimate
from sim3d.suite.definition import check_known


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One limit of a figure.

    Attributes:
        figure: its name; may have `*` in it.
        at_least, at_most: the limit; exactly one of them.
        by: what must keep it: the figure's value, or its whole 95 % interval.
    """

    figure: str
    at_least: float | None = None
    at_most: float | None = None
    by: Literal["value", "interval"] = "value"


class Rules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of a rules file."""

    rules: tuple[Rule, ...]


def read_rules(path: str | Path, figures: tuple[str, ...]) -> Rules:
    """Read a rules file.

    Args:
        path: the file.
        figures: names that there will be.

    Raises:
        InputError: it cannot be read, has no rules, one without exactly one limit, or one of a figure that there will not be.
    """
    rules = read_yaml(path, Rules)
    if not rules.rules:
        raise InputError(f"{path}: rules: is empty")
    for index, rule in enumerate(rules.rules):
        place = f"{path}: rules[{index}]"
        if (rule.at_least is None) == (rule.at_most is None):
            raise InputError(f"{place}: has {'neither' if rule.at_least is None else 'both'} of at_least and at_most, must have one")
        limit = rule.at_most if rule.at_least is None else rule.at_least
        if not math.isfinite(limit):
            raise InputError(f"{place}: limit is {limit}, must be finite")
        if not any(fnmatchcase(figure, rule.figure) for figure in figures):
            check_known(rule.figure, figures, f"{place}: figure")
    return rules


def broken(rules: Rules, figures: Mapping[str, Estimate]) -> list[str]:
    """One line for each figure that does not keep a rule, with both values; none where all do. A figure that is not there keeps none."""
    lines = []
    for rule in rules.rules:
        for name, estimate in figures.items():
            if fnmatchcase(name, rule.figure) and not _keeps(rule, estimate):
                lines.append(f"{name} is {_shown(estimate, rule)}, {_asked(rule)}")
    return lines


def _keeps(rule: Rule, estimate: Estimate) -> bool:
    if estimate.value is None:
        return False
    if rule.at_least is not None:
        return (estimate.value if rule.by == "value" else estimate.low) >= rule.at_least
    return (estimate.value if rule.by == "value" else estimate.high) <= rule.at_most


def _shown(estimate: Estimate, rule: Rule) -> str:
    if estimate.value is None:
        return "not there"
    value = f"{estimate.value:.4g}"
    return value if rule.by == "value" else f"{value} [{estimate.low:.4g}, {estimate.high:.4g}]"


def _asked(rule: Rule) -> str:
    who = "must be" if rule.by == "value" else "its interval must be"
    return f"{who} at least {rule.at_least:g}" if rule.at_least is not None else f"{who} at most {rule.at_most:g}"
