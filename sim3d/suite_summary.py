"""From the stored episodes of an evaluation to all of its figures."""

from __future__ import annotations

from itertools import combinations

from sim3d.cells_store import CellStore
from sim3d.suite_comparisons import compare
from sim3d.suite_figures import PolicyFigures
from sim3d.suite_results import Results
from sim3d.suite_scores import PolicyScores


def results_of(store: CellStore) -> Results:
    """All figures of an evaluation whose cells are all there. Raises InputError when one is not."""
    manifest = store.manifest
    scores = {name: PolicyScores(store, [bundle.name for bundle in bundles]) for name, bundles in manifest.policies.items()}
    figures = {name: PolicyFigures(manifest, each) for name, each in scores.items()}
    families = list(manifest.suite.families)
    return Results(
        suite=manifest.suite.name,
        suite_sha256=manifest.suite_sha256,
        score=manifest.suite.score,
        policies={name: each.all(tuple(bundle.name for bundle in manifest.policies[name])) for name, each in figures.items()},
        comparisons=tuple(
            compare(later, scores[later], figures[later], earlier, scores[earlier], figures[earlier], families)
            for earlier, later in combinations(manifest.policies, 2)
        ),
    )
