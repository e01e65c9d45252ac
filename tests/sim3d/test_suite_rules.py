"""Rules: what keeps them, what does not, and what is said of it."""

import pytest

from sim3d.statistics.interval import NONE, Estimate
from sim3d.suite.rules import Rule, Rules, broken

FIGURES = {
    "clean.success": Estimate(value=0.9, low=0.85, high=0.95),
    "noise-1.success": Estimate(value=0.8, low=0.75, high=0.85),
    "clean.time_to_cover": NONE,
}


@pytest.mark.parametrize(
    "rule, lines",
    [
        (Rule(figure="clean.success", at_least=0.9), []),
        (Rule(figure="clean.success", at_least=0.91), ["clean.success is 0.9, must be at least 0.91"]),
        (Rule(figure="clean.success", at_least=0.85, by="interval"), []),
        (
            Rule(figure="clean.success", at_least=0.86, by="interval"),
            ["clean.success is 0.9 [0.85, 0.95], its interval must be at least 0.86"],
        ),
        (Rule(figure="clean.success", at_most=0.9), []),
        (Rule(figure="clean.success", at_most=0.89), ["clean.success is 0.9, must be at most 0.89"]),
        (Rule(figure="clean.success", at_most=0.95, by="interval"), []),
        (
            Rule(figure="clean.success", at_most=0.94, by="interval"),
            ["clean.success is 0.9 [0.85, 0.95], its interval must be at most 0.94"],
        ),
        (Rule(figure="*.success", at_least=0.85), ["noise-1.success is 0.8, must be at least 0.85"]),
        (Rule(figure="clean.time_to_cover", at_most=100.0), ["clean.time_to_cover is not there, must be at most 100"]),
    ],
)
def test_a_rule_names_both_values_of_what_breaks_it(rule, lines):
    assert broken(Rules(rules=(rule,)), FIGURES) == lines


def test_every_rule_counts():
    rules = Rules(rules=(Rule(figure="clean.success", at_least=1.0), Rule(figure="noise-1.success", at_most=0.0)))
    assert [line.split()[0] for line in broken(rules, FIGURES)] == ["clean.success", "noise-1.success"]
