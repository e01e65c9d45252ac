"""From the stored episodes of an evaluation to all of its figures."""

from __future__ import annotations

from itertools import combinations

from sim3d.suite.comparisons import compare
from sim3d.suite.figures import PolicyFigures
from sim3d.suite.recoveries import recoveries_of
from sim3d.suite.results import PolicyResult, Results
from sim3d.suite.scores import STORED, PolicyScores
from sim3d.suite.store import CellStore


def results_of(store: CellStore) -> Results:
    """All figures of an evaluation whose cells are all there. Raises InputError when one is not."""
    manifest = store.manifest
    names = {policy: tuple(bundle.name for bundle in bundles) for policy, bundles in manifest.policies.items()}
    # One policy at a time, and of each only its scores for what is compared: ten seeds in a hundred cells take a quarter of a gigabyte.
    policies = {policy: _policy(store, bundles) for policy, bundles in names.items()}
    scores = {policy: PolicyScores(store, bundles, (manifest.suite.score,)) for policy, bundles in names.items()}
    figures = {policy: PolicyFigures(manifest, each) for policy, each in scores.items()}
    return Results(
        suite=manifest.suite.name,
        suite_sha256=manifest.suite_sha256,
        score=manifest.suite.score,
        policies=policies,
        comparisons=tuple(
            compare(later, scores[later], figures[later], earlier, scores[earlier], figures[earlier], tuple(manifest.suite.families))
            for earlier, later in combinations(names, 2)
        ),
    )


def _policy(store: CellStore, bundles: tuple[str, ...]) -> PolicyResult:
    scores = PolicyScores(store, bundles, STORED)
    recovery = recoveries_of(store, bundles, scores.weights, scores.number)
    return PolicyFigures(store.manifest, scores).all(bundles, recovery)
